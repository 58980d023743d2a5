//! The form with which one asks for a role, and the dry run that it shows before anything is sent.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::catalogue::RoleCard;
use super::page::{Choice, FieldError};

/// The page `/request?role=…`.
#[derive(Debug, Clone, Serialize)]
pub struct RequestFormView {
    /// The role asked for.
    pub role: RoleCard,
    /// Lengths to choose from (`15m`, `1h`, …), none longer than the role allows.
    pub presets: Vec<Choice>,
    /// Scope parameters of the role, each with its closed list of values.
    pub scope: Vec<ScopeField>,
    /// What was typed.
    pub values: RequestValues,
    /// Whether a reason must be given.
    pub reason_required: bool,
    /// Whether a ticket must be given.
    pub ticket_required: bool,
    /// What a ticket looks like here, such as `INC-1234`.
    pub ticket_hint: String,
    /// Mistakes, in the order of the fields.
    pub errors: Vec<FieldError>,
    /// What would happen; `None` if the values do not allow an answer.
    pub preview: Option<Preview>,
    /// The value of the hidden field `idempotency_key`: sending twice makes one request.
    pub idempotency_key: String,
}

/// What was typed into the form; kept when it comes back with mistakes.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestValues {
    /// Free text: a length ("90m") or an end ("until 17:30"). Wins over the preset when it is not blank.
    pub for_text: String,
    /// The reason.
    pub reason: String,
    /// The ticket.
    pub ticket: String,
}

/// One scope parameter.
#[derive(Debug, Clone, Serialize)]
pub struct ScopeField {
    /// Name; the form's field is `scope.<name>`.
    pub name: String,
    /// Label.
    pub label: String,
    /// What the choice means.
    pub help: String,
    /// Several values may be chosen (checkboxes); otherwise one (a select).
    pub multiple: bool,
    /// At least one value must be chosen.
    pub required: bool,
    /// The closed list.
    pub options: Vec<Choice>,
}

impl ScopeField {
    /// Name of the form's field.
    #[must_use]
    pub fn field_name(&self) -> String {
        format!("scope.{}", self.name)
    }
}

/// The answer of the dry run, from the same rules as the real thing.
#[derive(Debug, Clone, Serialize)]
pub struct Preview {
    /// Length from the approval, in seconds, if a length was asked for.
    pub seconds: Option<i64>,
    /// The end, if a fixed end was asked for.
    pub fixed_end: Option<DateTime<Utc>>,
    /// When access would end if it were approved now.
    pub ends_if_approved_now: DateTime<Utc>,
    /// When an undecided request lapses.
    pub decide_by: DateTime<Utc>,
    /// The stages, in order. Empty: the workflow approves by itself.
    pub stages: Vec<PreviewStage>,
    /// What the role lets its holder do, in plain words.
    pub consequences: Vec<String>,
    /// What to know before sending, such as "The role allows 4 h at most: your 6 h were cut".
    pub warnings: Vec<String>,
}

/// One stage of the dry run.
#[derive(Debug, Clone, Serialize)]
pub struct PreviewStage {
    /// Name of the stage.
    pub name: String,
    /// How many distinct people must approve.
    pub need: i64,
    /// Names of those who can; those who ask are left out.
    pub deciders: Vec<String>,
    /// `session` or `step-up`.
    pub proof: String,
}
