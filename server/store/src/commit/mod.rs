//! Writing: one queue, one writer, one transaction for all that wait.
//!
//! `writer.rs` is the loop, `transact.rs` one transaction with its commit point; `apply.rs` turns a transition into
//! statements, `many.rs` is what there is much of, `put.rs` and `rested.rs` a change and a resting row; `grouped.rs` is the fast way for many at once on
//! PostgreSQL; `jobs.rs` are the writes that are no transitions (claims, seals, sweeps).
use hallpass_domain::Timestamp;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::{CredentialId, TargetId};
use hallpass_domain::mail::Mail;
use hallpass_domain::ports::audit_log::Seal;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::transition::Transition;
use tokio::sync::oneshot;

pub(crate) mod apply;
mod bearers;
pub(crate) mod grouped;
pub(crate) mod jobs;
mod many;
mod points;
pub(crate) mod put;
pub(crate) mod rested;
pub(crate) mod transact;
pub(crate) mod writer;

/// A lease to be taken, owned.
#[derive(Debug, Clone)]
pub(crate) struct Lease {
    pub(crate) owner: String,
    pub(crate) now: Timestamp,
    pub(crate) until: Timestamp,
    pub(crate) limit: i64,
}

/// Something that writes.
#[derive(Debug)]
pub(crate) enum Job {
    Commit(Box<Transition>),
    Seal(Box<Seal>),
    ClaimDue(TargetId, Lease),
    ClaimOne(CredentialId, Lease),
    ClaimMails(Lease),
    /// Every lease but this worker's.
    ReleaseClaims(String),
    Sweep(Timestamp, i64),
    Probe,
}

/// What it gave.
#[derive(Debug)]
pub(crate) enum Done {
    Nothing,
    Credentials(Vec<Credential>),
    Mails(Vec<Mail>),
    Count(u64),
}

/// A job and who waits for it.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) job: Job,
    pub(crate) tell: oneshot::Sender<Result<Done, CommitError>>,
}
