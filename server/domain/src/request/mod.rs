//! Requests: one ask, and its way to approved, denied, withdrawn or lapsed.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{DecisionId, RequestId, RoleId, TargetId, UserId, WorkflowId};
use crate::principal::Principal;
use crate::role::Tier;
use crate::scope::Scope;
use crate::terms::Terms;
use crate::window::Ask;
use crate::workflow::{Proof, Stage};

pub mod close;
pub mod count;
pub mod decide;
pub mod digest;
#[cfg(test)]
mod machine_tests;
pub mod submit;

/// State of a request. Only `pending` moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestState {
    /// Waiting for decisions.
    Pending,
    /// Every stage approved: there is a grant.
    Approved,
    /// One approver denied.
    Denied,
    /// Taken back by who asked.
    Withdrawn,
    /// Nobody decided in time.
    Lapsed,
}

impl RequestState {
    /// The word in pages, API, audit and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Approved => "approved",
            Self::Denied => "denied",
            Self::Withdrawn => "withdrawn",
            Self::Lapsed => "lapsed",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Approved, Self::Denied, Self::Withdrawn, Self::Lapsed]
            .into_iter()
            .find(|s| s.as_str() == text)
    }
}

/// Why a request left `pending` without a person's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CloseCause {
    /// Nobody decided in time.
    Undecided,
    /// The last approval came after the fixed end.
    TooLate,
    /// What the role gives, or who decides on it, changed after it was asked.
    RoleChanged,
    /// The requester may no longer have the role.
    NotEligible,
}

impl CloseCause {
    /// The word in API, audit and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::TooLate => "too_late",
            Self::RoleChanged => "role_changed",
            Self::NotEligible => "not_eligible",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Undecided, Self::TooLate, Self::RoleChanged, Self::NotEligible]
            .into_iter()
            .find(|c| c.as_str() == text)
    }
    /// In words, as they stand behind "lapsed: " and in lists.
    pub fn in_words(self) -> &'static str {
        match self {
            Self::Undecided => "nobody decided in time",
            Self::TooLate => "approved after its fixed end",
            Self::RoleChanged => "the role changed after it was asked",
            Self::NotEligible => "the requester may no longer have the role",
        }
    }
}

/// A reference as it is stored, from how somebody typed or followed it: `R-` and letters or digits, read without case.
/// `None` for text that cannot be one, so that nothing else ever reaches the database.
pub fn read_reference(text: &str) -> Option<String> {
    let text = text.trim().to_ascii_uppercase();
    let rest = text.strip_prefix("R-")?;
    let plain = (1..=32).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then_some(text)
}

/// One ask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Identity.
    pub id: RequestId,
    /// What people say and links carry: `R-` and ten characters; no secret.
    pub reference: String,
    /// Who holds the access.
    pub subject: Principal,
    /// Who pressed the button, where a person did.
    pub submitted_by: Option<UserId>,
    /// Everyone who counts as requester and may not decide: submitter, subject, owners of an asking workload.
    pub requesters: Vec<UserId>,
    /// The role.
    pub role_id: RoleId,
    /// The role's revision, pinned.
    pub role_revision: i64,
    /// Its target.
    pub target_id: TargetId,
    /// Its tier when asked.
    pub tier: Tier,
    /// The workflow and its revision, pinned.
    pub workflow_id: WorkflowId,
    /// See `workflow_id`.
    pub workflow_revision: i64,
    /// The stages as they were when asked.
    pub stages: Vec<Stage>,
    /// Index of the open stage.
    pub stage: u32,
    /// Scope asked for.
    pub scope: Scope,
    /// What the role gave for that scope when it was asked, pinned.
    pub terms: Terms,
    /// Time asked for.
    pub ask: Ask,
    /// Why.
    pub reason: String,
    /// Ticket reference, unverified text.
    pub ticket: Option<String>,
    /// SHA-256 (hex) over everything an approver decides on.
    pub digest: String,
    /// Least of the approvers' shortenings so far, seconds.
    pub cap_seconds: Option<i64>,
    /// State.
    pub state: RequestState,
    /// When it was asked.
    pub submitted_at: Timestamp,
    /// When the open stage lapses.
    pub decide_by: Timestamp,
    /// When it left `pending`.
    pub closed_at: Option<Timestamp>,
    /// Why, where it was not a person's decision.
    pub closed_because: Option<CloseCause>,
    /// Compare-and-swap counter.
    pub version: i64,
}

impl Request {
    /// The open stage, while pending.
    pub fn open_stage(&self) -> Option<&Stage> {
        self.stages.get(usize::try_from(self.stage).ok()?).filter(|_| self.state == RequestState::Pending)
    }

    /// Seconds to which approvers shortened what was asked, where that binds; of a closed request, where it did.
    pub fn shortened(&self, now: Timestamp) -> Option<i64> {
        let at = self.closed_at.map_or(now, |closed| closed.min(now));
        self.cap_seconds.filter(|cap| *cap < self.ask.seconds_from(at))
    }

    /// Proof that the open stage asks for.
    pub fn proof(&self, stage: &Stage) -> Proof {
        stage.proof.unwrap_or_else(|| Proof::default_for(self.tier))
    }
}

/// Approve or deny.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Yes.
    Approve,
    /// No.
    Deny,
}

impl Verdict {
    /// The word in pages, API, audit and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approve => "approve",
            Self::Deny => "deny",
        }
    }
}

/// One approver's decision. Rows are inserted, never changed; unique per request and approver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Identity.
    pub id: DecisionId,
    /// The request.
    pub request_id: RequestId,
    /// Index of the stage.
    pub stage: u32,
    /// Who decided.
    pub approver: UserId,
    /// What.
    pub verdict: Verdict,
    /// Shortening, seconds.
    pub cap_seconds: Option<i64>,
    /// Comment; always there on deny.
    pub comment: Option<String>,
    /// Proof given.
    pub proof: Proof,
    /// Digest that was on the page.
    pub digest: String,
    /// When.
    pub decided_at: Timestamp,
}
