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
    /// How many credentials are due and not yet verified gone.
    pub overdue_count: usize,
    /// The oldest of them.
    pub overdue: Vec<OverdueRow>,
    /// How many accounts are not as our records say, at that target or at all.
    pub findings_count: u64,
    /// Name of the only target whose accounts are listed, if only one's are.
    pub findings_at: Option<String>,
    /// One page of them, newest first.
    pub findings: Vec<FindingRow>,
    /// Cursor of the next page, of those seen earlier.
    pub findings_next: Option<String>,
    /// This is the page with the newest.
    pub findings_first: bool,
}

/// One account at a target that is not as our records say.
#[derive(Debug, Clone, Serialize)]
pub struct FindingRow {
    /// Id of the finding.
    pub id: String,
    /// Name of the account.
    pub name: String,
    /// Name of the target.
    pub target: String,
    /// `unknown`, `reappeared`, `changed` or `missing`.
    pub kind: String,
    /// The differences, in words.
    pub differences: Vec<String>,
    /// Groups at the target that it is in: what it can do there.
    pub groups: Vec<String>,
    /// When it was seen first.
    pub since: DateTime<Utc>,
    /// Since when it is being removed.
    pub removing_since: Option<DateTime<Utc>>,
    /// Who said so; none where nobody had to.
    pub confirmed_by: Option<String>,
    /// What stands in the way of the removal.
    pub trouble: Option<String>,
    /// It waits for the yes of an administrator, and the person who looks is one.
    pub can_confirm: bool,
    /// What happens with it, in a sentence.
    pub what_happens: String,
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
    /// How many of its accounts are not as our records say.
    pub findings: u64,
    /// When it was compared with our records, and what that came to, in a sentence.
    pub compared: String,
    /// The comparison found a difference, or came to nothing.
    pub differs: bool,
    /// How the last trial of it went, in a sentence; none where it was never tried.
    pub tried: Option<String>,
    /// The last trial found it unfit.
    pub unfit: bool,
    /// The person who looks may have it tried again.
    pub can_try: bool,
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
