//! Use cases of Hallpass: one file a verb. Each loads what it needs, lets the domain decide, commits, and wakes the
//! reconcilers that act. Nothing here knows SQL or HTTP.
pub mod access;
pub mod admin;
pub mod broker;
pub mod caller;
pub mod credentials;
pub mod events;
pub mod grants;
pub mod health;
mod known;
pub mod log_scope;
pub mod mails;
pub mod nudge;
pub mod queries;
pub mod reconcile;
pub mod requests;
pub mod restored;
pub mod views;

pub use broker::{Broker, Parts, Settings};
pub use caller::{Caller, HumanCaller, Origin};
