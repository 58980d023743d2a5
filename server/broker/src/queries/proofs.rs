//! Inclusion proofs of events, for the file and the page of a receipt: all of them lead to one checkpoint.
use hallpass_domain::audit::Hash;
use hallpass_domain::audit::nodes::{NodeId, NodeMap};
use hallpass_domain::audit::proof::{inclusion_nodes, inclusion_proof};
use hallpass_domain::ports::audit_log::{LogHead, LoggedEvent};
use hallpass_domain::refusal::Refusal;

use crate::broker::{Broker, unreadable};

/// Events with their proofs, in order of the log.
#[derive(Debug)]
pub struct Proofs {
    /// The head that every proof leads to.
    pub head: LogHead,
    /// The events that are sealed.
    pub proved: Vec<ProvedLine>,
    /// How many are not yet.
    pub unsealed: usize,
}

/// One event with its proof.
#[derive(Debug)]
pub struct ProvedLine {
    /// Index in the log.
    pub index: u64,
    /// The event.
    pub logged: LoggedEvent,
    /// From the leaf's sibling to the root's child.
    pub path: Vec<Hash>,
}

impl Broker {
    /// The proofs of these events, from nodes read with one query.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn proofs(&self, events: Vec<LoggedEvent>) -> Result<Proofs, Refusal> {
        // Read after the events, so that it covers every index among them.
        let head = self.store.log_head().await.map_err(unreadable)?;
        let all = events.len();
        let mut sealed: Vec<(u64, LoggedEvent)> = events
            .into_iter()
            .filter_map(|e| Some((e.index?, e)))
            .filter(|(index, _)| *index < head.size && head.checkpoint.is_some())
            .collect();
        sealed.sort_by_key(|(index, _)| *index);
        let mut wanted: Vec<(u8, u64)> = sealed
            .iter()
            .flat_map(|(index, _)| inclusion_nodes(*index, head.size))
            .map(|node| (node.level, node.index))
            .collect();
        wanted.sort_unstable();
        wanted.dedup();
        let read = self.store.nodes(&wanted).await.map_err(unreadable)?;
        let nodes: NodeMap =
            read.into_iter().map(|((level, index), hash)| (NodeId { level, index }, hash)).collect();
        let unsealed = all - sealed.len();
        let proved = sealed
            .into_iter()
            .map(|(index, logged)| match inclusion_proof(&nodes, index, head.size) {
                Ok(path) => Ok(ProvedLine { index, logged, path }),
                Err(error) => {
                    tracing::error!(%error, index, "a proof cannot be made: check the log with hallpass audit verify");
                    Err(Refusal::unavailable("no_proof", "A proof cannot be made from what is stored of the audit log. The server's operator has to check the log: hallpass audit verify."))
                }
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Proofs { head, proved, unsealed })
    }
}
