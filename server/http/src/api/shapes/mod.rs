//! From the broker's answers to the wire, one file per noun.
pub mod common;
pub mod credential;
pub mod grant;
pub mod request;
pub mod words;
