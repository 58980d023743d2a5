//! Requests: ask, look, decide, withdraw.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::common::{PrincipalLine, Proof, RoleLine, Scope, Span, Stage, TimelineEvent, Verdict};
use super::grants::{Grant, GrantState};

words! {
    /// State of a request. Only `pending` moves.
    RequestState {
        /// Waiting for decisions.
        Pending => "pending",
        /// Every stage approved: there is a grant.
        Approved => "approved",
        /// One approver denied.
        Denied => "denied",
        /// Taken back by who asked.
        Withdrawn => "withdrawn",
        /// Nobody decided in time.
        Lapsed => "lapsed",
    }
}

/// Body of `POST /api/v1/requests`. At most one of `for` and `until`; neither: the role's usual length.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewRequest {
    /// Name of the role.
    pub role: String,
    /// Length from the final approval: `PT90M`, `90m`, `1h30m`, `5400s`. A bare number counts minutes.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
    /// Fixed end: RFC 3339 with an offset. A late approval shortens the access.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
    /// Scope asked for; a parameter left out takes its default.
    #[serde(default, skip_serializing_if = "Scope::is_empty")]
    pub scope: Scope,
    /// Why; 1 to 2,000 characters.
    pub reason: String,
    /// Ticket reference, at most 200 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// Only say what would happen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
    /// Answer with what the caller has already, where that is an active grant or a pending request of the role that
    /// covers the scope asked for; ask otherwise.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub if_needed: bool,
}

/// Answer of `POST /api/v1/requests`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum RequestOutcome {
    /// 201: asked.
    Created {
        /// The new request; `approved` at once where the workflow approves by itself.
        request: Box<Request>,
    },
    /// 200, with `dry_run`.
    DryRun {
        /// What would happen.
        dry_run: Box<DryRun>,
    },
    /// 200, with `if_needed`: nothing was asked. Exactly one of the two is there.
    Current {
        /// The grant that the caller holds.
        grant: Option<Box<Grant>>,
        /// The caller's pending request.
        request: Option<Box<Request>>,
    },
}

/// What a request would lead to, from the rules that the real one runs through.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DryRun {
    /// The role.
    pub role: RoleLine,
    /// The scope, defaults filled in.
    pub scope: Scope,
    /// Length from the approval, if a length was asked for.
    #[serde(rename = "for")]
    pub length: Option<Span>,
    /// The end, if a fixed end was asked for.
    pub until: Option<DateTime<Utc>>,
    /// When access would end if it were approved now.
    pub ends_if_approved_now: DateTime<Utc>,
    /// When the first stage would lapse.
    pub decide_by: DateTime<Utc>,
    /// The stages, with who can decide.
    pub stages: Vec<Stage>,
    /// What to know before sending, in sentences.
    pub warnings: Vec<String>,
}

/// A grant as a request points at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GrantLink {
    /// Id of the grant.
    pub id: String,
    /// State.
    pub state: GrantState,
    /// Begin of the window.
    pub starts_at: DateTime<Utc>,
    /// End of the window (exclusive).
    pub ends_at: DateTime<Utc>,
}

/// A mail about a request, and whether it has left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct MailDelivery {
    /// Name of the person.
    pub to: String,
    /// What kind of message, in words: `asked to decide`, `no action needed`.
    pub what: String,
    /// `queued`, `retrying`, `sent` (the mail server took it) or `failed` (it refused for good).
    pub state: String,
    /// Time of the last change of state.
    pub at: DateTime<Utc>,
    /// Attempts so far.
    pub attempts: i64,
    /// What the mail server said, on trouble.
    pub detail: Option<String>,
}

/// `GET /api/v1/requests/{reference}`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Request {
    /// Reference, such as `R-7KQ2M9XW4T`: what people say; no secret.
    pub reference: String,
    /// Id.
    pub id: String,
    /// State.
    pub state: RequestState,
    /// The role.
    pub role: RoleLine,
    /// Scope asked for.
    pub scope: Scope,
    /// Who holds the access.
    pub subject: PrincipalLine,
    /// Who sent it, where that is somebody else.
    pub submitted_by: Option<PrincipalLine>,
    /// Length asked for.
    #[serde(rename = "for")]
    pub length: Option<Span>,
    /// Fixed end asked for.
    pub until: Option<DateTime<Utc>>,
    /// The length that counts now, where an approver shortened it.
    pub shortened_to: Option<Span>,
    /// When access would end if the last approval came now; only while pending.
    pub ends_if_approved_now: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
    /// Ticket.
    pub ticket: Option<String>,
    /// When it was asked.
    pub submitted_at: DateTime<Utc>,
    /// When the open stage lapses; only while pending.
    pub decide_by: Option<DateTime<Utc>>,
    /// When it left `pending`.
    pub closed_at: Option<DateTime<Utc>>,
    /// Name and revision of the workflow that it is pinned to, such as `two-stage@3`.
    pub workflow: String,
    /// SHA-256 (64 hexadecimal digits) over everything that an approver decides on. A decision sends it back.
    pub digest: String,
    /// The stages, in order.
    pub stages: Vec<Stage>,
    /// One line about where it stands: `1 of 2, waiting for DB on-call`.
    pub standing: String,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEvent>,
    /// The grant that it became.
    pub grant: Option<GrantLink>,
    /// The caller may withdraw it now.
    pub can_withdraw: bool,
    /// The caller may decide it now.
    pub can_decide: bool,
    /// What the caller must prove to decide; only where `can_decide`.
    pub proof: Option<Proof>,
    /// Mails about it, oldest first, with what became of them.
    #[serde(default)]
    pub mail: Vec<MailDelivery>,
    /// Its page in the portal.
    pub url: String,
}

/// One item of `GET /api/v1/requests`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RequestItem {
    /// Reference.
    pub reference: String,
    /// State.
    pub state: RequestState,
    /// The role.
    pub role: RoleLine,
    /// Who holds the access.
    pub subject: PrincipalLine,
    /// Length asked for, or to which it was shortened; beside a fixed end that was shortened, too.
    #[serde(rename = "for")]
    pub length: Option<Span>,
    /// Fixed end asked for.
    pub until: Option<DateTime<Utc>>,
    /// Why.
    pub reason: String,
    /// Ticket.
    pub ticket: Option<String>,
    /// When it was asked.
    pub submitted_at: DateTime<Utc>,
    /// When the open stage lapses; only while pending.
    pub decide_by: Option<DateTime<Utc>>,
    /// One line about where it stands.
    pub standing: String,
    /// The grant that it became.
    pub grant: Option<GrantLink>,
}

/// Body of `POST /api/v1/requests/{reference}/decisions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// Approve or deny.
    pub verdict: Verdict,
    /// Shorten to this length, as in [`NewRequest::length`]. Only with approve, never longer than asked.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub length: Option<String>,
    /// Comment, at most 2,000 characters. Needed on deny.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub comment: Option<String>,
    /// `digest` of the request as it was shown to the approver.
    pub digest: String,
}
