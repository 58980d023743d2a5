//! Re-exports: an OAuth client is a kind of principal.
pub use crate::principal::{Client, ClientOf};
