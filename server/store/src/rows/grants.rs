//! Grants.
use diesel::prelude::*;
use hallpass_domain::grant::{EndReason, Grant, GrantState, StandingBlock};
use hallpass_domain::ids::{GrantId, RequestId, RoleId, StandingBlockId, TargetId, UserId, WorkloadId};
use hallpass_domain::role::Tier;
use hallpass_domain::scope::Scope;
use hallpass_domain::terms::Terms;

use super::{BadRow, Row, principal_columns, principal_of};
use crate::db::types::{Json, Ts, Uid, Word};
use crate::db::words::PrincipalKind;
use crate::schema::{grants, standing_blocks};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = grants, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct GrantRow {
    pub(crate) id: Uid,
    pub(crate) request_id: Option<Uid>,
    pub(crate) principal_kind: Word<PrincipalKind>,
    pub(crate) principal_id: Uid,
    pub(crate) role_id: Uid,
    pub(crate) target_id: Uid,
    pub(crate) tier: Word<Tier>,
    pub(crate) scope: Json<Scope>,
    pub(crate) terms: Json<Terms>,
    pub(crate) starts_at: Ts,
    pub(crate) ends_at: Ts,
    pub(crate) state: Word<GrantState>,
    pub(crate) end_reason: Option<Word<EndReason>>,
    pub(crate) ended_by: Option<Uid>,
    pub(crate) verified_at: Option<Ts>,
    pub(crate) accepted_until: Option<Ts>,
    pub(crate) created_at: Ts,
    pub(crate) version: i64,
}

impl From<&Grant> for GrantRow {
    fn from(n: &Grant) -> Self {
        let (principal_kind, principal_id) = principal_columns(n.principal);
        Self {
            id: Uid(n.id.0),
            request_id: n.request_id.map(|id| Uid(id.0)),
            principal_kind,
            principal_id,
            role_id: Uid(n.role_id.0),
            target_id: Uid(n.target_id.0),
            tier: Word(n.tier),
            scope: Json(n.scope.clone()),
            terms: Json(n.terms.clone()),
            starts_at: Ts(n.starts_at),
            ends_at: Ts(n.ends_at),
            state: Word(n.state),
            end_reason: n.end_reason.map(Word),
            ended_by: n.ended_by.map(|id| Uid(id.0)),
            verified_at: n.verified_at.map(Ts),
            accepted_until: n.accepted_until.map(Ts),
            created_at: Ts(n.created_at),
            version: n.version,
        }
    }
}
impl Row for GrantRow {
    type Noun = Grant;
    fn noun(self) -> Result<Grant, BadRow> {
        Ok(Grant {
            id: GrantId(self.id.0),
            request_id: self.request_id.map(|id| RequestId(id.0)),
            principal: principal_of(self.principal_kind, self.principal_id),
            role_id: RoleId(self.role_id.0),
            target_id: TargetId(self.target_id.0),
            tier: self.tier.0,
            scope: self.scope.0,
            terms: self.terms.0,
            starts_at: self.starts_at.0,
            ends_at: self.ends_at.0,
            state: self.state.0,
            end_reason: self.end_reason.map(|w| w.0),
            ended_by: self.ended_by.map(|id| UserId(id.0)),
            verified_at: self.verified_at.map(|at| at.0),
            accepted_until: self.accepted_until.map(|at| at.0),
            created_at: self.created_at.0,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = standing_blocks, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct StandingBlockRow {
    pub(crate) id: Uid,
    pub(crate) role_id: Uid,
    pub(crate) workload_id: Uid,
    pub(crate) grant_id: Uid,
    pub(crate) blocked_at: Ts,
    pub(crate) blocked_by: Option<Uid>,
    pub(crate) lifted_at: Option<Ts>,
    pub(crate) lifted_by: Option<Uid>,
    pub(crate) version: i64,
}

impl From<&StandingBlock> for StandingBlockRow {
    fn from(n: &StandingBlock) -> Self {
        Self {
            id: Uid(n.id.0),
            role_id: Uid(n.role_id.0),
            workload_id: Uid(n.workload_id.0),
            grant_id: Uid(n.grant_id.0),
            blocked_at: Ts(n.blocked_at),
            blocked_by: n.blocked_by.map(|id| Uid(id.0)),
            lifted_at: n.lifted_at.map(Ts),
            lifted_by: n.lifted_by.map(|id| Uid(id.0)),
            version: n.version,
        }
    }
}
impl Row for StandingBlockRow {
    type Noun = StandingBlock;
    fn noun(self) -> Result<StandingBlock, BadRow> {
        Ok(StandingBlock {
            id: StandingBlockId(self.id.0),
            role_id: RoleId(self.role_id.0),
            workload_id: WorkloadId(self.workload_id.0),
            grant_id: GrantId(self.grant_id.0),
            blocked_at: self.blocked_at.0,
            blocked_by: self.blocked_by.map(|id| UserId(id.0)),
            lifted_at: self.lifted_at.map(|at| at.0),
            lifted_by: self.lifted_by.map(|id| UserId(id.0)),
            version: self.version,
        })
    }
}
