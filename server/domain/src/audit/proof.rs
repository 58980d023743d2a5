//! Inclusion and consistency proofs: making them (RFC 6962 §2.1.1 and §2.1.2) from O(log n) stored nodes, and
//! checking them (RFC 9162 §2.1.3.2 and §2.1.4.2), which needs nothing stored.

use std::fmt::Display;

use super::frontier::MAX_SIZE;
use super::merkle::{Hash, empty_root, node_hash};
use super::nodes::{NodeId, NodeReader, Planner, range_root, split};

/// Why a proof could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProofError<E: Display> {
    /// The leaf is not in the tree, the sizes are the wrong way round, or a size is absurd.
    #[error("no proof of {what} exists in a tree of {size} leaves")]
    OutOfRange {
        /// The leaf index, or the smaller size.
        what: u64,
        /// The size of the tree.
        size: u64,
    },
    /// A node could not be read.
    #[error("a tree node could not be read: {0}")]
    Read(E),
}

/// Why a proof does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ProofInvalid {
    /// The leaf index is not below the size, or the sizes are the wrong way round.
    #[error("the index or sizes are out of range")]
    OutOfRange,
    /// The proof has too few or too many hashes for the sizes.
    #[error("the proof has the wrong number of hashes")]
    Length,
    /// The proof leads to another root.
    #[error("the proof leads to another root")]
    Root,
}

/// The root of the first `size` leaves, from one look-up for each bit set in `size`.
///
/// # Errors
/// [`ProofError`].
pub fn root_at<R: NodeReader>(reader: &R, size: u64) -> Result<Hash, ProofError<R::Error>>
where
    R::Error: Display,
{
    match size {
        0 => Ok(empty_root()),
        1..MAX_SIZE => range_root(reader, 0, size).map_err(ProofError::Read),
        _ => Err(ProofError::OutOfRange { what: size, size }),
    }
}

/// `PATH(index, D[size])` (RFC 6962 §2.1.1), from the leaf's sibling to the root's child. Reads at most
/// `2 * log2(size)` nodes.
///
/// # Errors
/// [`ProofError`].
pub fn inclusion_proof<R: NodeReader>(
    reader: &R,
    index: u64,
    size: u64,
) -> Result<Vec<Hash>, ProofError<R::Error>>
where
    R::Error: Display,
{
    block_proof(reader, 0, index, size)
}

