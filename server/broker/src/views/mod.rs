//! View models: what the pages show and what the JSON API serialises, one file for each area.
//!
//! The models are plain data. Times are UTC, durations are whole seconds (`*_seconds`) or milliseconds (`*_ms`),
//! states and tiers are the words of the domain in lower case. A time that has not come is `None`, never a
//! placeholder. Sentences, local times, zone names and icons are made by the pages.

pub mod access;
pub mod account;
pub mod audit;
pub mod catalogue;
pub mod common;
pub mod credential;
pub mod decision;
pub mod demo;
pub mod error;
pub mod objects;
pub mod page;
pub mod receipt;
pub mod reports;
pub mod request;
pub mod request_form;
pub mod session;

pub use page::Shell;
