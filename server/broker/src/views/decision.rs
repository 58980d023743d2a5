//! The approver's side: the inbox, the page behind the link in the mail, and its clear outcomes.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::{RoleLine, StageView, Ticket};
use super::page::{Choice, FieldError, Link};
use super::request::RequestView;

/// The page `/inbox`.
#[derive(Debug, Clone, Serialize)]
pub struct InboxView {
    /// `pending` or `history`.
    pub tab: String,
    /// Waiting for this person, by deadline and then by tier.
    pub pending: Vec<InboxRow>,
    /// Decided by this person, newest first (tab `history`).
    pub history: Vec<DecidedRow>,
    /// Names of the groups for which this person decides: tells an empty inbox from having no part in it.
    pub decides_for: Vec<String>,
    /// Cursor of the next page, for the parameter `after`.
    pub next: Option<String>,
}

/// One request that waits; readable without opening it.
#[derive(Debug, Clone, Serialize)]
pub struct InboxRow {
    /// Reference of the request.
    pub reference: String,
    /// Name of the person or program for whom the access is.
    pub subject: String,
    /// The role.
    pub role: RoleLine,
    /// Length asked for (or shortened to), in seconds; beside a fixed end only where that was shortened.
    pub seconds: Option<i64>,
    /// Fixed end asked for.
    pub fixed_end: Option<DateTime<Utc>>,
    /// The reason.
    pub reason: String,
    /// The ticket.
    pub ticket: Option<Ticket>,
    /// When it was asked.
    pub created_at: DateTime<Utc>,
    /// When the stage lapses.
    pub decide_by: DateTime<Utc>,
    /// Name of the open stage.
    pub stage: String,
    /// How many must approve.
    pub need: i64,
    /// How many have.
    pub have: i64,
    /// How this differs from the usual, in words.
    pub differences: Vec<String>,
    /// `session` or `step-up`.
    pub proof: String,
    /// This person asked: it is shown, without controls.
    pub own: bool,
}

/// One decision of the past.
#[derive(Debug, Clone, Serialize)]
pub struct DecidedRow {
    /// Reference of the request.
    pub reference: String,
    /// For whom it was.
    pub subject: String,
    /// The role.
    pub role: RoleLine,
    /// `approve` or `deny`.
    pub decision: String,
    /// When this person decided.
    pub at: DateTime<Utc>,
    /// State of the request now.
    pub state: String,
}

/// The page `/r/{reference}`: what the link in the mail opens for an approver of an open stage.
#[derive(Debug, Clone, Serialize)]
pub struct DecisionView {
    /// The request, as this approver is shown it.
    pub request: RequestView,
    /// The stage in which this person decides.
    pub stage: StageView,
    /// Digest of what is shown; the form sends it back, and another digest is a conflict.
    pub digest: String,
    /// When access would end if this were the last approval, now.
    pub ends_if_approved_now: DateTime<Utc>,
    /// Lengths to shorten to, in seconds as text; the first entry keeps the length.
    pub shorten_to: Vec<Choice>,
    /// How this differs from the usual, in words.
    pub differences: Vec<String>,
    /// What the role lets its holder do, in plain words.
    pub consequences: Vec<String>,
    /// A fresh second factor must come with the decision.
    pub step_up: bool,
    /// This person has a second factor enrolled; without one, `step_up` cannot be met.
    pub step_up_ready: bool,
    /// A comment is wanted for an approval too (it always is for a denial).
    pub comment_required: bool,
    /// What was typed, when the form comes back.
    pub values: DecisionValues,
    /// Mistakes.
    pub errors: Vec<FieldError>,
}

/// What was typed into the decision form; the code of the second factor is never kept.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DecisionValues {
    /// `approve`, `deny` or empty.
    pub decision: String,
    /// The comment.
    pub comment: String,
    /// The length to shorten to, in seconds as text; empty keeps it.
    pub shorten_to: String,
}

/// The page that ends a visit to `/r/{reference}`.
#[derive(Debug, Clone, Serialize)]
pub struct OutcomeView {
    /// `approved`, `denied` (this person's decision was recorded), `already_decided`, `withdrawn`, `lapsed`,
    /// `stage_closed` (this stage is settled, the request goes on), `changed` (the digest moved), `own`, `not_yours`
    /// or `unknown`.
    pub kind: String,
    /// Reference; `None` where nothing may be told.
    pub reference: Option<String>,
    /// One line about the request ("Dana Kim, orders-db.read, 1 h"); `None` where nothing may be told.
    pub summary: Option<String>,
    /// Who decided or withdrew.
    pub by: Option<String>,
    /// When that was, or when it lapsed.
    pub at: Option<DateTime<Utc>>,
    /// `approve` or `deny`, where it was decided.
    pub decision: Option<String>,
    /// The comment of whoever decided.
    pub comment: Option<String>,
    /// What happens next, in a sentence: "One more approval is needed from Security."
    pub next: Option<String>,
    /// Ways on from here.
    pub links: Vec<Link>,
}
