//! Seals the newest audit events into the Merkle tree and publishes signed checkpoints.
use std::sync::{Arc, PoisonError, RwLock};

use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::frontier::Frontier;
use hallpass_domain::audit::keys::{NoteSigner, VerifierKey};
use hallpass_domain::audit::nodes::append_nodes;
use hallpass_domain::ports::audit_log::{LogHead, Seal};
use hallpass_domain::ports::store::CommitError;

use super::reports::Report;
use crate::broker::Broker;
use crate::restored::EVENT as RESTORED_EVENT;

/// Meta key of the log's origin.
pub const ORIGIN: &str = "audit.origin";
/// Meta key of the log's keys that were rotated away, one verifier key a line, the newest last: they sign nothing any more.
pub const RETIRED: &str = "log.retired";
/// Leaves sealed at a time.
const BATCH: u32 = 10_000;

/// Signs checkpoints; the key is used for nothing else, and its name is the log's origin. A restored backup goes on
/// under another one.
pub struct LogSigner(RwLock<Arc<NoteSigner>>);

impl LogSigner {
    /// Takes the signer.
    pub fn new(signer: NoteSigner) -> Self {
        Self(RwLock::new(Arc::new(signer)))
    }
    /// Goes on with another key: after a rotation, or after a restore, then under another origin.
    pub fn replace(&self, signer: NoteSigner) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(signer);
    }
    fn signer(&self) -> Arc<NoteSigner> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
    /// The public key that verifiers are given.
    pub fn verifier(&self) -> VerifierKey {
        self.signer().verifier().clone()
    }
    /// The log's origin.
    pub fn origin(&self) -> String {
        self.signer().verifier().name().to_owned()
    }
}

/// What somebody does about a place that takes no checkpoint.
const WHAT_TO_DO: &str = "Make room there, or let the server write there; it is tried again every second, and the newest checkpoint covers all before it.";

impl Broker {
    /// Seals one batch and publishes the newest checkpoint: the sealer assigns the indexes itself, fenced by the tree's size.
    /// The signed checkpoint is durable before it is published; one that could not be published is published again at the next
    /// turn, or a newer one in its place.
    pub async fn step_seal_audit(&self) -> Report {
        let signer = self.log_signer.signer();
        let head = match self.store.log_head().await {
            Ok(head) => head,
            Err(error) => {
                return Report {
                    error: Some(format!("The audit log cannot be read: {error}.")),
                    ..Report::default()
                };
            }
        };
        // A checkpoint of the log before a restore is not published again: what is outside is ahead of it.
        let origin = signer.verifier().name();
        let ours = head.checkpoint.clone().filter(|note| note.lines().next() == Some(origin));
        let (done, newest, unsealed) = match self.seal(&signer, head, ours.is_some()).await {
            Ok(Some((done, note))) => (done, Some(note), None),
            Ok(None) => (0, ours, None),
            Err(error) => (0, ours, Some(format!("Events are not sealed: {error}."))),
        };
        let unpublished = match newest {
            Some(note) => self.publish(&note).await,
            None => None,
        };
        let errors: Vec<String> = unsealed.into_iter().chain(unpublished).collect();
        Report { done, error: (!errors.is_empty()).then(|| errors.join(" ")), ..Report::default() }
    }

    /// How many events were sealed, and the checkpoint over them; none where there was nothing to seal.
    async fn seal(
        &self,
        signer: &NoteSigner,
        head: LogHead,
        goes_on: bool,
    ) -> Result<Option<(u64, String)>, String> {
        let origin = signer.verifier().name();
        let mut events = self.store.unsealed(BATCH).await.map_err(|e| e.to_string())?;
        if !goes_on && let Some(first) = events.iter().rposition(|e| e.kind == RESTORED_EVENT) {
            // The first leaf of a log that goes on under a new origin is the event that cites the old one.
            events = vec![events.swap_remove(first)];
        }
        if events.is_empty() {
            return Ok(None);
        }
        let mut renamed = false;
        for restored in events.iter().filter(|e| e.kind == RESTORED_EVENT) {
            let event = self.store.event(restored.id).await.map_err(|e| e.to_string())?;
            let named = event.as_ref().and_then(|e| e.parts().data.get("origin")?.as_str());
            renamed |= named != Some(origin);
        }
        // Another server noticed a restore: its key is taken up before anything more is signed.
        if renamed && self.store.meta(ORIGIN).await.map_err(|e| e.to_string())?.as_deref() != Some(origin) {
            return Ok(None);
        }
        // Another server, or an operator, rotated the key away: its successor is taken up first, so that no checkpoint that covers
        // the rotation is signed with the old one. Read after head and events: whichever of them shows the rotation, this does.
        let retired = self.store.meta(RETIRED).await.map_err(|e| e.to_string())?.unwrap_or_default();
        let own = signer.verifier().to_string();
        if retired.lines().any(|key| key == own) {
            return Ok(None);
        }
        let mut frontier: Frontier = match &head.frontier {
            Some(text) => {
                serde_json::from_str(text).map_err(|e| format!("the stored frontier is damaged: {e}"))?
            }
            None => Frontier::new(),
        };
        let leaves: Vec<_> = events.iter().map(|e| (e.id, e.leaf_hash)).collect();
        let hashes: Vec<_> = leaves.iter().map(|(_, h)| *h).collect();
        let nodes = append_nodes(&mut frontier, &hashes)
            .into_iter()
            .map(|(id, hash)| (id.level, id.index, hash))
            .collect();
        let done = u64::try_from(leaves.len()).unwrap_or(0);
        let size = head.size + done;
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root: frontier.root() };
        let note = checkpoint.sign(signer).map_err(|e| e.to_string())?;
        let frontier = serde_json::to_string(&frontier).map_err(|e| e.to_string())?;
        hallpass_domain::failpoint::hit("audit.seal.before");
        let sealed = self
            .store
            .seal(Seal {
                old_size: head.size,
                leaves,
                nodes,
                checkpoint: note.clone(),
                frontier,
                at: self.now(),
            })
            .await;
        hallpass_domain::failpoint::hit("audit.seal.after");
        match sealed {
            Ok(()) => Ok(Some((done, note))),
            // Another replica sealed first: its batch counts.
            Err(CommitError::Conflict(_)) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Publishes to every place that does not hold the note yet; what went wrong, where something did. A place that fails keeps
    /// no other from its note, and is tried again at every turn.
    async fn publish(&self, note: &str) -> Option<String> {
        let mut failed = Vec::new();
        for sink in &self.checkpoint_sinks {
            if sink.newest().await.is_ok_and(|newest| newest.as_deref() == Some(note)) {
                continue;
            }
            hallpass_domain::failpoint::hit("audit.publish.before");
            if let Err(error) = sink.publish(note).await {
                failed.push(format!("The newest checkpoint did not get to {}: {error}.", sink.describe()));
            }
            hallpass_domain::failpoint::hit("audit.publish.after");
        }
        let failed = (!failed.is_empty()).then(|| format!("{} {WHAT_TO_DO}", failed.join(" ")));
        self.audit_watch.published(self.now(), failed.clone());
        failed
    }
}
