//! Test kit: private servers, proxies, and waiting for facts.
pub mod mail_server;
pub mod pg;
pub mod proxy;
pub mod wait;