/// The proof that a block, the `block`th run of `1 << level` leaves (the last may be shorter), is in the tree of
/// `size` leaves. RFC 6962 §2.1 splits at powers of two, so the tree over the leaves is the tree over the roots of such
/// blocks: this is `PATH` over those, checked by [`verify_inclusion`] with the block's root as the leaf and the
/// number of blocks as the size.
///
/// # Errors
/// [`ProofError`].
pub fn block_proof<R: NodeReader>(
    reader: &R,
    level: u8,
    block: u64,
    size: u64,
) -> Result<Vec<Hash>, ProofError<R::Error>>
where
    R::Error: Display,
{
    if size >= MAX_SIZE || level > 61 || block >= size.div_ceil(1 << level) {
        return Err(ProofError::OutOfRange { what: block, size });
    }
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    let first = block << level;
    while end - start > 1 << level {
        let middle = start + split(end - start);
        if first < middle {
            path.push(range_root(reader, middle, end).map_err(ProofError::Read)?);
            end = middle;
        } else {
            path.push(range_root(reader, start, middle).map_err(ProofError::Read)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// `PROOF(first, D[second])` (RFC 6962 §2.1.2). Empty when the sizes are equal, and for `first == 0`: every tree
/// continues the empty one.
///
/// # Errors
/// [`ProofError`].
pub fn consistency_proof<R: NodeReader>(
    reader: &R,
    first: u64,
    second: u64,
) -> Result<Vec<Hash>, ProofError<R::Error>>
where
    R::Error: Display,
{
    if first > second || second >= MAX_SIZE {
        return Err(ProofError::OutOfRange { what: first, size: second });
    }
    let mut path = Vec::new();
    if first == 0 {
        return Ok(path);
    }
    let (mut start, mut end) = (0, second);
    while first != end {
        let middle = start + split(end - start);
        if first <= middle {
            path.push(range_root(reader, middle, end).map_err(ProofError::Read)?);
            end = middle;
        } else {
            path.push(range_root(reader, start, middle).map_err(ProofError::Read)?);
            start = middle;
        }
    }
    // `b` of SUBPROOF: while the walk has only gone left, this subtree is the old tree itself, whose root the
    // verifier has.
    if start != 0 {
        path.push(range_root(reader, start, end).map_err(ProofError::Read)?);
    }
    path.reverse();
    Ok(path)
}

/// The nodes that [`inclusion_proof`] will ask for, to fetch them with one query.
#[must_use]
pub fn inclusion_nodes(index: u64, size: u64) -> Vec<NodeId> {
    let planner = Planner::default();
    let _ = inclusion_proof(&planner, index, size);
    planner.into_nodes()
}

/// The nodes that [`consistency_proof`] will ask for, to fetch them with one query.
#[must_use]
pub fn consistency_nodes(first: u64, second: u64) -> Vec<NodeId> {
    let planner = Planner::default();
    let _ = consistency_proof(&planner, first, second);
    planner.into_nodes()
}

/// Checks that `leaf` is the leaf hash at `index` in the tree of `size` leaves with this `root`
/// (RFC 9162 §2.1.3.2).
///
/// # Errors
/// [`ProofInvalid`].
pub fn verify_inclusion(
    leaf: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), ProofInvalid> {
    if index >= size {
        return Err(ProofInvalid::OutOfRange);
    }
    let (mut node, mut last) = (index, size - 1);
    let mut hash = *leaf;
    for sibling in proof {
        if last == 0 {
            return Err(ProofInvalid::Length);
        }
        if node & 1 == 1 || node == last {
            hash = node_hash(sibling, &hash);
            // The right edge has levels without a sibling: they have no hash in the proof.
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofInvalid::Length);
    }
    if hash == *root { Ok(()) } else { Err(ProofInvalid::Root) }
}

/// Checks that the tree of `second` leaves is the tree of `first` leaves with leaves appended
/// (RFC 9162 §2.1.4.2).
///
/// # Errors
/// [`ProofInvalid`].
pub fn verify_consistency(
    first: u64,
    second: u64,
    proof: &[Hash],
    first_root: &Hash,
    second_root: &Hash,
) -> Result<(), ProofInvalid> {
    if first > second {
        return Err(ProofInvalid::OutOfRange);
    }
    if first == 0 || first == second {
        let expected = if first == 0 { &empty_root() } else { second_root };
        return match (proof, first_root == expected) {
            ([], true) => Ok(()),
            ([], false) => Err(ProofInvalid::Root),
            _ => Err(ProofInvalid::Length),
        };
    }
    let (mut node, mut last) = (first - 1, second - 1);
    while node & 1 == 1 {
        node >>= 1;
        last >>= 1;
    }
    // A complete old tree is itself the first subtree, and is left out of the proof.
    let (start, rest) = match proof {
        _ if first.is_power_of_two() => (first_root, proof),
        [start, rest @ ..] => (start, rest),
        [] => return Err(ProofInvalid::Length),
    };
    let (mut old, mut new) = (*start, *start);
    for sibling in rest {
        if last == 0 {
            return Err(ProofInvalid::Length);
        }
        if node & 1 == 1 || node == last {
            old = node_hash(sibling, &old);
            new = node_hash(sibling, &new);
            while node & 1 == 0 && node != 0 {
                node >>= 1;
                last >>= 1;
            }
        } else {
            new = node_hash(&new, sibling);
        }
        node >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(ProofInvalid::Length);
    }
    if old == *first_root && new == *second_root { Ok(()) } else { Err(ProofInvalid::Root) }
}
