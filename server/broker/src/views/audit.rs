//! The audit explorer.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::{Choice, FieldError};

/// The page `/audit`.
#[derive(Debug, Clone, Serialize)]
pub struct AuditView {
    /// The filter, as typed.
    pub filter: AuditFilter,
    /// Actions to filter by; the first entry is "any".
    pub actions: Vec<Choice>,
    /// One page of events, newest first.
    pub events: Vec<AuditRow>,
    /// Cursor of the next (older) page, for the parameter `before`.
    pub next: Option<String>,
    /// Whether any filter is set.
    pub filtered: bool,
    /// Mistakes in the filter.
    pub errors: Vec<FieldError>,
    /// How far the log is sealed.
    pub sealed: SealedTo,
}

/// What to look for; every part may be empty.
#[derive(Debug, Clone, Default, Serialize)]
pub struct AuditFilter {
    /// Name, email or client id of the actor.
    pub actor: String,
    /// Action, such as `request.approved`.
    pub action: String,
    /// Reference of a request, name of a role or target, or an id.
    pub object: String,
    /// From this local time on (`2026-11-23T15:00`, or a date).
    pub from: String,
    /// Before this local time.
    pub to: String,
}

/// One event.
#[derive(Debug, Clone, Serialize)]
pub struct AuditRow {
    /// Stable id.
    pub id: String,
    /// Index in the log; `None` until sealed.
    pub leaf_index: Option<i64>,
    /// When it was committed.
    pub at: DateTime<Utc>,
    /// Who: a name, or the part of Hallpass that did it.
    pub actor: String,
    /// The actor as the event has it, such as `system:mail`.
    pub actor_id: String,
    /// What the filter takes to find this actor: an address, a name.
    pub actor_handle: String,
    /// What, such as `request.approved`.
    pub action: String,
    /// What it was done to, in a few words.
    pub object: String,
    /// A filter that shows everything about this object, or its page.
    pub object_href: Option<String>,
    /// `good`, `info`, `warn`, `bad` or `plain`.
    pub tone: String,
    /// The whole event as indented JSON.
    pub json: String,
}

/// How far the log is sealed.
#[derive(Debug, Clone, Serialize)]
pub struct SealedTo {
    /// Size of the last signed tree.
    pub size: i64,
    /// Its root hash.
    pub root: String,
    /// When it was signed.
    pub at: Option<DateTime<Utc>>,
    /// Events that wait for a leaf index.
    pub unsealed: i64,
    /// The command that checks an export offline.
    pub command: String,
}
