//! Stored tree nodes: the roots of complete subtrees, which never change once they exist.
//!
//! Node `(level, index)` covers the leaves `index << level .. (index + 1) << level`; level 0 is the leaves. This
//! is the numbering of C2SP tlog-tiles, before it groups eight levels into a tile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;

use super::frontier::Frontier;
use super::merkle::{Hash, node_hash};

/// The address of a complete subtree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves, 0 to 62.
    pub level: u8,
    /// Place from the left within the level.
    pub index: u64,
}

impl NodeId {
    /// The address of a leaf.
    #[must_use]
    pub const fn leaf(index: u64) -> Self {
        Self { level: 0, index }
    }

    /// The node one level up that covers this one.
    #[must_use]
    pub const fn parent(self) -> Self {
        Self { level: self.level.saturating_add(1), index: self.index >> 1 }
    }
}

/// Where proofs find their nodes. Only nodes of complete subtrees within the size asked for are read.
pub trait NodeReader {
    /// Why a node could not be read; a missing node is an error too.
    type Error;

    /// The hash of the complete subtree at this address.
    ///
    /// # Errors
    /// The reader's own, when the node is missing or cannot be read.
    fn node(&self, level: u8, index: u64) -> Result<Hash, Self::Error>;
}

/// A node that the store does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("tree node {index} of level {level} is not stored")]
pub struct NodeMissing {
    /// Height above the leaves.
    pub level: u8,
    /// Place within the level.
    pub index: u64,
}

/// Nodes fetched beforehand. A store plans the nodes of a proof (see `proof::inclusion_nodes`), reads them
/// with one query, and makes the proof from this map: no query in a loop, and no difference between a blocking
/// and an asynchronous back end.
#[derive(Debug, Clone, Default)]
pub struct NodeMap(BTreeMap<NodeId, Hash>);

impl NodeMap {
    /// Adds a node.
    pub fn insert(&mut self, id: NodeId, hash: Hash) {
        self.0.insert(id, hash);
    }
}

impl FromIterator<(NodeId, Hash)> for NodeMap {
    fn from_iter<I: IntoIterator<Item = (NodeId, Hash)>>(nodes: I) -> Self {
        Self(nodes.into_iter().collect())
    }
}

impl NodeReader for NodeMap {
    type Error = NodeMissing;

    fn node(&self, level: u8, index: u64) -> Result<Hash, NodeMissing> {
        self.0.get(&NodeId { level, index }).copied().ok_or(NodeMissing { level, index })
    }
}

/// Appends leaf hashes and returns every node that this completes, the leaves included: exactly the rows to
/// insert, each new (`append_nodes` never returns a node that an earlier batch completed).
pub fn append_nodes(frontier: &mut Frontier, leaves: &[Hash]) -> Vec<(NodeId, Hash)> {
    let mut completed = Vec::with_capacity(leaves.len().saturating_mul(2));
    for leaf in leaves {
        frontier.append_with(*leaf, |id, hash| completed.push((id, hash)));
    }
    completed
}

/// Notes which nodes are asked for and answers nonsense: planning runs the very code that later makes the
/// proof, so that the two cannot disagree.
#[derive(Default)]
pub(super) struct Planner(RefCell<Vec<NodeId>>);

impl Planner {
    pub(super) fn into_nodes(self) -> Vec<NodeId> {
        self.0.into_inner()
    }
}

impl NodeReader for Planner {
    type Error = Infallible;

    fn node(&self, level: u8, index: u64) -> Result<Hash, Infallible> {
        self.0.borrow_mut().push(NodeId { level, index });
        Ok(Hash::from_bytes([0; 32]))
    }
}

/// The largest power of two below `count`, which is at least 2: `k` of RFC 6962 §2.1.
pub(super) const fn split(count: u64) -> u64 {
    1 << (63 - (count - 1).leading_zeros())
}

/// `MTH(D[start:end])` (RFC 6962 §2.1) for a non-empty range whose start is a multiple of the power of two
/// that holds the range: one look-up when the subtree is complete, else one for each complete part.
pub(super) fn range_root<R: NodeReader>(reader: &R, start: u64, end: u64) -> Result<Hash, R::Error> {
    let count = end - start;
    if count.is_power_of_two() {
        // At most 62, so it fits.
        let level = count.trailing_zeros() as u8;
        return reader.node(level, start >> level);
    }
    let middle = start + split(count);
    Ok(node_hash(&range_root(reader, start, middle)?, &range_root(reader, middle, end)?))
}
