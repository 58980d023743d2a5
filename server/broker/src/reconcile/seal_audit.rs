//! Seals the newest audit events into the Merkle tree and publishes signed checkpoints.
use std::sync::{Arc, PoisonError, RwLock};

use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::frontier::Frontier;
use hallpass_domain::audit::keys::{NoteSigner, VerifierKey};
use hallpass_domain::audit::nodes::append_nodes;
use hallpass_domain::ports::audit_log::Seal;
use hallpass_domain::ports::store::CommitError;

use super::reports::Report;
use crate::broker::Broker;
use crate::restored::EVENT as RESTORED_EVENT;

/// Meta key of the log's origin.
pub const ORIGIN: &str = "audit.origin";
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
    /// Goes on under another origin and key.
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

impl Broker {
    /// Seals one batch: the sealer assigns the indexes itself, fenced by the tree's size. The signed checkpoint is
    /// durable before it is published; one that was not published yet is published again first.
    pub async fn step_seal_audit(&self) -> Report {
        match self.seal().await {
            Ok(done) => Report { done, ..Report::default() },
            Err(error) => Report { error: Some(error), ..Report::default() },
        }
    }

    async fn seal(&self) -> Result<u64, String> {
        let signer = self.log_signer.signer();
        let origin = signer.verifier().name();
        let head = self.store.log_head().await.map_err(|e| e.to_string())?;
        // A checkpoint of the log before a restore is not published again: what is outside is ahead of it.
        let ours = head.checkpoint.as_deref().filter(|note| note.lines().next() == Some(origin));
        if let Some(note) = ours {
            self.publish(note).await;
        }
        let mut events = self.store.unsealed(BATCH).await.map_err(|e| e.to_string())?;
        if ours.is_none()
            && let Some(first) = events.iter().rposition(|e| e.kind == RESTORED_EVENT)
        {
            // The first leaf of a log that goes on under a new origin is the event that cites the old one.
            events = vec![events.swap_remove(first)];
        }
        if events.is_empty() {
            return Ok(0);
        }
        let mut renamed = false;
        for restored in events.iter().filter(|e| e.kind == RESTORED_EVENT) {
            let event = self.store.event(restored.id).await.map_err(|e| e.to_string())?;
            let named = event.as_ref().and_then(|e| e.parts().data.get("origin")?.as_str());
            renamed |= named != Some(origin);
        }
        // Another server noticed a restore: its key is taken up before anything more is signed.
        if renamed && self.store.meta(ORIGIN).await.map_err(|e| e.to_string())?.as_deref() != Some(origin) {
            return Ok(0);
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
        let size = head.size + u64::try_from(leaves.len()).unwrap_or(0);
        let checkpoint = Checkpoint { origin: origin.to_owned(), size, root: frontier.root() };
        let note = checkpoint.sign(&signer).map_err(|e| e.to_string())?;
        let done = leaves.len();
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
            Ok(()) => {
                self.publish(&note).await;
                Ok(u64::try_from(done).unwrap_or(0))
            }
            // Another replica sealed first: its batch counts.
            Err(CommitError::Conflict(_)) => Ok(0),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Publishes to every place that does not hold the note yet; a place that fails is tried again with the next one.
    async fn publish(&self, note: &str) {
        for sink in &self.checkpoint_sinks {
            if sink.newest().await.is_ok_and(|newest| newest.as_deref() == Some(note)) {
                continue;
            }
            hallpass_domain::failpoint::hit("audit.publish.before");
            if let Err(error) = sink.publish(note).await {
                tracing::error!(sink = sink.describe(), error, "a checkpoint was not published");
            }
            hallpass_domain::failpoint::hit("audit.publish.after");
        }
    }
}
