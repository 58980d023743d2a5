//! The way to a target on which accounts are created.
use async_trait::async_trait;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::credential::{Credential, Trouble};

/// Why work at a target failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// Not reachable, or timed out: whether the work was done is unknown. Trips the target's breaker.
    #[error("the target cannot be reached: {0}")]
    Down(String),
    /// The target's clock was past the create deadline: nothing was created, nothing can be.
    #[error("the target refused a late create")]
    TooLate,
    /// The target refused: a setting or right of ours is wrong; a human must look, retries go on.
    #[error("the target refused: {0}")]
    Refused(String),
    /// An account of that name is not marked as ours: never touched.
    #[error("an account of that name is not ours")]
    NotOurs,
}

impl TargetError {
    /// Class for rows, metrics and alerts; no details, no secrets.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Down(_) => "down",
            Self::TooLate => "too_late",
            Self::Refused(_) => "refused",
            Self::NotOurs => "not_ours",
        }
    }
}

/// What a created account is, beyond its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Created {
    /// PostgreSQL role oid.
    pub external_oid: Option<i64>,
}

/// How a live credential is used: for the page, the command and `hallpass run`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionInfo {
    /// Host.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Database.
    pub database: String,
    /// `sslmode` that clients should use.
    pub sslmode: String,
    /// PEM of the authorities that the target's certificate is checked by, where they are not the system's.
    #[serde(default)]
    pub ca_pem: Option<String>,
}

/// What came of a login with a new account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Probed {
    /// From the first packet to the answer of the statement.
    pub took: std::time::Duration,
    /// Why it does not work; none where it does.
    pub trouble: Option<Trouble>,
}

/// A session at the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetSession {
    /// Process id at the target.
    pub pid: i32,
    /// Database that it is in.
    pub database: String,
    /// Client address.
    pub client: String,
    /// Program, as it names itself.
    pub application: String,
    /// `active`, `idle in transaction`, ….
    pub state: String,
    /// Since when.
    pub since: Option<Timestamp>,
}

/// What one pass of removal achieved; instants are ours, read just after the target's answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Removal {
    /// New logins are refused (committed at the target).
    pub denied: bool,
    /// No session is left.
    pub sessions_ended: bool,
    /// Sessions that were asked to end in this pass and were seen gone: at least so many were cut.
    pub sessions_cut: u32,
    /// The account is gone.
    pub removed: bool,
    /// Absence was verified: no account, no session, no create able to land.
    pub verified_absent: bool,
    /// The account's oid where the target still knows it: to be kept with the row, for a create whose answer was lost.
    pub external_oid: Option<i64>,
    /// Things that were left in the quarantine, in words, for the report.
    pub left: Vec<String>,
}

/// What a target says of a live account at a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountSeen {
    /// Sessions that it has now.
    pub sessions: u32,
    /// It is there, it is ours, and new logins with it are accepted.
    pub may_log_in: bool,
}

/// A marked account as the target lists it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// Name.
    pub external_name: String,
    /// Identity at the target beyond the name (PostgreSQL: role oid).
    pub external_oid: Option<i64>,
    /// Groups that it is in.
    pub groups: Vec<String>,
    /// Credential id in the marker.
    pub credential: Option<uuid::Uuid>,
    /// The marker is proven to be of our making, for this id on an account of this name. Others can write markers, too.
    pub proven: bool,
    /// May log in.
    pub can_login: bool,
    /// Differences from what was created (extra memberships, attributes), in words.
    pub drift: Vec<String>,
}

/// What a check of the connection found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Canary {
    /// Version as the target says.
    pub version: String,
    /// What is wrong, each with what to do; empty is good.
    pub problems: Vec<String>,
}

/// One step of removal; each is a commit of its own at the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Refuse new logins and withdraw memberships. Waits for nothing that a holder can keep.
    Deny,
    /// End sessions until none is left, whether or not new logins are refused already.
    EndSessions,
    /// Remove the accounts on which nothing hangs; others are left as they are. Quick.
    Drop,
    /// Hand over or drop what it owns and remove the account. Takes its time, and goes on from there the next time.
    Remove,
    /// Look again: no account, no session.
    VerifyAbsent,
}

/// What a kind of target gives, in words: pages, mails and the command are rendered from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Descriptor {
    /// The target's kind, as in the catalogue.
    pub target: &'static str,
    /// The kind of credential.
    pub credential: crate::role::CredentialKind,
    /// The credential's name in words.
    pub label: &'static str,
    /// What is issued, in a sentence.
    pub issues: &'static str,
    /// How it is used, in a sentence.
    pub use_it: &'static str,
    /// What revocation cuts.
    pub cuts: &'static str,
    /// What revocation cannot cut.
    pub cannot_cut: &'static str,
}

/// A connector to one target. Every call is idempotent and safe to repeat after a crash at any line.
#[async_trait]
pub trait TargetConnector: Send + Sync {
    /// Checks rights and settings with a throw-away account that has an own row (`credential` written ahead by the caller).
    async fn canary(&self, credential: &Credential) -> Result<Canary, TargetError>;
    /// Takes away what such a check left with others when its account was removed. For an account that is gone.
    async fn clean(&self, credential: &Credential) -> Result<(), TargetError>;
    /// Creates the account in one transaction that refuses itself when the target's clock is past `create_deadline`, with the
    /// target's own expiry at `not_after` as second line of defence, and our marker.
    async fn create(&self, credential: &Credential, password: &SecretString) -> Result<Created, TargetError>;
    /// Logs in as the account's holder would, runs a harmless statement, and leaves no session; within `patience`.
    async fn probe(
        &self,
        credential: &Credential,
        password: &SecretString,
        patience: std::time::Duration,
    ) -> Probed;
    /// Where and how the account is used.
    fn connection_info(&self, credential: &Credential) -> ConnectionInfo;
    /// Sessions of the account now.
    async fn sessions(&self, credential: &Credential) -> Result<Vec<TargetSession>, TargetError>;
    /// What each account of a batch is now, in order; for lists.
    async fn look_at(&self, batch: &[Credential]) -> Vec<Result<AccountSeen, TargetError>>;
    /// One step for a batch; the answer has one entry per credential, so that one bad account stops no other.
    async fn step(&self, step: Step, batch: &[Credential]) -> Vec<Result<Removal, TargetError>>;
    /// Every account that carries our mark.
    async fn list_marked(&self) -> Result<Vec<Listed>, TargetError>;
}

/// Opens connectors by target; keeps connections.
#[async_trait]
pub trait Targets: Send + Sync {
    /// The connector of a target; opens lazily, so an unreachable target costs nothing here.
    fn connector(
        &self,
        target: &crate::target::Target,
    ) -> Result<std::sync::Arc<dyn TargetConnector>, TargetError>;
    /// A connector of its own, of which nothing is kept: for trials of a target that is not so in the catalogue.
    fn trial(
        &self,
        target: &crate::target::Target,
    ) -> Result<std::sync::Arc<dyn TargetConnector>, TargetError>;
    /// The kinds of target that there are.
    fn kinds(&self) -> &'static [Descriptor];
}
