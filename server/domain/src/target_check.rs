//! Trials of a target with a throw-away account (the canary): the row that is committed before the account exists, and
//! what came of it.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::credential::Credential;
use crate::ports::target::Canary;
use crate::target::Target;

/// One trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TargetCheck {
    /// The throw-away account, as connectors take it; its id is the check's.
    pub account: Credential,
    /// The target as it was tried, which may never come into the catalogue; our password in it stays sealed.
    pub target: Target,
    /// When it began.
    pub begun_at: Timestamp,
    /// What was found; none where the target stopped answering, or the trial was cut off.
    pub found: Option<Canary>,
    /// When that was found.
    pub found_at: Option<Timestamp>,
    /// When the account was verified absent.
    pub gone_at: Option<Timestamp>,
    /// No attempt to remove the account before this instant.
    pub next_attempt_at: Timestamp,
    /// Compare-and-swap counter.
    pub version: i64,
}

impl TargetCheck {
    /// Its account is not verified absent yet.
    pub fn is_open(&self) -> bool {
        self.gone_at.is_none()
    }
    /// The target passed.
    pub fn is_fit(&self) -> bool {
        self.found.as_ref().is_some_and(|f| f.problems.is_empty())
    }
}
