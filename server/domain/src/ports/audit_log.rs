//! The audit log as stored: events, leaves, nodes of the tree, checkpoints.
use async_trait::async_trait;

use super::store::{CommitError, Read};
use crate::Timestamp;
use crate::audit::event::Event;
use crate::audit::merkle::Hash;
use crate::ids::EventId;

/// An event with its place in the log; `index` is none until it is sealed.
#[derive(Clone, Debug)]
pub struct LoggedEvent {
    /// Leaf index.
    pub index: Option<u64>,
    /// Leaf hash, once sealed.
    pub leaf_hash: Option<Hash>,
    /// The event.
    pub event: Event,
}

/// Which events; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct AuditFilter {
    /// Kind, exact (`grant.ended`) or a family with a trailing dot (`grant.`).
    pub kind: Option<String>,
    /// Actor, exact (`user:<uuid>`).
    pub actor: Option<String>,
    /// Noun and id, such as `("request", "<uuid>")`.
    pub subject: Option<(String, String)>,
    /// At or after.
    pub from: Option<Timestamp>,
    /// Before.
    pub until: Option<Timestamp>,
}

/// A batch of leaves to seal: rows without an index get `first_index..`, in the order given.
#[derive(Clone, Debug)]
pub struct Seal {
    /// Tree size before; the sealer is fenced by it (compare-and-swap).
    pub old_size: u64,
    /// Event id and leaf hash, in order.
    pub leaves: Vec<(crate::ids::EventId, Hash)>,
    /// Complete nodes that the batch adds: level, index, hash (level 0 are the leaves themselves).
    pub nodes: Vec<(u8, u64, Hash)>,
    /// The signed checkpoint note for the new size: durable before it is published.
    pub checkpoint: String,
    /// Sealer state after the batch (serialised frontier), kept with the size.
    pub frontier: String,
    /// When.
    pub at: Timestamp,
}

/// Head of the log.
#[derive(Clone, Debug, Default)]
pub struct LogHead {
    /// Sealed leaves.
    pub size: u64,
    /// Last signed checkpoint note; none before the first.
    pub checkpoint: Option<String>,
    /// Serialised frontier.
    pub frontier: Option<String>,
    /// When the last checkpoint was signed.
    pub sealed_at: Option<Timestamp>,
}

/// An event that waits for its seal: what a sealer needs of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsealed {
    /// Which.
    pub id: EventId,
    /// Its kind.
    pub kind: String,
    /// Hash of its leaf, as it was when the event was committed.
    pub leaf_hash: Hash,
}

/// That an event is about something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mention {
    /// What it is about.
    pub subject: String,
    /// Which event.
    pub event: EventId,
    /// Its kind.
    pub kind: String,
}

/// The audit log as stored.
#[async_trait]
pub trait AuditLog {
    /// Events, newest first (by id), at most `limit` older than `after`.
    async fn events(
        &self,
        filter: &AuditFilter,
        after: Option<uuid::Uuid>,
        limit: u32,
    ) -> Read<Vec<LoggedEvent>>;
    /// Events about any of these subjects of one noun, in no order, at most `limit`; one that is sealed meanwhile may come twice.
    async fn mentions(&self, noun: &str, subjects: &[String], limit: u32) -> Read<Vec<Mention>>;
    /// Sealed events by index, from `first`, at most `limit`: for exports.
    async fn sealed_events(&self, first: u64, limit: u32) -> Read<Vec<LoggedEvent>>;
    /// Events without an index, oldest id first.
    async fn unsealed(&self, limit: u32) -> Read<Vec<Unsealed>>;
    /// One event.
    async fn event(&self, id: EventId) -> Read<Option<Event>>;
    /// How many events wait for a seal and the oldest one's time.
    async fn unsealed_tail(&self) -> Read<(u64, Option<Timestamp>)>;
    /// Size, last checkpoint, frontier.
    async fn log_head(&self) -> Read<LogHead>;
    /// Assigns indexes, stores nodes, checkpoint and head in one transaction, guarded by `old_size`.
    async fn seal(&self, seal: Seal) -> Result<(), CommitError>;
    /// Nodes by (level, index); missing ones are left out.
    async fn nodes(&self, wanted: &[(u8, u64)]) -> Read<Vec<((u8, u64), Hash)>>;
}
