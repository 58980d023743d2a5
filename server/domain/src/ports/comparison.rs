//! Reads of what was tried and found at targets.
use async_trait::async_trait;

use super::store::Read;
use crate::finding::Finding;
use crate::ids::{CredentialId, FindingId, TargetId};
use crate::target_check::TargetCheck;

/// Reads of what was tried and found at targets.
#[async_trait]
pub trait Comparison {
    /// A check by its account.
    async fn target_check(&self, id: CredentialId) -> Read<Option<TargetCheck>>;
    /// The newest check of a target.
    async fn last_check(&self, target: TargetId) -> Read<Option<TargetCheck>>;
    /// Checks whose account is not verified absent, oldest first.
    async fn open_checks(&self, limit: u32) -> Read<Vec<TargetCheck>>;
    /// A finding.
    async fn finding(&self, id: FindingId) -> Read<Option<Finding>>;
    /// Open findings, oldest first.
    async fn open_findings(&self, limit: u32) -> Read<Vec<Finding>>;
    /// Open findings at one target, by account, from behind `after` on.
    async fn open_findings_at(&self, target: TargetId, after: Option<&str>, limit: u32)
    -> Read<Vec<Finding>>;
}
