//! Grants: list, look, issue under one, end, revoke, prove.
pub mod end;
pub mod issue;
pub mod lift;
pub mod list;
pub mod receipt;
mod recorded;
pub mod revoke;
pub mod show;

use hallpass_domain::Timestamp;
use hallpass_domain::grant::{Grant, GrantState};

/// Whether there is nothing left to end.
fn is_over(grant: &Grant, now: Timestamp) -> bool {
    !matches!(grant.state, GrantState::Active | GrantState::Scheduled) || grant.ends_at <= now
}
