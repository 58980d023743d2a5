//! What the reconcilers report, and how the targets are.

use chrono::{DateTime, Utc};
use serde::Serialize;

/// The page `/reports`.
#[derive(Debug, Clone, Serialize)]
pub struct ReportsView {
    /// What is known of a restored backup that waits for an operator; empty where none does.
    pub restored: Vec<RestoredFact>,
    /// Figures on top: each is a number with its name.
    pub figures: Vec<Figure>,
    /// The reconcilers.
    pub reconcilers: Vec<ReconcilerRow>,
    /// The targets.
    pub targets: Vec<TargetReport>,
    /// Credentials that are due and not yet verified gone.
    pub overdue: Vec<OverdueRow>,
}

/// Something that is known of a restored backup.
#[derive(Debug, Clone, Serialize)]
pub struct RestoredFact {
    /// Its name.
    pub label: String,
    /// What is known.
    pub value: String,
}

/// One figure.
#[derive(Debug, Clone, Serialize)]
pub struct Figure {
    /// Its name.
    pub label: String,
    /// Its value, with its unit.
    pub value: String,
    /// `good`, `warn`, `bad` or `plain`.
    pub tone: String,
}

/// One reconciler.
#[derive(Debug, Clone, Serialize)]
pub struct ReconcilerRow {
    /// Name, such as `revoke-due`.
    pub name: String,
    /// What it does.
    pub purpose: String,
    /// `ok`, `working`, `late` or `failing`.
    pub state: String,
    /// Last run.
    pub last_run_at: Option<DateTime<Utc>>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<i64>,
    /// Items done in it.
    pub done: i64,
    /// Items that failed in it.
    pub failed: i64,
    /// Items that are due now.
    pub due: i64,
    /// The next run by the clock.
    pub next_run_at: Option<DateTime<Utc>>,
    /// What went wrong, if anything did.
    pub trouble: Option<String>,
}

/// One target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetReport {
    /// Name.
    pub name: String,
    /// Kind in words.
    pub kind: String,
    /// `reachable`, `unreachable`, `observing` or `unknown`.
    pub state: String,
    /// When it answered last.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Live credentials.
    pub live: i64,
    /// Credentials being revoked.
    pub revoking: i64,
    /// What the comparison with our records found, in sentences.
    pub drift: Vec<String>,
    /// What it said, on trouble.
    pub trouble: Option<String>,
}

/// One credential that is due.
#[derive(Debug, Clone, Serialize)]
pub struct OverdueRow {
    /// Id of the credential.
    pub credential_id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Name at the target.
    pub name: String,
    /// Name of the target.
    pub target: String,
    /// When it had to end.
    pub due_at: DateTime<Utc>,
    /// Attempts so far.
    pub attempts: i64,
    /// Next attempt.
    pub next_attempt_at: Option<DateTime<Utc>>,
    /// What the target said last.
    pub trouble: Option<String>,
    /// A person has to look.
    pub needs_human: bool,
}
