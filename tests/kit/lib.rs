//! Test kit: private servers, proxies, and waiting for facts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by a panic"
)]
pub mod mail_server;
pub mod pg;
pub mod proxy;
pub mod wait;
