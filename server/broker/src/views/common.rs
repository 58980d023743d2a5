//! The nouns that several screens show in the same way.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// A person or program in one line.
#[derive(Debug, Clone, Serialize)]
pub struct PrincipalLine {
    /// Name as people know it.
    pub name: String,
    /// Email of a person, client id of a workload.
    pub handle: String,
    /// `user`, `workload` or `group`.
    pub kind: String,
}

/// A role on its target, in one line.
#[derive(Debug, Clone, Serialize)]
pub struct RoleLine {
    /// Name of the role, unique in the instance.
    pub name: String,
    /// What it is for, in plain words.
    pub purpose: String,
    /// Name of the target.
    pub target: String,
    /// Kind of the target, in words: `PostgreSQL`, `OAuth audience`.
    pub target_kind: String,
    /// Environment of the target, such as `production`; empty if it has none.
    pub environment: String,
    /// `low`, `medium` or `high`.
    pub tier: String,
}

/// The values asked for or given for one scope parameter.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeValue {
    /// Name of the parameter.
    pub name: String,
    /// The values.
    pub values: Vec<String>,
}

/// A ticket as typed, with its address if the instance knows how to link it.
#[derive(Debug, Clone, Serialize)]
pub struct Ticket {
    /// Text such as `INC-1234`.
    pub text: String,
    /// Address of the ticket.
    pub href: Option<String>,
}

/// One stage of a request's workflow, with what was decided in it.
#[derive(Debug, Clone, Serialize)]
pub struct StageView {
    /// Position, from 1.
    pub position: i64,
    /// Name of the stage, such as "Database on-call".
    pub name: String,
    /// `waiting` (an earlier stage is open), `open`, `approved`, `denied`, `lapsed` or `closed` (the request ended first).
    pub state: String,
    /// How many distinct people must approve.
    pub need: i64,
    /// How many have approved.
    pub have: i64,
    /// The people who can decide now (those who asked are already left out).
    pub deciders: Vec<PrincipalLine>,
    /// Name of the group that the deciders come from, if it is one.
    pub group: Option<String>,
    /// `session` or `step-up`.
    pub proof: String,
    /// When the stage lapses, once it is open.
    pub decide_by: Option<DateTime<Utc>>,
    /// Decisions in the order in which they were made.
    pub decisions: Vec<DecisionLine>,
}

/// One decision by one approver.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionLine {
    /// Who decided.
    pub by: PrincipalLine,
    /// Name of the stage.
    pub stage: String,
    /// `approve` or `deny`.
    pub decision: String,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// `session` or `step-up`.
    pub proof: String,
    /// What the approver wrote.
    pub comment: Option<String>,
    /// The length to which the approver shortened the request, in seconds.
    pub shortened_to_seconds: Option<i64>,
    /// An approval that does not count any more: its approver lost the right while the request waits.
    pub fell_away: bool,
    /// The first characters of the digest of the request that this approver was shown.
    pub digest: String,
}

/// One line of a history.
#[derive(Debug, Clone, Serialize)]
pub struct TimelineEvent {
    /// When it happened.
    pub at: DateTime<Utc>,
    /// What happened, as a sentence without the actor: "approved", "sent mail to 3 approvers".
    pub what: String,
    /// Who did it: a name, or `Hallpass`.
    pub by: String,
    /// More, such as a comment or how the actor was signed in.
    pub detail: Option<String>,
    /// `good`, `info`, `warn`, `bad` or `plain`.
    pub tone: String,
    /// Id of the audit event behind it.
    pub audit_id: Option<String>,
}
