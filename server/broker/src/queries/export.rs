//! The audit log as a file: header, then for every 256 events their stored tree nodes and the events.
use hallpass_domain::audit::export::{BLOCK, Block, FORMAT, Header, block_len, event_line};
use hallpass_domain::audit::nodes::{NodeId, NodeMap};
use hallpass_domain::refusal::Refusal;

use crate::broker::{Broker, unreadable};

/// An export in progress: what was sealed when it began.
#[derive(Clone, Debug)]
pub struct Export {
    /// Sealed events covered.
    pub size: u64,
    /// First line.
    pub header: String,
}

impl Export {
    /// Blocks that follow the header.
    pub fn blocks(&self) -> u64 {
        self.size.div_ceil(BLOCK)
    }
}

fn damaged(what: impl std::fmt::Display) -> Refusal {
    Refusal::unavailable(
        "log_damaged",
        format!(
            "The audit log as stored is damaged: {what}. Compare it with a held checkpoint by hallpass audit verify."
        ),
    )
}

impl Broker {
    /// Begins an export of everything sealed.
    pub async fn begin_export(&self) -> Result<Export, Refusal> {
        let head = self.store.log_head().await.map_err(unreadable)?;
        let checkpoint = head.checkpoint.ok_or_else(|| {
            Refusal::unavailable("not_sealed_yet", "Nothing is sealed yet; try again in a second.")
        })?;
        let header = Header {
            checkpoint,
            format: FORMAT.to_owned(),
            origin: self.log_signer.origin(),
            size: head.size,
            vkey: self.log_signer.verifier().to_string(),
        };
        Ok(Export { size: head.size, header: header.to_line().map_err(damaged)? })
    }

    /// One block: its line, and a line per event. Nodes are those stored at sealing, never computed anew, so that a
    /// changed event differs from what was sealed.
    pub async fn export_block(&self, export: &Export, block: u64) -> Result<String, Refusal> {
        let wanted: Vec<(u8, u64)> =
            Block::stored_nodes(block, export.size).iter().map(|n| (n.level, n.index)).collect();
        let nodes: NodeMap = self
            .store
            .nodes(&wanted)
            .await
            .map_err(unreadable)?
            .into_iter()
            .map(|((level, index), hash)| (NodeId { level, index }, hash))
            .collect();
        let mut out = Block::read(&nodes, block, export.size).map_err(damaged)?.to_line();
        let limit = u32::try_from(block_len(block, export.size)).unwrap_or(u32::MAX);
        for logged in self.store.sealed_events(block * BLOCK, limit).await.map_err(unreadable)? {
            let index = logged.index.ok_or_else(|| damaged("an event lost its index"))?;
            out.push_str(&event_line(index, &logged.event).map_err(damaged)?);
        }
        Ok(out)
    }
}
