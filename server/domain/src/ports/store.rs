//! The store: one way in ([`Store::commit`]), and reads by noun.
use async_trait::async_trait;

use super::accounts::Accounts;
use super::audit_log::AuditLog;
use super::catalogue::CatalogueReads;
use super::comparison::Comparison;
use super::credentials::Credentials;
use super::grants::Grants;
use super::mails::Mails;
use super::requests::Requests;
use super::tokens::Tokens;
use crate::Timestamp;
use crate::transition::{Idempotency, Transition};

/// Why a commit did not happen.
#[derive(Debug, Clone, thiserror::Error)]
pub enum CommitError {
    /// A row had moved, or a unique key was taken: decide again. Nothing of the transition stays.
    #[error("somebody else changed this first ({0})")]
    Conflict(String),
    /// A rule that the database holds refused it (illegal move of a state, foreign key): a bug, or a forged row.
    #[error("the database refused the change: {0}")]
    Refused(String),
    /// The store could not be written; whether it was is known to be "no".
    #[error("the store cannot be written: {0}")]
    Unavailable(String),
}

/// Why a read failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the store cannot be read: {0}")]
pub struct ReadError(pub String);

/// Result of a read.
pub type Read<T> = Result<T, ReadError>;

/// Keyset page: rows older than `after` (an id), newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// Last id of the page before; none for the first page.
    pub after: Option<uuid::Uuid>,
    /// At most so many rows (1 to 200).
    pub limit: u32,
}

impl Page {
    /// The first page.
    pub fn first(limit: u32) -> Self {
        Self { after: None, limit: limit.clamp(1, 200) }
    }
}

/// The store.
#[async_trait]
pub trait Store:
    Accounts
    + AuditLog
    + CatalogueReads
    + Comparison
    + Credentials
    + Grants
    + Mails
    + Requests
    + Tokens
    + Send
    + Sync
{
    /// Commits a transition durably, or nothing of it. Waiting transitions share one transaction, each in its own
    /// savepoint. After a lost COMMIT the command id is looked up and the recorded outcome answered.
    async fn commit(&self, transition: Transition) -> Result<(), CommitError>;

    /// A small named value.
    async fn meta(&self, key: &str) -> Read<Option<String>>;

    /// A recorded answer for `(scope, key)`.
    async fn idempotent_answer(&self, scope: &str, key: &str) -> Read<Option<Idempotency>>;

    /// Deletes expired sessions, devices, API tokens, idempotency keys and swept tokens, at most `limit` of each; how many went.
    async fn sweep(&self, now: Timestamp, limit: u32) -> Read<u64>;

    /// The database's own time (on SQLite the wall clock).
    async fn database_time(&self) -> Read<Timestamp>;

    /// Whether another server that shares the database was heard within the last seconds (never on SQLite): then
    /// a revocation waits for its memory, whatever the configuration says.
    fn has_company(&self) -> bool;

    /// Names of the servers that have a connection to the database: one that dies has none at once. None on SQLite, whose file
    /// belongs to one server.
    async fn live_servers(&self) -> Read<Vec<String>>;

    /// Whether a durable write would succeed now (probes the file or server); used by `/readyz`.
    async fn probe(&self) -> Read<()>;
}
