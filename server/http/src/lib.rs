//! The HTTP edge, on actix-web and only here: what arrives is read, handed to a use case of the broker, and what
//! comes back is written. No rule is decided here; statuses are chosen in one place ([`problem`]).
//!
//! - [`routes`]: the whole table on one page.
//! - [`middleware`]: what happens to every request (id, address, limits, headers, log, errors).
//! - [`session`]: cookies of the pages, and where a form came from. [`bearer`]: tokens for `/api/v1`, which never looks at a cookie.
//! - [`api`], [`oauth`], [`pages`]: the handlers. [`health`], [`metrics`], [`openapi`], [`assets`]: the rest.
#![allow(
    clippy::result_large_err,
    reason = "a problem is made at most once a request; boxing it would only hide its members"
)]

pub mod address;
pub mod api;
pub mod assets;
pub mod bearer;
pub mod body;
pub mod config;
pub mod context;
pub mod demo;
pub mod health;
pub mod metrics;
pub mod middleware;
pub mod oauth;
pub mod openapi;
pub mod pages;
pub mod params;
pub mod problem;
pub mod routes;
pub mod server;
pub mod session;
pub mod state;

pub use config::{HttpConfig, Limits};
pub use demo::{DemoHooks, DemoMail};
pub use server::{app, serve};
pub use state::AppState;
