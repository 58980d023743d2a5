//! Naming the first bad event of an export that does not verify.
//!
//! Evidence comes from two sides. *Recorded hashes* (see `export.rs`), authenticated from the checkpoint downwards,
//! say of single events that they are right or wrong. *Prefix roots*, the root over the events so far at the size of
//! each held checkpoint, say of a whole range that it is right, or that something in it is not. What is
//! reported is the smallest range that both allow. It does not leave out the first bad event (unless the log's key signed
//! two histories, and an event of the second was then edited too), and where only the events or only some of the
//! recorded hashes were changed it is that one event.

use std::fmt;

use super::export::{BLOCK, Block, block_len};
use super::frontier::Frontier;
use super::merkle::{Hash, node_hash};
use super::proof::verify_inclusion;

/// What is wrong at the first bad event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// The event is not the one that was sealed.
    Changed,
    /// Its private part is not the one that was committed to.
    PrivateChanged,
    /// The event is not where it belongs: left out, moved, or the export ends before it.
    Missing,
    /// The event stands there a second time, in the place of event `at`.
    Repeated {
        /// The event that belongs there.
        at: u64,
    },
    /// An event beyond the checkpoint.
    Extra,
    /// A line that cannot be read where this event, or its block's recorded hashes, belong.
    Unreadable(String),
    /// The events are not the history that the checkpoint of this size was signed for.
    OtherHistory {
        /// The checkpoint's size.
        size: u64,
    },
    /// The events are right, and the recorded hashes in the export are not.
    RecordDamaged,
}

/// The first bad event of an export: one index, or the smallest range that is known to hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// No event before this index is bad.
    pub first: u64,
    /// The first bad event has at most this index.
    pub last: u64,
    /// What is wrong.
    pub fault: Fault,
}

impl Breach {
    pub(super) const fn exact(index: u64, fault: Fault) -> Self {
        Self { first: index, last: index, fault }
    }

    /// The index, when it is known exactly.
    #[must_use]
    pub const fn index(&self) -> Option<u64> {
        if self.first == self.last { Some(self.first) } else { None }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => write!(f, "event {index}: ")?,
            None => write!(f, "events {} to {}: ", self.first, self.last)?,
        }
        match &self.fault {
            Fault::Changed => f.write_str("changed: not the event that was sealed"),
            Fault::PrivateChanged => f.write_str("its names or reasons are not those that were sealed"),
            Fault::Missing => f.write_str("missing"),
            Fault::Repeated { at } => write!(f, "repeated where event {at} belongs"),
            Fault::Extra => f.write_str("beyond the end of the log at this checkpoint"),
            Fault::Unreadable(why) => write!(f, "the line there cannot be read: {why}"),
            Fault::OtherHistory { size } => {
                write!(f, "not the history that the checkpoint of size {size} was signed for")
            }
            Fault::RecordDamaged => {
                f.write_str("the events are right, the recorded hashes beside them are damaged")
            }
        }
    }
}

/// A block's recorded leaf hashes, and where they are not to be relied on.
#[derive(Debug, Clone)]
pub(super) struct Record {
    pub(super) start: u64,
    pub(super) leaves: Vec<Hash>,
}

/// Authenticates a block of the right shape downwards from `root`, and notes what fails.
pub(super) fn examine(block: Block, size: u64, root: Option<&Hash>, evidence: &mut Evidence) -> Record {
    let start = block.block.saturating_mul(BLOCK);
    let count = block_len(block.block, size);
    let mut peaks = Vec::new();
    let mut offset = 0;
    for (level, row) in block.nodes.iter().enumerate().rev().filter(|(level, _)| count >> level & 1 == 1) {
        peaks.extend(row.get((offset >> level) as usize));
        offset += 1 << level;
    }
    let holds = match (root, Frontier::from_parts(count, peaks)) {
        (Some(root), Ok(peaks)) => {
            verify_inclusion(&peaks.root(), block.block, size.div_ceil(BLOCK), &block.proof, root).is_ok()
        }
        _ => false,
    };
    if holds {
        let mut offset = 0;
        for level in (0..block.nodes.len()).rev().filter(|level| count >> level & 1 == 1) {
            descend(&block.nodes, level, offset >> level, start, evidence);
            offset += 1 << level;
        }
    } else {
        evidence.doubt(start, start + count - 1);
    }
    Record { start, leaves: block.nodes.into_iter().next().unwrap_or_default() }
}

