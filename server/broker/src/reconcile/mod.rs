//! Reconcilers: each reads stored state and acts on the world. No input, idempotent, a bounded batch, a report.
pub mod alert_overdue;
pub mod breaker;
pub mod compare_targets;
pub mod comparisons;
pub mod count_sessions;
pub mod deliver_mail;
pub mod driver;
pub mod expire_grants;
mod findings;
pub mod journal;
pub mod keep_window;
pub mod lapse_requests;
pub mod probe_store;
pub mod remove_findings;
pub mod reports;
pub mod revoke_due;
pub mod seal_audit;
pub mod window;
