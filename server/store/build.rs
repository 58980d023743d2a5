//! A new migration folder must rebuild the crate that embeds it; the embedding macro notices only changed files.
fn main() {
    println!("cargo:rerun-if-changed=../../migrations");
}
