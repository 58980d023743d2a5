//! What comparing a target with our records found: accounts with our mark that are not as our records say.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{CredentialId, FindingId, TargetId, UserId};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FindingKind {
    /// It carries our mark, and no row of ours knows it: an administrator must say whether it goes.
    Unknown,
    /// It was verified absent and is there again: it is removed again.
    Reappeared,
    /// It differs from what was made.
    Changed,
    /// It is live in our records and not at the target.
    Missing,
}

impl FindingKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::Reappeared, Self::Changed, Self::Missing];
    /// The word in pages, API and audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Reappeared => "reappeared",
            Self::Changed => "changed",
            Self::Missing => "missing",
        }
    }
}

/// One account that is not as our records say, from when that is seen until it is so no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// Identity.
    pub id: FindingId,
    /// Where.
    pub target_id: TargetId,
    /// The account's name at the target.
    pub external_name: String,
    /// PostgreSQL role oid.
    pub external_oid: Option<i64>,
    /// Credential that its mark names, where the mark can be read.
    pub credential_id: Option<CredentialId>,
    /// Groups that it is in.
    pub groups: Vec<String>,
    /// What is wrong.
    pub kind: FindingKind,
    /// The differences, in words.
    pub differences: Vec<String>,
    /// When it was seen first.
    pub first_seen_at: Timestamp,
    /// When the differences changed last.
    pub changed_at: Timestamp,
    /// Since when it is to be removed: an administrator said so, or it had been removed before.
    pub removing_since: Option<Timestamp>,
    /// Who said so.
    pub confirmed_by: Option<UserId>,
    /// What stands in the way of the removal.
    pub trouble: Option<String>,
    /// Failed attempts to remove it.
    pub attempts: i32,
    /// No attempt before this instant.
    pub next_attempt_at: Timestamp,
    /// When it was seen to be so no more, or the account was verified absent.
    pub closed_at: Option<Timestamp>,
    /// Compare-and-swap counter.
    pub version: i64,
}