/// The node is authentic. Its children are, if they hash to it; if not, one of them was changed, and nothing below
/// is known. At most eight levels deep.
fn descend(nodes: &[Vec<Hash>], level: usize, index: u64, start: u64, evidence: &mut Evidence) {
    if level == 0 {
        return;
    }
    let node = |level: usize, index: u64| nodes.get(level).and_then(|row| row.get(index as usize));
    let children = node(level - 1, index * 2).zip(node(level - 1, index * 2 + 1));
    if children.map(|(left, right)| node_hash(left, right)).as_ref() == node(level, index) {
        descend(nodes, level - 1, index * 2, start, evidence);
        descend(nodes, level - 1, index * 2 + 1, start, evidence);
    } else {
        evidence.doubt(start + (index << level), start + ((index + 1) << level) - 1);
    }
}

/// What is known so far; bounded in size whatever the export's.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// First and last index of what recorded hashes do not vouch for.
    doubt: Option<(u64, u64)>,
    /// The events below are the history of a signed checkpoint.
    genuine_to: u64,
    /// The recorded leaf hashes below are the history of a signed checkpoint.
    recorded_to: u64,
    /// The smallest checkpoint whose history the events are not.
    mismatch: Option<u64>,
    /// The first index that is certainly wrong.
    fault: Option<(u64, Fault)>,
}

impl Evidence {
    fn doubt(&mut self, first: u64, last: u64) {
        let (from, to) = self.doubt.unwrap_or((first, last));
        self.doubt = Some((from.min(first), to.max(last)));
    }

    /// Something is certainly wrong at `index`. True when nothing later can lead to an earlier one.
    pub(super) fn fault(&mut self, index: u64, fault: Fault) -> bool {
        if self.fault.as_ref().is_none_or(|(known, _)| index < *known) {
            self.fault = Some((index, fault));
        }
        self.doubt.is_none_or(|(from, _)| from > index)
    }

    /// The roots over the events and over the recorded hashes at the size of a signed checkpoint, compared with its
    /// root. True when nothing later can tell more.
    pub(super) fn prefix(&mut self, size: u64, events: bool, record: bool) -> bool {
        if record {
            self.recorded_to = size;
        }
        // After a mismatch a later match means that two signed checkpoints contradict each other; the first decides.
        if !events {
            self.mismatch = self.mismatch.or(Some(size));
        } else if self.mismatch.is_none() {
            self.genuine_to = size;
        }
        !events && self.doubt.is_none()
    }

    /// The conclusion, or `None` when all is well.
    pub(super) fn verdict(&self) -> Option<Breach> {
        let mismatch = self.mismatch.map(|size| (size - 1, Fault::OtherHistory { size }));
        let fault =
            self.fault.clone().filter(|(index, _)| mismatch.as_ref().is_none_or(|(to, _)| index <= to));
        match (fault, mismatch, self.doubt) {
            (None, None, None) => None,
            (None, None, Some((first, last))) => Some(Breach { first, last, fault: Fault::RecordDamaged }),
            (Some((last, fault)), _, doubt) => {
                // Up to the fault every event is as recorded, so a genuine record makes the events genuine.
                let clean_to = self.genuine_to.max(self.recorded_to.min(last));
                let first = doubt.map_or(last, |(from, _)| from.clamp(clean_to.min(last), last));
                Some(Breach { first, last, fault })
            }
            (None, Some((last, fault)), doubt) => {
                // Every event is as recorded. Changed ones are where the record is not proven; where it is proven,
                // two signed checkpoints contradict each other, and it cannot decide between them.
                let doubt = doubt
                    .filter(|(from, to)| self.recorded_to <= last && *from <= last && *to >= self.genuine_to);
                let (from, to) = doubt.unwrap_or((self.genuine_to, last));
                Some(Breach { first: from.max(self.genuine_to), last: to.min(last), fault })
            }
        }
    }
}
