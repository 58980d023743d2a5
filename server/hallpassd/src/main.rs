//! hallpassd
fn main() {}
