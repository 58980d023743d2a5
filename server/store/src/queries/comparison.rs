//! What was tried and found at targets.
use async_trait::async_trait;
use diesel::dsl::count_star;
use diesel::prelude::*;
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::ids::{CredentialId, FindingId, TargetId};
use hallpass_domain::ports::comparison::Comparison;
use hallpass_domain::ports::store::Read;
use hallpass_domain::target_check::TargetCheck;
use uuid::Uuid;

use super::{count, limit, many, one, values};
use crate::db::literal::literal;
use crate::db::types::{Uid, Word};
use crate::handle::StoreHandle;
use crate::rows::comparison::{FindingRow, TargetCheckRow};
use crate::schema::{findings, target_checks};

literal!(
    /// Of the indexes by which open findings are listed and counted.
    Open,
    "findings.open"
);

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

    async fn newest_findings(
        &self,
        target: Option<TargetId>,
        before: Option<FindingId>,
        rows: u32,
    ) -> Read<Vec<Finding>> {
        let before = Uid(before.map_or(Uuid::max(), |id| id.0));
        let found = || {
            findings::table
                .filter(Open)
                .filter(findings::id.lt(before))
                .order(findings::id.desc())
                .limit(limit(rows))
        };
        match target {
            Some(id) => many!(self, FindingRow, found().filter(findings::target_id.eq(Uid(id.0)))),
            None => many!(self, FindingRow, found()),
        }
    }

    async fn count_findings(&self) -> Read<Vec<(TargetId, FindingKind, u64)>> {
        let counted = findings::table.filter(Open).group_by((findings::target_id, findings::kind)).select((
            findings::target_id,
            findings::kind,
            count_star(),
        ));
        let rows = values!(self, (Uid, Word<FindingKind>, i64), counted)?;
        Ok(rows.into_iter().map(|(target, kind, n)| (TargetId(target.0), kind.0, count(n))).collect())
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
