//! What the person who looks holds now: grants, what works, and what is still at the target.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{DecisionLine, PrincipalLine, RoleLine, ScopeValue, TimelineEvent};
use super::credential::{CredentialView, IssuableKind};
use super::objects::BlockLine;
use super::page::{Command, FieldError};

/// The page `/access`.
#[derive(Debug, Clone, Serialize)]
pub struct AccessView {
    /// Active and ending grants, the soonest end first.
    pub current: Vec<GrantCard>,
    /// Grants whose window has not begun.
    pub scheduled: Vec<GrantCard>,
    /// Grants that ended lately, newest first.
    pub ended: Vec<GrantCard>,
}

/// One grant with its three facts: granted until, works now, still at the target.
#[derive(Debug, Clone, Serialize)]
pub struct GrantCard {
    /// Id of the grant.
    pub id: String,
    /// Reference of the request behind it.
    pub reference: String,
    /// The role.
    pub role: RoleLine,
    /// For whom it is.
    pub holder: PrincipalLine,
    /// `scheduled`, `active`, `ending` or `ended`.
    pub state: String,
    /// `expired`, `released` or `revoked`, once it is ending or ended.
    pub ended_reason: Option<String>,
    /// Begin of the window.
    pub starts_at: DateTime<Utc>,
    /// End of the window, as approved.
    pub ends_at: DateTime<Utc>,
    /// When it really ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// Fact two: does it work now?
    pub works: Works,
    /// Fact three: what is still at the target?
    pub left: AtTarget,
    /// Credentials may be issued now.
    pub can_issue: bool,
    /// The person who looks may end it (its holder).
    pub can_end: bool,
}

/// Whether access works now, as the last probe found.
#[derive(Debug, Clone, Serialize)]
pub struct Works {
    /// `works`, `not_issued` (nothing that was issued is live), `checking`, `fails`, `not_started`, `ended` or `unknown`.
    pub state: String,
    /// When that was found.
    pub checked_at: Option<DateTime<Utc>>,
    /// What was found, in a sentence.
    pub detail: String,
}

/// What is at the target under this grant.
#[derive(Debug, Clone, Serialize)]
pub struct AtTarget {
    /// `nothing`, `live`, `revoking` or `gone` (verified absent).
    pub state: String,
    /// Credentials that are live or being revoked.
    pub credentials: i64,
    /// Open sessions as the target reports them; `None` if it cannot tell.
    pub sessions: Option<i64>,
    /// Until when something may still be accepted although access has ended.
    pub may_work_until: Option<DateTime<Utc>>,
    /// When absence was verified.
    pub verified_at: Option<DateTime<Utc>>,
    /// From the end to verified absence, in milliseconds.
    pub lag_ms: Option<i64>,
    /// More in a sentence, such as why revoking is not done.
    pub detail: Option<String>,
}

/// The page `/grants/{id}`.
#[derive(Debug, Clone, Serialize)]
pub struct GrantView {
    /// The grant and its three facts.
    pub grant: GrantCard,
    /// Scope as approved.
    pub scope: Vec<ScopeValue>,
    /// Who approved.
    pub approvals: Vec<DecisionLine>,
    /// Reason given in the request.
    pub reason: String,
    /// Kinds of credential that can be issued.
    pub issuable: Vec<IssuableKind>,
    /// Why none can be issued now, in a sentence.
    pub why_no_issue: Option<String>,
    /// Everything issued under it, newest first.
    pub credentials: Vec<CredentialView>,
    /// How to use it from the command line.
    pub commands: Vec<Command>,
    /// The person who looks may revoke it (an administrator or an approver).
    pub can_revoke: bool,
    /// Revoking it keeps its workload from the standing role until an administrator lifts that.
    pub blocks: Option<BlockLine>,
    /// The person who looks may lift that.
    pub can_lift: bool,
    /// The receipt can be had.
    pub has_receipt: bool,
    /// Who ended it early.
    pub ended_by: Option<String>,
    /// Why it was ended early.
    pub ended_comment: Option<String>,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEvent>,
    /// Mistakes in the revoke form.
    pub errors: Vec<FieldError>,
}
