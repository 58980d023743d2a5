//! Credentials: what was issued, what is shown once, and the watch of a live login.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::RoleLine;
use super::page::Command;

/// A kind of credential that a grant gives, rendered from the target kind's descriptor.
#[derive(Debug, Clone, Serialize)]
pub struct IssuableKind {
    /// The form's value of `kind`: `access_token` or `postgresql_login`.
    pub kind: String,
    /// Its name in words.
    pub label: String,
    /// How it is used, in a sentence.
    pub use_it: String,
    /// What revocation cuts.
    pub cuts: String,
    /// What revocation cannot cut; empty if nothing.
    pub cannot_cut: String,
}

/// What came of using a new login once, before it was handed out.
#[derive(Debug, Clone, Serialize)]
pub struct ProbeLine {
    /// A login with it worked.
    pub works: bool,
    /// When it was tried.
    pub at: DateTime<Utc>,
    /// How long it took, in milliseconds.
    pub took_ms: i64,
    /// What the target answered, and what to do; empty where it works.
    pub answer: String,
}

impl From<&hallpass_domain::credential::Probe> for ProbeLine {
    fn from(p: &hallpass_domain::credential::Probe) -> Self {
        Self {
            works: p.trouble.is_none(),
            at: p.at,
            took_ms: p.took_ms,
            answer: p.trouble.as_ref().map(|t| format!("{} {}", t.what, t.what_to_do)).unwrap_or_default(),
        }
    }
}

/// One credential; never with its secret.
#[derive(Debug, Clone, Serialize)]
pub struct CredentialView {
    /// Id of the credential.
    pub id: String,
    /// `access_token` or `postgresql_login`.
    pub kind: String,
    /// Its kind in words.
    pub label: String,
    /// Its name at the target, such as the login's name or the token's `jti`.
    pub name: String,
    /// `intended`, `live`, `revoking` or `revoked`; a token past its `exp` is `expired`.
    pub state: String,
    /// When it was issued.
    pub issued_at: Option<DateTime<Utc>>,
    /// What came of using it once; `None` for a token, and before it was tried.
    pub probe: Option<ProbeLine>,
    /// Its own end at the latest.
    pub not_after: DateTime<Utc>,
    /// Until when a verifier that works offline may still accept it.
    pub may_work_until: Option<DateTime<Utc>>,
    /// When absence was verified; of a token, since when nobody accepts it.
    pub verified_at: Option<DateTime<Utc>>,
    /// Attempts to revoke so far.
    pub attempts: i64,
    /// Past its end by more than the alert limit.
    pub overdue: bool,
    /// Attempts go on without effect.
    pub stalled: bool,
    /// A person has to look.
    pub needs_human: bool,
    /// What the target said last, on trouble.
    pub trouble: Option<String>,
    /// The watch page can be opened.
    pub watchable: bool,
}

/// The answer to `POST /grants/{id}/credentials`: the only time that the secret is shown.
#[derive(Debug, Clone, Serialize)]
pub struct IssuedView {
    /// Id of the grant.
    pub grant_id: String,
    /// Id of the credential.
    pub credential_id: String,
    /// The role.
    pub role: RoleLine,
    /// `access_token` or `postgresql_login`.
    pub kind: String,
    /// Its kind in words.
    pub label: String,
    /// When it ends.
    pub not_after: DateTime<Utc>,
    /// When it was tried and worked; `None` for a token.
    pub probe: Option<ProbeLine>,
    /// The secret values in the order in which they are shown. Not for the JSON API.
    #[serde(skip)]
    pub values: Vec<ShownOnce>,
    /// The authorities by which the target's certificate is checked, where they are not the system's. Not for the JSON API.
    #[serde(skip)]
    pub authorities: Option<Authorities>,
    /// Commands with the values filled in. Not for the JSON API.
    #[serde(skip)]
    pub commands: Vec<Command>,
    /// The watch page can be opened.
    pub watchable: bool,
}

/// Certificates of authorities, as a file to keep beside the login. Nothing secret.
#[derive(Debug, Clone)]
pub struct Authorities {
    /// Name of the file.
    pub name: String,
    /// Its text.
    pub pem: String,
}

impl Authorities {
    /// The file as an address (RFC 2397), so that it is there without a page of its own.
    pub fn href(&self) -> String {
        format!("data:application/x-pem-file;base64,{}", data_encoding::BASE64.encode(self.pem.as_bytes()))
    }
}

/// One value on the page that is shown once.
#[derive(Clone)]
pub struct ShownOnce {
    /// What it is: "Access token", "Password", "Host".
    pub label: String,
    /// The value.
    pub value: String,
    /// Whether it is a secret: gets the copy button and the warning.
    pub secret: bool,
}

/// Keeps secrets out of logs: the value never appears in debug output.
impl std::fmt::Debug for ShownOnce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShownOnce")
            .field("label", &self.label)
            .field("secret", &self.secret)
            .finish_non_exhaustive()
    }
}

/// The page `/credentials/{id}/watch`.
#[derive(Debug, Clone, Serialize)]
pub struct WatchView {
    /// The login.
    pub credential: CredentialView,
    /// Id of the grant.
    pub grant_id: String,
    /// The role.
    pub role: RoleLine,
    /// End of the grant: the moment that everything is measured from.
    pub ends_at: DateTime<Utc>,
    /// Whether the target answered the last question.
    pub reachable: bool,
    /// When the target was asked last.
    pub sampled_at: Option<DateTime<Utc>>,
    /// What went wrong, if it did not answer.
    pub trouble: Option<String>,
    /// Its sessions, as the target reports them.
    pub sessions: Vec<TargetSession>,
    /// What was measured at the end.
    pub measured: Measured,
}

/// One session at the target.
#[derive(Debug, Clone, Serialize)]
pub struct TargetSession {
    /// Process id at the target.
    pub pid: i64,
    /// Database.
    pub database: String,
    /// Address of the client.
    pub client: String,
    /// Name that the client gave.
    pub application: String,
    /// State as the target calls it, such as `idle in transaction`.
    pub state: String,
    /// When the session began.
    pub since: DateTime<Utc>,
}

/// Times after the end, in milliseconds; `None`: not yet.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Measured {
    /// No new login was possible from then on.
    pub no_login_ms: Option<i64>,
    /// The last open session was dead.
    pub sessions_dead_ms: Option<i64>,
    /// Absence was verified.
    pub verified_ms: Option<i64>,
    /// How many sessions were ended.
    pub sessions_ended: Option<i64>,
}
