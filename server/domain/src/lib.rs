//! Rules of Hallpass as data and pure functions: no SQL, no HTTP, no runtime, no wall clock.
//!
//! A *use case* (in `hallpass-broker`) loads state, calls a pure function of this crate, and gets a
//! [`transition::Transition`] to commit or a [`refusal::Refusal`] that says why not. Time is always an argument.
pub mod account;
pub mod address;
pub mod audit;
pub mod catalogue;
pub mod client;
pub mod credential;
pub mod failpoint;
pub mod finding;
pub mod grant;
pub mod ids;
pub mod issue;
pub mod mail;
pub mod ports;
pub mod presented;
pub mod principal;
pub mod refusal;
pub mod request;
pub mod role;
pub mod scope;
pub mod secret;
pub mod target;
pub mod target_check;
pub mod terms;
pub mod text;
pub mod transition;
pub mod window;
pub mod workflow;

/// UTC instant, truncated to microseconds so that it is equal after a round trip through either database.
pub type Timestamp = chrono::DateTime<chrono::Utc>;
