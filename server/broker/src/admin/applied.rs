//! Who applies a catalogue, what comes of it, and the mark that it leaves.
use hallpass_domain::refusal::Refusal;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::mistake::Mistake;
use super::plan::Difference;
use super::settle::EndedAccess;
use super::trial::TargetTried;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;

/// Name of the stored [`Mark`]. Moved by every apply, so that two at once cannot both pass.
pub(super) const MARK: &str = "catalogue.applied";

/// Who applies.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A person, who must be an administrator.
    Person(&'a Caller),
    /// A local command or the demo. The words of the actor `system:<it>`.
    System(&'static str),
    /// The same, where it runs the targets' servers itself and so knows that each is the one that it was, whatever its
    /// address is now: the demo's own cluster comes back on another port where its port was taken meanwhile.
    SameServers(&'static str),
}

/// A client whose secret was just made. The only time that it leaves.
#[derive(Debug)]
pub struct NewClient {
    /// `client_id` on the wire.
    pub client_id: String,
    /// Its secret.
    pub secret: SecretString,
}

/// What was done, or would be.
#[derive(Debug)]
pub struct Applied {
    /// Nothing was committed: this is what would be.
    pub dry_run: bool,
    /// Revision of the catalogue afterwards; counts applied changes.
    pub revision: i64,
    /// What changed; empty where the file said what was so already.
    pub differences: Vec<Difference>,
    /// Secrets of new clients, or of clients that came back. Empty on a dry run.
    pub new_clients: Vec<NewClient>,
    /// Access that ended because its holder may no longer have it. Empty on a dry run.
    pub ended: Vec<EndedAccess>,
    /// Targets that were tried, or on a dry run would be.
    pub checks: Vec<TargetTried>,
    /// What a person should look at, although the change is committed.
    pub warnings: Vec<String>,
}

/// Why nothing was applied.
#[derive(Debug)]
pub enum ApplyError {
    /// The file is wrong, each with its place.
    Mistakes(Vec<Mistake>),
    /// Not for this caller, or not now.
    Refused(Refusal),
}

impl From<Refusal> for ApplyError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// When the catalogue was applied last, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Counts applied changes.
    pub revision: i64,
    /// When.
    pub at: hallpass_domain::Timestamp,
    /// `user:<id>` or `system:<command>`.
    pub by: String,
}

impl Broker {
    /// When the catalogue was applied last; none before the first time.
    pub async fn catalogue_applied(&self) -> Result<Option<Mark>, Refusal> {
        let stored = self.store.meta(MARK).await.map_err(unreadable)?;
        stored.map(|text| mark_of(&text)).transpose()
    }
}

pub(super) fn revision_of(text: &str) -> Result<i64, Refusal> {
    mark_of(text).map(|m| m.revision)
}

fn mark_of(text: &str) -> Result<Mark, Refusal> {
    serde_json::from_str(text).map_err(|error| {
        tracing::error!(%error, "the stored mark of the catalogue cannot be read");
        Refusal::unavailable(
            "damaged_mark",
            "The record of the last catalogue change is damaged. Look at the server's log.",
        )
    })
}
