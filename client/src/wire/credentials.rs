//! Credentials: issuing, and looking at what was issued.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::common::CredentialKind;

words! {
    /// State of a credential. Only `revoked` says that it is gone.
    CredentialState {
        /// Written ahead; may or may not exist at the target.
        Intended => "intended",
        /// Exists and was handed out.
        Live => "live",
        /// Being removed; may still work in part.
        Revoking => "revoking",
        /// Verified absent; for a token: accepted nowhere any more.
        Revoked => "revoked",
    }
}

/// Body of `POST /api/v1/grants/{id}/credentials`; `{}` is complete.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(deny_unknown_fields)]
pub struct NewCredential {
    /// Refuse unless the role issues this kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<CredentialKind>,
}

/// Answer of `POST /api/v1/grants/{id}/credentials`: the only time that the secret leaves. `Cache-Control: no-store`.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Issued {
    /// A token; members named as in RFC 6749 §5.1.
    AccessToken(IssuedToken),
    /// A login.
    PostgresqlLogin(IssuedLogin),
}

/// An issued access token.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedToken {
    /// Id of the credential: the token's `jti`.
    pub id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Name of the role.
    pub role: String,
    /// The token.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds until `exp`.
    pub expires_in: i64,
    /// `exp`; never past the grant.
    pub expires_at: DateTime<Utc>,
    /// The token's `aud`.
    pub audience: String,
    /// The token's `authorization_details` (RFC 9396).
    pub authorization_details: Vec<Value>,
}

/// An issued PostgreSQL login.
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct IssuedLogin {
    /// Id of the credential.
    pub id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Name of the role.
    pub role: String,
    /// Host name, address, or directory of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// Login name.
    pub user: String,
    /// Password.
    pub password: String,
    /// `sslmode` to connect with.
    pub sslmode: String,
    /// PEM of the authorities by which the server's certificate is checked, where they are not the system's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_pem: Option<String>,
    /// The login and its sessions end here at the latest.
    pub expires_at: DateTime<Utc>,
    /// When it was tried and worked, and how long that took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
}

impl Issued {
    /// Id of the credential.
    pub fn id(&self) -> &str {
        match self {
            Self::AccessToken(t) => &t.id,
            Self::PostgresqlLogin(l) => &l.id,
        }
    }
    /// Its end.
    pub fn expires_at(&self) -> DateTime<Utc> {
        match self {
            Self::AccessToken(t) => t.expires_at,
            Self::PostgresqlLogin(l) => l.expires_at,
        }
    }
}

/// Keeps the secret out of logs.
impl std::fmt::Debug for Issued {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AccessToken(t) => t.fmt(f),
            Self::PostgresqlLogin(l) => l.fmt(f),
        }
    }
}
/// Keeps the token out of logs.
impl std::fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedToken")
            .field("id", &self.id)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
/// Keeps the password out of logs.
impl std::fmt::Debug for IssuedLogin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedLogin").field("id", &self.id).field("user", &self.user).finish_non_exhaustive()
    }
}

/// What came of using a new login once, before it was handed out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Probe {
    /// A login with it worked.
    pub works: bool,
    /// When it was tried.
    pub at: DateTime<Utc>,
    /// Milliseconds that it took.
    pub took_ms: i64,
    /// What the target answered, where it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
    /// What to do next, where it does not work.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what_to_do: Option<String>,
}

/// `GET /api/v1/credentials/{id}`; never with its secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Credential {
    /// Id.
    pub id: String,
    /// Id of the grant.
    pub grant_id: String,
    /// Name of the target.
    pub target: String,
    /// What it is.
    pub kind: CredentialKind,
    /// Its name at the target: the login's name, the token's `jti`.
    pub name: String,
    /// State.
    pub state: CredentialState,
    /// When it was handed out.
    pub issued_at: Option<DateTime<Utc>>,
    /// What came of using it once; none for tokens, and before it was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<Probe>,
    /// Never valid at or after this instant.
    pub not_after: DateTime<Utc>,
    /// When its removal was due.
    pub due_at: DateTime<Utc>,
    /// What may still work although access has ended, in a sentence; none: nothing.
    pub may_still_work: Option<String>,
    /// Until when; none with `may_still_work`: until the target can be reached.
    pub may_work_until: Option<DateTime<Utc>>,
    /// No new login (or use) from here on.
    pub denied_at: Option<DateTime<Utc>>,
    /// The last session was seen gone.
    pub sessions_ended_at: Option<DateTime<Utc>>,
    /// How many open sessions its end cut, at least; none: the target was not asked to end any yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sessions_cut: Option<u32>,
    /// The account was removed.
    pub removed_at: Option<DateTime<Utc>>,
    /// Absence was verified.
    pub verified_at: Option<DateTime<Utc>>,
    /// Attempts to remove so far that failed.
    pub attempts: u32,
    /// Past its end by more than a minute.
    pub overdue: bool,
    /// A person has to look.
    pub needs_human: bool,
    /// Class of the last error.
    pub trouble: Option<String>,
}
