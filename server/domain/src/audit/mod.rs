//! The audit log as pure functions: what an event is, how it becomes a leaf, the tree over the leaves, the
//! signed checkpoints of that tree, and the proofs and exports that are checked offline.
//!
//! Nothing here reads a clock, a file or a random source. Standards: RFC 6962 §2 (tree), RFC 9162 §2.1
//! (verification algorithms), RFC 8785 (canonical JSON), and the C2SP documents signed-note, tlog-checkpoint
//! and tlog-proof.
//!
//! | file | what changes it |
//! |---|---|
//! | `canonical.rs` | the JSON bytes that are hashed |
//! | `event.rs`, `leaf.rs` | what an event holds; what its leaf covers |
//! | `kinds.rs` | what can happen |
//! | `merkle.rs`, `frontier.rs` | hashing; the state a sealer goes on from |
//! | `nodes.rs`, `proof.rs` | stored tree nodes; making and checking proofs |
//! | `keys.rs`, `note.rs`, `checkpoint.rs` | signing keys, signed notes, checkpoints |
//! | `export.rs`, `verify.rs`, `locate.rs` | the export file, checking it, naming what is wrong |
//! | `rotations.rs` | what an export shows of new keys |
//! | `receipt.rs` | the proof file of one event |

pub mod canonical;
pub mod checkpoint;
mod curtailed;
pub mod event;
pub mod export;
pub mod frontier;
pub mod keys;
pub mod kinds;
mod leaf;
pub mod locate;
pub mod merkle;
pub mod nodes;
pub mod note;
pub mod proof;
pub mod receipt;
pub mod rotations;
pub mod verify;

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tree_tests;
#[cfg(test)]
mod verify_tests;

pub use checkpoint::{Checkpoint, CheckpointError};
pub use event::{Event, EventError, EventParts, NewEvent, Opening, Salt};
pub use frontier::Frontier;
pub use keys::{KeyId, NoteSigner, VerifierKey};
pub use merkle::{Hash, empty_root, leaf_hash, node_hash, root_of};
pub use nodes::{NodeId, NodeMap, NodeReader, append_nodes};
pub use receipt::Receipt;
pub use rotations::AnnouncedKey;
pub use verify::{ExportVerifier, Verified, VerifyError, verify_export};
