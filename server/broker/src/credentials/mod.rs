//! Credentials: issue, introspect, revoke; `perform` is the only way to a target.
mod abandon;
pub mod handover;
pub mod introspect;
pub mod login;
pub mod perform;
pub mod recording;
pub mod revoke_token;
pub mod token;
pub mod token_cache;
