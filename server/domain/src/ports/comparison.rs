//! Reads of what was tried and found at targets.
use async_trait::async_trait;

use super::store::Read;
use crate::finding::{Finding, FindingKind};
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
    /// Open findings, newest first, from behind `before` on: at one target, or at all.
    async fn newest_findings(
        &self,
        target: Option<TargetId>,
        before: Option<FindingId>,
        limit: u32,
    ) -> Read<Vec<Finding>>;
    /// How many findings are open at each target that has any, by kind.
    async fn count_findings(&self) -> Read<Vec<(TargetId, FindingKind, u64)>>;
    /// Open findings at one target, by account, from behind `after` on.
    async fn open_findings_at(&self, target: TargetId, after: Option<&str>, limit: u32)
    -> Read<Vec<Finding>>;
}
