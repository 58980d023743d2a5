//! Requests and decisions.
use diesel::prelude::*;
use hallpass_domain::ids::{DecisionId, RequestId, RoleId, TargetId, UserId, WorkflowId};
use hallpass_domain::request::{CloseCause, Decision, Request, RequestState, Verdict};
use hallpass_domain::role::Tier;
use hallpass_domain::scope::Scope;
use hallpass_domain::terms::Terms;
use hallpass_domain::window::Ask;
use hallpass_domain::workflow::{Proof, Stage};

use super::{BadRow, Row, principal_columns, principal_of};
use crate::db::types::{Json, Ts, Uid, Word};
use crate::db::words::PrincipalKind;
use crate::schema::{decisions, requests};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = requests, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct RequestRow {
    pub(crate) id: Uid,
    pub(crate) reference: String,
    pub(crate) subject_kind: Word<PrincipalKind>,
    pub(crate) subject_id: Uid,
    pub(crate) submitted_by: Option<Uid>,
    pub(crate) requesters: Json<Vec<UserId>>,
    pub(crate) role_id: Uid,
    pub(crate) role_revision: i64,
    pub(crate) target_id: Uid,
    pub(crate) tier: Word<Tier>,
    pub(crate) workflow_id: Uid,
    pub(crate) workflow_revision: i64,
    pub(crate) stages: Json<Vec<Stage>>,
    pub(crate) stage: i32,
    pub(crate) scope: Json<Scope>,
    pub(crate) terms: Json<Terms>,
    pub(crate) ask_seconds: Option<i64>,
    pub(crate) ask_until: Option<Ts>,
    pub(crate) reason: String,
    pub(crate) ticket: Option<String>,
    pub(crate) digest: String,
    pub(crate) cap_seconds: Option<i64>,
    pub(crate) state: Word<RequestState>,
    pub(crate) submitted_at: Ts,
    pub(crate) decide_by: Ts,
    pub(crate) lapses_at: Ts,
    pub(crate) closed_at: Option<Ts>,
    pub(crate) closed_because: Option<Word<CloseCause>>,
    pub(crate) version: i64,
}

impl From<&Request> for RequestRow {
    fn from(n: &Request) -> Self {
        let (subject_kind, subject_id) = principal_columns(n.subject);
        let (ask_seconds, ask_until) = match n.ask {
            Ask::Seconds(seconds) => (Some(seconds), None),
            Ask::Until(end) => (None, Some(Ts(end))),
        };
        let lapses_at = ask_until.map_or(Ts(n.decide_by), |end| end.min(Ts(n.decide_by)));
        Self {
            id: Uid(n.id.0),
            reference: n.reference.clone(),
            subject_kind,
            subject_id,
            submitted_by: n.submitted_by.map(|id| Uid(id.0)),
            requesters: Json(n.requesters.clone()),
            role_id: Uid(n.role_id.0),
            role_revision: n.role_revision,
            target_id: Uid(n.target_id.0),
            tier: Word(n.tier),
            workflow_id: Uid(n.workflow_id.0),
            workflow_revision: n.workflow_revision,
            stages: Json(n.stages.clone()),
            stage: i32::try_from(n.stage).unwrap_or(i32::MAX),
            scope: Json(n.scope.clone()),
            terms: Json(n.terms.clone()),
            ask_seconds,
            ask_until,
            reason: n.reason.clone(),
            ticket: n.ticket.clone(),
            digest: n.digest.clone(),
            cap_seconds: n.cap_seconds,
            state: Word(n.state),
            submitted_at: Ts(n.submitted_at),
            decide_by: Ts(n.decide_by),
            lapses_at,
            closed_at: n.closed_at.map(Ts),
            closed_because: n.closed_because.map(Word),
            version: n.version,
        }
    }
}
impl Row for RequestRow {
    type Noun = Request;
    fn noun(self) -> Result<Request, BadRow> {
        let ask = match (self.ask_seconds, self.ask_until) {
            (Some(seconds), None) => Ask::Seconds(seconds),
            (None, Some(end)) => Ask::Until(end.0),
            _ => return Err(BadRow::new("request", "neither a duration nor an end")),
        };
        Ok(Request {
            id: RequestId(self.id.0),
            reference: self.reference,
            subject: principal_of(self.subject_kind, self.subject_id),
            submitted_by: self.submitted_by.map(|id| UserId(id.0)),
            requesters: self.requesters.0,
            role_id: RoleId(self.role_id.0),
            role_revision: self.role_revision,
            target_id: TargetId(self.target_id.0),
            tier: self.tier.0,
            workflow_id: WorkflowId(self.workflow_id.0),
            workflow_revision: self.workflow_revision,
            stages: self.stages.0,
            stage: u32::try_from(self.stage).map_err(|e| BadRow::new("request", e))?,
            scope: self.scope.0,
            terms: self.terms.0,
            ask,
            reason: self.reason,
            ticket: self.ticket,
            digest: self.digest,
            cap_seconds: self.cap_seconds,
            state: self.state.0,
            submitted_at: self.submitted_at.0,
            decide_by: self.decide_by.0,
            closed_at: self.closed_at.map(|at| at.0),
            closed_because: self.closed_because.map(|w| w.0),
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = decisions, treat_none_as_default_value = false)]
pub(crate) struct DecisionRow {
    pub(crate) id: Uid,
    pub(crate) request_id: Uid,
    pub(crate) stage: i32,
    pub(crate) approver: Uid,
    pub(crate) verdict: Word<Verdict>,
    pub(crate) cap_seconds: Option<i64>,
    pub(crate) comment: Option<String>,
    pub(crate) proof: Word<Proof>,
    pub(crate) digest: String,
    pub(crate) decided_at: Ts,
}

impl From<&Decision> for DecisionRow {
    fn from(n: &Decision) -> Self {
        Self {
            id: Uid(n.id.0),
            request_id: Uid(n.request_id.0),
            stage: i32::try_from(n.stage).unwrap_or(i32::MAX),
            approver: Uid(n.approver.0),
            verdict: Word(n.verdict),
            cap_seconds: n.cap_seconds,
            comment: n.comment.clone(),
            proof: Word(n.proof),
            digest: n.digest.clone(),
            decided_at: Ts(n.decided_at),
        }
    }
}
impl Row for DecisionRow {
    type Noun = Decision;
    fn noun(self) -> Result<Decision, BadRow> {
        Ok(Decision {
            id: DecisionId(self.id.0),
            request_id: RequestId(self.request_id.0),
            stage: u32::try_from(self.stage).map_err(|e| BadRow::new("decision", e))?,
            approver: UserId(self.approver.0),
            verdict: self.verdict.0,
            cap_seconds: self.cap_seconds,
            comment: self.comment,
            proof: self.proof.0,
            digest: self.digest,
            decided_at: self.decided_at.0,
        })
    }
}
