//! Checks of targets, and findings.
use diesel::prelude::*;
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::target_check::TargetCheck;

use super::{BadRow, Row};
use crate::db::types::{Json, Uid, Word};
use crate::schema::{findings, target_checks};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = target_checks)]
pub(crate) struct TargetCheckRow {
    pub(crate) id: Uid,
    pub(crate) target_id: Uid,
    pub(crate) body: Json<TargetCheck>,
    pub(crate) open: bool,
    pub(crate) version: i64,
}

impl From<&TargetCheck> for TargetCheckRow {
    fn from(n: &TargetCheck) -> Self {
        Self {
            id: Uid(n.account.id.0),
            target_id: Uid(n.target.id.0),
            body: Json(n.clone()),
            open: n.is_open(),
            version: n.version,
        }
    }
}
impl Row for TargetCheckRow {
    type Noun = TargetCheck;
    fn noun(self) -> Result<TargetCheck, BadRow> {
        Ok(TargetCheck { version: self.version, ..self.body.0 })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = findings)]
pub(crate) struct FindingRow {
    pub(crate) id: Uid,
    pub(crate) target_id: Uid,
    pub(crate) external_name: String,
    pub(crate) body: Json<Finding>,
    pub(crate) open: bool,
    pub(crate) version: i64,
    pub(crate) kind: Word<FindingKind>,
}

impl From<&Finding> for FindingRow {
    fn from(n: &Finding) -> Self {
        Self {
            id: Uid(n.id.0),
            target_id: Uid(n.target_id.0),
            external_name: n.external_name.clone(),
            body: Json(n.clone()),
            open: n.closed_at.is_none(),
            version: n.version,
            kind: Word(n.kind),
        }
    }
}
impl Row for FindingRow {
    type Noun = Finding;
    fn noun(self) -> Result<Finding, BadRow> {
        Ok(Finding { version: self.version, ..self.body.0 })
    }
}
