//! Grants: what an approved request becomes.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::common::{PrincipalLine, RoleLine, Scope};
use super::credentials::Credential;

words! {
    /// State of a grant; `ended` is terminal.
    GrantState {
        /// Begins later.
        Scheduled => "scheduled",
        /// In force.
        Active => "active",
        /// Over; something of it may still be at a target.
        Ending => "ending",
        /// Over, and everything verified gone.
        Ended => "ended",
    }
}

words! {
    /// Why a grant ended.
    EndReason {
        /// Its time was up.
        Expired => "expired",
        /// By its holder.
        Released => "released",
        /// By a person with the right to, a policy or a signal.
        Revoked => "revoked",
    }
}

words! {
    /// Whether access works now, as the last probe found.
    WorksState {
        /// It does.
        Works => "works",
        /// Nothing has been issued yet.
        NotIssued => "not_issued",
        /// Being looked at.
        Checking => "checking",
        /// It does not.
        Fails => "fails",
        /// The window has not begun.
        NotStarted => "not_started",
        /// It is over.
        Ended => "ended",
    }
}

words! {
    /// What of a grant is at the target.
    AtTargetState {
        /// Nothing was ever issued.
        Nothing => "nothing",
        /// Something live.
        Live => "live",
        /// Something that is being removed.
        Revoking => "revoking",
        /// Verified absent.
        Gone => "gone",
    }
}

/// `GET /api/v1/grants/{id}`, and (with `credentials` empty) an item of `GET /api/v1/grants`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Grant {
    /// Id.
    pub id: String,
    /// Reference of the request behind it; none for a standing role.
    pub reference: Option<String>,
    /// The role.
    pub role: RoleLine,
    /// Who holds it.
    pub holder: PrincipalLine,
    /// Scope as approved.
    pub scope: Scope,
    /// State.
    pub state: GrantState,
    /// Why it ended, once it does.
    pub end_reason: Option<EndReason>,
    /// Who ended it early, by name.
    pub ended_by: Option<String>,
    /// Begin of the window.
    pub starts_at: DateTime<Utc>,
    /// End of the window (exclusive); an early end moves it earlier.
    pub ends_at: DateTime<Utc>,
    /// When everything was verified gone.
    pub verified_at: Option<DateTime<Utc>>,
    /// Fact two of three: does it work now?
    pub works: Works,
    /// Fact three: what is still at the target?
    pub at_target: AtTarget,
    /// Credentials may be issued to the caller now.
    pub can_issue: bool,
    /// Why not, in a sentence.
    pub why_no_issue: Option<String>,
    /// The caller may end it (its holder).
    pub can_end: bool,
    /// The caller may revoke it (an administrator, or an approver of it).
    pub can_revoke: bool,
    /// Everything issued under it, newest first, at most 100; tokens that were swept are only counted in the audit log.
    pub credentials: Vec<Credential>,
    /// Its page in the portal.
    pub url: String,
}

/// Whether access works now.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Works {
    /// What was found.
    pub state: WorksState,
    /// When.
    pub checked_at: Option<DateTime<Utc>>,
    /// In a sentence; may be empty.
    pub detail: String,
}

/// What is at the target under a grant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct AtTarget {
    /// In a word.
    pub state: AtTargetState,
    /// Credentials that are live or being revoked.
    pub credentials: u32,
    /// Open sessions, as the target reported them within the last seconds; none where it was not asked or cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions: Option<u32>,
    /// Until when something may still be accepted although access has ended.
    pub may_work_until: Option<DateTime<Utc>>,
    /// When absence was verified.
    pub verified_at: Option<DateTime<Utc>>,
    /// Milliseconds from the end to verified absence.
    pub lag_ms: Option<i64>,
    /// More, such as why revoking is not done.
    pub detail: Option<String>,
}

/// Body of `POST /api/v1/grants/{id}/revoke`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Revoke {
    /// Why; 1 to 500 characters; the holder reads it.
    pub reason: String,
}
