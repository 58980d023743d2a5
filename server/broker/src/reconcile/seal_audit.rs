//! Seals the newest audit events into the Merkle tree and publishes signed checkpoints.
use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::frontier::Frontier;
use hallpass_domain::audit::keys::{NoteSigner, VerifierKey};
use hallpass_domain::audit::nodes::append_nodes;
use hallpass_domain::ids::EventId;
use hallpass_domain::ports::audit_log::Seal;
use hallpass_domain::ports::store::CommitError;

use super::reports::Report;
use crate::broker::Broker;

/// Leaves sealed at a time.
const BATCH: u32 = 10_000;

/// Signs checkpoints; the key is used for nothing else.
pub struct LogSigner(NoteSigner);

impl LogSigner {
    /// Takes the signer; its key's name is the log's origin.
    pub fn new(signer: NoteSigner) -> Self {
        Self(signer)
    }
    /// The public key that verifiers are given.
    pub fn verifier(&self) -> &VerifierKey {
        self.0.verifier()
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
        let head = self.store.log_head().await.map_err(|e| e.to_string())?;
        if let Some(note) = &head.checkpoint {
            self.publish(note).await;
        }
        let events = self.store.unsealed(BATCH).await.map_err(|e| e.to_string())?;
        if events.is_empty() {
            return Ok(0);
        }
        let mut frontier: Frontier = match &head.frontier {
            Some(text) => {
                serde_json::from_str(text).map_err(|e| format!("the stored frontier is damaged: {e}"))?
            }
            None => Frontier::new(),
        };
        let mut leaves = Vec::with_capacity(events.len());
        for event in &events {
            leaves.push((EventId(event.parts().id), event.leaf_hash().map_err(|e| e.to_string())?));
        }
        let hashes: Vec<_> = leaves.iter().map(|(_, h)| *h).collect();
        let nodes = append_nodes(&mut frontier, &hashes)
            .into_iter()
            .map(|(id, hash)| (id.level, id.index, hash))
            .collect();
        let size = head.size + u64::try_from(leaves.len()).unwrap_or(0);
        let checkpoint = Checkpoint { origin: self.settings.log_origin.clone(), size, root: frontier.root() };
        let note = checkpoint.sign(&self.log_signer.0).map_err(|e| e.to_string())?;
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
            if sink.newest().await.as_deref() == Some(note) {
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
