//! What was tried and found at targets.
use async_trait::async_trait;
use diesel::prelude::*;
use hallpass_domain::finding::Finding;
use hallpass_domain::ids::{CredentialId, FindingId, TargetId};
use hallpass_domain::ports::comparison::Comparison;
use hallpass_domain::ports::store::Read;
use hallpass_domain::target_check::TargetCheck;

use super::{limit, many, one};
use crate::db::types::Uid;
use crate::handle::StoreHandle;
use crate::rows::comparison::{FindingRow, TargetCheckRow};
use crate::schema::{findings, target_checks};

#[async_trait]
impl Comparison for StoreHandle {
    async fn target_check(&self, id: CredentialId) -> Read<Option<TargetCheck>> {
        one!(self, TargetCheckRow, target_checks::table.find(Uid(id.0)))
    }

    async fn last_check(&self, target: TargetId) -> Read<Option<TargetCheck>> {
        one!(
            self,
            TargetCheckRow,
            target_checks::table
                .filter(target_checks::target_id.eq(Uid(target.0)))
                .order(target_checks::id.desc())
                .limit(1)
        )
    }

    async fn open_checks(&self, rows: u32) -> Read<Vec<TargetCheck>> {
        many!(
            self,
            TargetCheckRow,
            target_checks::table
                .filter(target_checks::open.eq(true))
                .order(target_checks::id.asc())
                .limit(limit(rows))
        )
    }

    async fn finding(&self, id: FindingId) -> Read<Option<Finding>> {
        one!(self, FindingRow, findings::table.find(Uid(id.0)))
    }

    async fn open_findings(&self, rows: u32) -> Read<Vec<Finding>> {
        many!(
            self,
            FindingRow,
            findings::table.filter(findings::open.eq(true)).order(findings::id.asc()).limit(limit(rows))
        )
    }

    async fn open_findings_at(&self, target: TargetId, after: Option<&str>, rows: u32) -> Read<Vec<Finding>> {
        many!(
            self,
            FindingRow,
            findings::table
                .filter(findings::target_id.eq(Uid(target.0)))
                .filter(findings::open.eq(true))
                .filter(findings::external_name.gt(after.unwrap_or_default()))
                .order(findings::external_name.asc())
                .limit(limit(rows))
        )
    }
}
