//! Credentials: what is issued under a grant.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ClientId, CredentialId, GrantId, TargetId, TokenId};
use crate::role::CredentialKind;
use crate::secret::SecretHash;

/// State of a credential that is written at a target. Only `revoked` is terminal: verified absent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialState {
    /// Written ahead; may or may not exist at the target.
    Intended,
    /// Exists and was handed out.
    Live,
    /// Being removed; may still work in part.
    Revoking,
    /// Verified absent, no session left, no create of it able to land.
    Revoked,
}

impl CredentialState {
    /// The word in pages, API, audit and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Intended => "intended",
            Self::Live => "live",
            Self::Revoking => "revoking",
            Self::Revoked => "revoked",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Intended, Self::Live, Self::Revoking, Self::Revoked].into_iter().find(|s| s.as_str() == text)
    }
}

/// What is needed to revoke, fixed at issue: later catalogue changes do not change how this one is removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Plan {
    /// A PostgreSQL login role.
    PostgresqlLogin {
        /// Database it connects to.
        database: String,
        /// Group roles it joins.
        groups: Vec<String>,
        /// `CONNECTION LIMIT`.
        connection_limit: i32,
    },
}

/// Why something does not work, as the target answered, and what to do next; for people, without secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What happened.
    pub what: String,
    /// What to do next.
    pub what_to_do: String,
}

/// What came of using a new credential once, as its holder would, before its secret was handed out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Probe {
    /// When it was tried.
    pub at: Timestamp,
    /// How long it took, milliseconds.
    pub took_ms: i64,
    /// Why it does not work; none where it does.
    pub trouble: Option<Trouble>,
}

/// A credential at a target, with the state of the work to remove it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Credential {
    /// Identity.
    pub id: CredentialId,
    /// The grant it was issued under.
    pub grant_id: GrantId,
    /// Where it is.
    pub target_id: TargetId,
    /// What it is.
    pub kind: CredentialKind,
    /// State.
    pub state: CredentialState,
    /// Final name at the target, unique per target.
    pub external_name: String,
    /// How to create and remove it.
    pub plan: Plan,
    /// Never valid at or after this instant.
    pub not_after: Timestamp,
    /// The target refuses the create after this instant of its own clock.
    pub create_deadline: Timestamp,
    /// When removal is due: `not_after`, or earlier where the grant ends early or the create failed.
    pub due_at: Timestamp,
    /// When the row was written ahead.
    pub intended_at: Timestamp,
    /// When it went live.
    pub live_at: Option<Timestamp>,
    /// What came of using it once, before it went live or was given up.
    pub probe: Option<Probe>,
    /// When the target committed the refusal of new logins.
    pub denied_at: Option<Timestamp>,
    /// When its sessions were seen gone.
    pub sessions_ended_at: Option<Timestamp>,
    /// How many sessions its end cut: those that the target was asked to end and that were seen gone. None: not asked yet.
    /// One whose end was not recorded (a crash, a target that went away) is not in it: at least so many.
    pub sessions_cut: Option<i32>,
    /// When the account was removed.
    pub removed_at: Option<Timestamp>,
    /// When absence was verified.
    pub verified_at: Option<Timestamp>,
    /// Failed attempts so far.
    pub attempts: i32,
    /// No attempt before this instant (backoff).
    pub next_attempt_at: Timestamp,
    /// Class of the last error, without secrets.
    pub last_error: Option<String>,
    /// People were alerted that it is overdue.
    pub alerted_at: Option<Timestamp>,
    /// Who works on it.
    pub claimed_by: Option<String>,
    /// Until when.
    pub claimed_until: Option<Timestamp>,
    /// Moves at every claim; only the holder of the newest may finish.
    pub fence: i64,
    /// Name of the object at the target beyond the name (PostgreSQL: role oid), to find sessions after a drop.
    pub external_oid: Option<i64>,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// An access token's record. The token itself is never stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Token {
    /// Identity: its `jti`.
    pub id: TokenId,
    /// SHA-256 of the exact token.
    pub hash: SecretHash,
    /// The grant it was issued under.
    pub grant_id: GrantId,
    /// The target (audience).
    pub target_id: TargetId,
    /// The client that fetched it.
    pub client_id: Option<ClientId>,
    /// When it was issued.
    pub issued_at: Timestamp,
    /// `exp`, never past the grant.
    pub expires_at: Timestamp,
    /// Until when its target may accept it by its signature alone: `exp` and the leeway that the target had at the issue.
    /// None where the target asks Hallpass at each use.
    pub accepted_until: Option<Timestamp>,
    /// When it was revoked before its time.
    pub revoked_at: Option<Timestamp>,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// Name of a credential's account at its target: `hp_<instance>_<26 characters of base32 of the id>`; at most 63 bytes
/// for instances of up to 33 characters, and never truncated.
pub fn external_name(instance: &str, id: CredentialId) -> String {
    let encoded = data_encoding::BASE32_NOPAD.encode(id.0.as_bytes()).to_ascii_lowercase();
    format!("hp_{instance}_{encoded}")
}
