//! Queries: what pages show and the API answers, filled from the store into [`crate::views`].
pub mod access;
mod actors;
pub mod audit;
pub mod catalogue;
pub mod export;
mod findings;
pub mod grant;
pub mod inbox;
pub mod lines;
pub mod objects;
mod oversight;
pub mod receipt;
pub mod reports;
pub mod request;
pub mod request_form;
pub mod tokens;
pub mod waiting;
pub mod watch;
