//! The API of Hallpass from outside: wire types ([`wire`]), and with the feature `http` (on by default) a client.
//!
//! The contract is `docs/api.md`. Nothing here knows the server's insides.
#[cfg(feature = "http")]
pub mod api;
#[cfg(feature = "http")]
mod base_url;
pub mod bundle;
#[cfg(feature = "http")]
mod call;
#[cfg(feature = "http")]
mod error;
#[cfg(feature = "http")]
mod http;
pub mod redact;
#[cfg(feature = "http")]
mod tls;
pub mod wire;

#[cfg(feature = "http")]
pub use {
    base_url::{BaseUrl, BaseUrlError},
    error::Error,
    http::{Client, Config, Trace},
};
