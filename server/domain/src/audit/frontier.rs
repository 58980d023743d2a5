//! The right edge of the tree: all that is needed to append leaves and to tell the root.

use std::fmt::Display;

use serde::{Deserialize, Serialize};

use super::merkle::{Hash, empty_root, node_hash};
use super::nodes::{NodeId, NodeReader, Planner};
use super::proof::ProofError;

/// The largest tree that is accepted from outside. Far beyond any log, and far enough below `u64::MAX` that
/// no sum of sizes and indexes here can overflow.
pub const MAX_SIZE: u64 = 1 << 62;

/// The roots of the complete subtrees that make up a tree of `size` leaves, one for each bit set in `size`,
/// largest first. At most 63 hashes, so a sealer stores it with each batch and goes on without reading leaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "Parts")]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

/// The parts do not make a frontier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a frontier of {size} leaves needs one hash for each bit set in the size, not {peaks}, and a size below 2^62"
)]
pub struct FrontierError {
    /// The size given.
    pub size: u64,
    /// How many hashes were given.
    pub peaks: usize,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Parts {
    size: u64,
    peaks: Vec<Hash>,
}

impl TryFrom<Parts> for Frontier {
    type Error = FrontierError;

    fn try_from(parts: Parts) -> Result<Self, FrontierError> {
        Self::from_parts(parts.size, parts.peaks)
    }
}

impl Frontier {
    /// The frontier of the empty tree.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Rebuilds a frontier from its stored parts.
    ///
    /// # Errors
    /// [`FrontierError`] when the number of hashes does not fit the size. Whether the hashes are the right
    /// ones shows in [`Frontier::root`] against the last signed root, and only there.
    pub fn from_parts(size: u64, peaks: Vec<Hash>) -> Result<Self, FrontierError> {
        if size >= MAX_SIZE || peaks.len() != size.count_ones() as usize {
            return Err(FrontierError { size, peaks: peaks.len() });
        }
        Ok(Self { size, peaks })
    }

    /// Rebuilds the frontier of `size` leaves from stored nodes: one look-up for each bit set in `size`.
    ///
    /// # Errors
    /// [`ProofError`]: the reader's, when a node is missing; out of range for a size of 2^62 or more.
    pub fn read<R: NodeReader>(reader: &R, size: u64) -> Result<Self, ProofError<R::Error>>
    where
        R::Error: Display,
    {
        if size >= MAX_SIZE {
            return Err(ProofError::OutOfRange { what: size, size });
        }
        let mut peaks = Vec::new();
        let mut start = 0;
        for level in (0..62_u8).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(reader.node(level, start >> level).map_err(ProofError::Read)?);
            start += 1 << level;
        }
        Ok(Self { size, peaks })
    }

    /// The nodes that [`Frontier::read`] will ask for.
    #[must_use]
    pub fn nodes(size: u64) -> Vec<NodeId> {
        let planner = Planner::default();
        let _ = Self::read(&planner, size);
        planner.into_nodes()
    }

    /// How many leaves the tree has.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The complete subtrees, largest first.
    #[must_use]
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends one leaf hash.
    pub fn append(&mut self, leaf: Hash) {
        self.append_with(leaf, |_, _| ());
    }

    /// Appends one leaf hash and tells each node that this completes, from the leaf upwards.
    pub fn append_with(&mut self, leaf: Hash, mut completed: impl FnMut(NodeId, Hash)) {
        let mut id = NodeId::leaf(self.size);
        let mut hash = leaf;
        completed(id, hash);
        // Each low bit set in the size is a subtree of the height reached so far that waits for its right half.
        while self.size >> id.level & 1 == 1 {
            let Some(left) = self.peaks.pop() else { break };
            hash = node_hash(&left, &hash);
            id = id.parent();
            completed(id, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// The root of the tree so far (RFC 6962 §2.1): the parts joined from the right.
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut parts = self.peaks.iter().rev();
        let Some(last) = parts.next() else { return empty_root() };
        parts.fold(*last, |right, left| node_hash(left, &right))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::merkle::leaf_hash;

    #[test]
    fn goes_on_from_what_was_stored() {
        let mut whole = Frontier::new();
        let mut resumed = Frontier::new();
        for i in 0..600_u32 {
            let leaf = leaf_hash(&i.to_be_bytes());
            whole.append(leaf);
            let stored = serde_json::to_string(&resumed).unwrap();
            resumed = serde_json::from_str(&stored).unwrap();
            resumed.append(leaf);
        }
        assert_eq!(whole, resumed);
        assert_eq!(whole.root(), resumed.root());
    }

    #[test]
    fn refuses_parts_that_do_not_fit() {
        let hash = leaf_hash(b"");
        assert!(Frontier::from_parts(3, vec![hash]).is_err());
        assert!(Frontier::from_parts(3, vec![hash, hash]).is_ok());
        assert!(Frontier::from_parts(MAX_SIZE, vec![hash]).is_err());
        assert!(serde_json::from_str::<Frontier>(r#"{"size":1,"peaks":[]}"#).is_err());
    }
}
