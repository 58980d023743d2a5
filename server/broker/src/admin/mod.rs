//! The catalogue as code: read a TOML file, explain its mistakes with line and column, lint what it would make,
//! show the difference, and apply it in one transition.
//!
//! `file` is text to entries, `build` is entries and the catalogue now to the catalogue as it would be, `lint` holds
//! the rules over the whole, `plan` is the difference, and `apply` commits it. Everything before `apply` is pure.
pub mod applied;
pub mod apply;
pub mod build;
pub mod check;
pub mod clients;
mod erase;
pub mod evidence;
#[cfg(test)]
mod example;
pub mod file;
pub mod lint;
pub mod mistake;
mod offline;
pub mod people;
pub mod plan;
pub mod secrets;
pub mod settle;
mod settle_requests;
pub mod trial;
mod trials_over;

pub use applied::{Applied, ApplyError, By, Mark, NewClient};
pub use apply::TARGET_SECRET;
pub(crate) use apply::actor;
pub use build::NO_SECRET;
pub use check::check_text;
pub use mistake::Mistake;
pub use plan::{Action, Difference, FieldChange};
pub use secrets::{MemorySecrets, SecretRef, SecretSource, ServerSecrets};
pub use settle::EndedAccess;
pub use trial::{Outcome, TargetTried};
