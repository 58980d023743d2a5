//! Requests: the list of one's own, and one request with its history.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{PrincipalLine, RoleLine, ScopeValue, StageView, Ticket, TimelineEvent};
use super::page::Choice;

/// The page `/requests`.
#[derive(Debug, Clone, Serialize)]
pub struct RequestsView {
    /// States to filter by; the first entry is "all".
    pub states: Vec<Choice>,
    /// One page, newest first.
    pub rows: Vec<RequestRow>,
    /// Whether any filter is set.
    pub filtered: bool,
    /// Cursor of the next page, for the parameter `after`.
    pub next: Option<String>,
}

/// One request in a list.
#[derive(Debug, Clone, Serialize)]
pub struct RequestRow {
    /// Reference, such as `R-4821-k7Qm`.
    pub reference: String,
    /// The role.
    pub role: RoleLine,
    /// `pending`, `approved`, `denied`, `withdrawn` or `lapsed`.
    pub state: String,
    /// Length asked for (or shortened to), in seconds; beside a fixed end only where that was shortened.
    pub seconds: Option<i64>,
    /// Fixed end asked for.
    pub fixed_end: Option<DateTime<Utc>>,
    /// The reason.
    pub reason: String,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// When the open stage lapses.
    pub decide_by: Option<DateTime<Utc>>,
    /// One line about where it stands: "1 of 2, waiting for DB on-call", "approved by Ana Ruiz".
    pub standing: String,
    /// The grant that it became.
    pub grant: Option<GrantLink>,
}

/// A grant as a request points at it.
#[derive(Debug, Clone, Serialize)]
pub struct GrantLink {
    /// Id of the grant.
    pub id: String,
    /// `scheduled`, `active`, `ending` or `ended`.
    pub state: String,
    /// Begin of the window.
    pub starts_at: DateTime<Utc>,
    /// End of the window.
    pub ends_at: DateTime<Utc>,
}

/// The page `/requests/{reference}`.
#[derive(Debug, Clone, Serialize)]
pub struct RequestView {
    /// Reference, such as `R-4821-k7Qm`.
    pub reference: String,
    /// `pending`, `approved`, `denied`, `withdrawn` or `lapsed`.
    pub state: String,
    /// The role.
    pub role: RoleLine,
    /// Scope asked for.
    pub scope: Vec<ScopeValue>,
    /// For whom the access is.
    pub subject: PrincipalLine,
    /// Who sent it, where that is somebody else.
    pub submitted_by: Option<PrincipalLine>,
    /// Length asked for, in seconds.
    pub seconds: Option<i64>,
    /// Fixed end asked for.
    pub fixed_end: Option<DateTime<Utc>>,
    /// The length that counts now, where an approver shortened it, in seconds.
    pub shortened_to_seconds: Option<i64>,
    /// Who shortened it.
    pub shortened_by: Option<String>,
    /// The reason.
    pub reason: String,
    /// The ticket.
    pub ticket: Option<Ticket>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// When the open stage lapses.
    pub decide_by: Option<DateTime<Utc>>,
    /// When it left `pending`.
    pub decided_at: Option<DateTime<Utc>>,
    /// Name and revision of the workflow that it is pinned to.
    pub workflow: String,
    /// Digest of what was asked: approvers decide on exactly this.
    pub digest: String,
    /// The stages, in order.
    pub stages: Vec<StageView>,
    /// What happened, oldest first.
    pub timeline: Vec<TimelineEvent>,
    /// Messages about this request and how far they got.
    pub mail: Vec<MailDelivery>,
    /// The grant that it became.
    pub grant: Option<GrantLink>,
    /// The person who looks may withdraw it.
    pub can_withdraw: bool,
    /// The person who looks may decide it now.
    pub can_decide: bool,
    /// The request form with the same values, for asking again.
    pub ask_again_href: Option<String>,
}

/// One message in the outbox.
#[derive(Debug, Clone, Serialize)]
pub struct MailDelivery {
    /// Name of the person.
    pub to: String,
    /// What kind of message, in words: "asked to decide", "no action needed".
    pub what: String,
    /// `queued`, `sent` (handed to the mail server), `retrying` or `failed`.
    pub state: String,
    /// Time of the last change of state.
    pub at: DateTime<Utc>,
    /// Attempts so far.
    pub attempts: i64,
    /// What the mail server said, on trouble.
    pub detail: Option<String>,
}
