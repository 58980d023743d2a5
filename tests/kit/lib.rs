//! Test kit: private servers, proxies, and waiting for facts.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by a panic"
)]
pub mod alternate;
pub mod browserless;
pub mod caller;
pub mod cast;
pub mod command;
pub mod database;
pub mod end;
pub mod facts;
pub mod fault_server;
pub mod html;
pub mod logs;
pub mod mail_server;
pub mod mailbox;
pub mod node;
pub mod outsider;
pub mod people;
pub mod pg;
pub mod process;
pub mod proxy;
pub mod secrets;
pub mod served;
pub mod server;
pub mod wait;
pub mod webdriver;
pub mod world;
