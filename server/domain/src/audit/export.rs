//! The export file `hallpass-audit-export-v1`: the whole log up to one checkpoint, as JSON lines.
//!
//! ```text
//! {"checkpoint":"…","format":"hallpass-audit-export-v1","origin":"…","size":1000,"vkey":"…"}
//! {"block":0,"nodes":[[256 hashes],[128],…,[1]],"proof":[…]}       before each 256 events
//! {"actor":…,"at":…,"data":…,"id":…,"index":0,"kind":…,"private":…,"private_commitment":…,"salt":…,…,"v":1}
//! …
//! ```
//!
//! # Why it carries stored hashes
//! The events alone are enough to *detect* any change: their root must be the checkpoint's. They are not enough to
//! *locate* it: one wrong leaf and any other wrong leaf give an equally wrong root. So each block of
//! [`BLOCK`] events carries what the store recorded when it sealed them:
//! - every complete subtree inside the block (its leaf hashes, the pairs above them, … up to the block's root), and
//! - an inclusion proof of the block's root in the checkpoint's tree. In a tree over blocks the block is a leaf, and
//!   RFC 6962 splits at powers of two, so this is `PATH` of RFC 6962 §2.1.1 over the block roots, also for a last
//!   block that is not full.
//!
//! A verifier authenticates the block downwards from the checkpoint, then compares each event with its recorded leaf
//! hash at once: an edited event is named exactly, when its line has been read. If recorded leaf hashes were
//! changed too, the hashes above them name the pair, or the smallest subtree, whose record was left alone. If
//! somebody rewrote every hash up to the root, no single checkpoint can tell where (any leaf could be the
//! wrong one); then other held checkpoints, one a second in a running system, bound the place between two of them.
//!
//! # Size
//! Twice 44 bytes of hash an event, whatever the size of the log, and log2(n / 256) more hashes for each 256
//! events. A proof for each event would cost log2(n) hashes each, and would say no more than this: it repeats the
//! same nodes.
//!
//! # One spelling
//! A line must be byte for byte what [`Header::to_line`], [`Block::to_line`] or [`event_line`] writes. This refuses
//! what JSON readers see differently (double members, `1.0` for `1`, escapes), so that a line cannot show one thing
//! to a person and another to the verifier.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::io::{self, BufRead, Read};

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::canonical::{CanonicalError, write_string};
use super::event::{Event, EventError, EventParts, Opening, Salt};
use super::frontier::MAX_SIZE;
use super::leaf::write_members;
use super::merkle::Hash;
use super::nodes::{NodeId, NodeReader, Planner};
use super::proof::{ProofError, block_proof};

/// The first member that a reader looks at.
pub const FORMAT: &str = "hallpass-audit-export-v1";

/// Events in a block, but for the last.
pub const BLOCK: u64 = 1 << BLOCK_LEVEL;

/// Height of the root of a full block.
pub const BLOCK_LEVEL: u8 = 8;

/// Longest line in bytes. An event with a private part stays below 140,000 and a block below 30,000.
const MAX_LINE: u64 = 1 << 20;

/// What the file is about.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Header {
    /// The signed checkpoint that the export was made for (a C2SP signed note).
    pub checkpoint: String,
    /// [`FORMAT`].
    pub format: String,
    /// The log.
    pub origin: String,
    /// How many events follow.
    pub size: u64,
    /// The log's verifier key, for information: a verifier trusts the one that it was given.
    pub vkey: String,
}

/// Recorded hashes for up to [`BLOCK`] events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The first event has index `block * BLOCK`.
    pub block: u64,
    /// Complete subtrees inside the block, by level from the leaves, each level from the left.
    pub nodes: Vec<Vec<Hash>>,
    /// From the block's root to the checkpoint's.
    pub proof: Vec<Hash>,
}

/// A line after the header.
#[derive(Debug, Clone, PartialEq)]
pub enum Line {
    /// Recorded hashes of the next events.
    Block(Block),
    /// An event at its index.
    Event(u64, Box<Event>),
}

/// Why a line could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The source failed.
    #[error("the export could not be read: {0}")]
    Io(#[from] io::Error),
    /// Longer than a mebibyte, or the last line without its newline.
    #[error("a line is too long or cut off")]
    Cut,
    /// Not JSON of the expected form. Says where and not what: the text is the sender's, and may hold control bytes.
    #[error("not a line of an export, from column {}", .0.column())]
    Json(#[from] serde_json::Error),
    /// The members make no event.
    #[error("not an event: {0}")]
    Event(#[from] EventError),
    /// Read, but spelled differently from how an export spells it.
    #[error("not in the one spelling of an export")]
    Spelling,
}

impl Header {
    /// The line, with its newline.
    ///
    /// # Errors
    /// [`CanonicalError`] for a text with U+0000.
    pub fn to_line(&self) -> Result<String, CanonicalError> {
        let mut out = String::from(r#"{"checkpoint":"#);
        write_string(&mut out, &self.checkpoint)?;
        out.push_str(r#","format":"#);
        write_string(&mut out, &self.format)?;
        out.push_str(r#","origin":"#);
        write_string(&mut out, &self.origin)?;
        out.push_str(&format!(r#","size":{},"vkey":"#, self.size));
        write_string(&mut out, &self.vkey)?;
        out.push_str("}\n");
        Ok(out)
    }

    /// Reads the line. Whether the format, the sizes and the signature are right is for the verifier to say.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn parse(line: &str) -> Result<Self, LineError> {
        let header: Self = serde_json::from_str(line)?;
        if header.to_line().is_ok_and(|own| own == line) { Ok(header) } else { Err(LineError::Spelling) }
    }
}

impl Block {
    /// Reads a block from stored nodes, for an export of `size` events. The *stored* hashes, not ones computed anew
    /// from the rows: the difference between the two is what the verifier looks for.
    ///
    /// # Errors
    /// [`ProofError`].
    pub fn read<R: NodeReader>(reader: &R, block: u64, size: u64) -> Result<Self, ProofError<R::Error>>
    where
        R::Error: Display,
    {
        if size >= MAX_SIZE || block >= size.div_ceil(BLOCK) {
            return Err(ProofError::OutOfRange { what: block, size });
        }
        let count = block_len(block, size);
        let mut nodes = Vec::new();
        for level in (0..=BLOCK_LEVEL).take_while(|level| count >> level > 0) {
            let first = block << (BLOCK_LEVEL - level);
            let row: Result<_, _> =
                (first..first + (count >> level)).map(|i| reader.node(level, i)).collect();
            nodes.push(row.map_err(ProofError::Read)?);
        }
        Ok(Self { block, nodes, proof: block_proof(reader, BLOCK_LEVEL, block, size)? })
    }

    /// The nodes that [`Block::read`] will ask for, to fetch them with one query.
    #[must_use]
    pub fn stored_nodes(block: u64, size: u64) -> Vec<NodeId> {
        let planner = Planner::default();
        let _ = Self::read(&planner, block, size);
        planner.into_nodes()
    }

    /// The line, with its newline.
    #[must_use]
    pub fn to_line(&self) -> String {
        let row = |hashes: &[Hash]| {
            let hashes: Vec<_> = hashes.iter().map(|hash| format!("\"{}\"", hash.to_base64())).collect();
            format!("[{}]", hashes.join(","))
        };
        let nodes: Vec<_> = self.nodes.iter().map(|level| row(level)).collect();
        format!(
            "{{\"block\":{},\"nodes\":[{}],\"proof\":{}}}\n",
            self.block,
            nodes.join(","),
            row(&self.proof)
        )
    }

    /// Whether there are as many hashes of each level as a block of `count` events has.
    #[must_use]
    pub fn has_shape(&self, count: u64) -> bool {
        let wanted = (0..=BLOCK_LEVEL).map(|level| count >> level).filter(|wanted| *wanted > 0);
        self.nodes.iter().map(|row| row.len() as u64).eq(wanted)
    }
}

/// How many events the block has in an export of `size` events.
#[must_use]
pub fn block_len(block: u64, size: u64) -> u64 {
    size.saturating_sub(block.saturating_mul(BLOCK)).min(BLOCK)
}

/// The line of an event, with its newline.
///
/// # Errors
/// None for an event that was built.
pub fn event_line(index: u64, event: &Event) -> Result<String, EventError> {
    let mut out = String::with_capacity(1_024);
    write_members(event.parts(), &mut out, Some(index))?;
    out.push('\n');
    Ok(out)
}

impl Line {
    /// Reads a line after the header.
    ///
    /// # Errors
    /// [`LineError`].
    pub fn parse(line: &str) -> Result<Self, LineError> {
        // The one spelling makes the first member tell the two apart.
        let (parsed, own) = if line.starts_with(r#"{"block":"#) {
            let wire: BlockWire = serde_json::from_str(line)?;
            let block = wire.into_block().ok_or(LineError::Spelling)?;
            let own = block.to_line();
            (Self::Block(block), own)
        } else {
            let wire: EventWire = serde_json::from_str(line)?;
            let index = wire.index;
            let event = wire.into_event()?;
            let own = event_line(index, &event)?;
            (Self::Event(index, Box::new(event)), own)
        };
        if own == line { Ok(parsed) } else { Err(LineError::Spelling) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BlockWire {
    block: u64,
    nodes: Vec<Vec<String>>,
    proof: Vec<String>,
}

impl BlockWire {
    fn into_block(self) -> Option<Block> {
        let row = |texts: Vec<String>| texts.iter().map(|text| Hash::from_base64(text).ok()).collect();
        let nodes: Option<_> = self.nodes.into_iter().map(row).collect();
        Some(Block { block: self.block, nodes: nodes?, proof: row(self.proof)? })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventWire {
    actor: String,
    at: String,
    data: Value,
    id: Uuid,
    index: u64,
    kind: String,
    #[serde(default)]
    private: Option<Value>,
    private_commitment: Hash,
    #[serde(default)]
    salt: Option<Salt>,
    subjects: BTreeMap<String, String>,
    v: u8,
}

impl EventWire {
    fn into_event(self) -> Result<Event, LineError> {
        let opening = match (self.private, self.salt) {
            (Some(private), Some(salt)) => Some(Opening { private, salt }),
            (None, None) => None,
            // Half an opening opens nothing; an erased event has neither.
            _ => return Err(LineError::Spelling),
        };
        if self.v != 1 {
            return Err(LineError::Spelling);
        }
        let at = self.at.parse().map_err(|_| EventError::Time)?;
        Ok(Event::from_parts(EventParts {
            id: self.id,
            at,
            kind: self.kind,
            actor: self.actor,
            subjects: self.subjects,
            data: self.data,
            private_commitment: self.private_commitment,
            opening,
        })?)
    }
}

/// Reads an export's lines one by one; memory holds one line.
#[derive(Debug)]
pub struct LineReader<R> {
    source: R,
    line: String,
}

impl<R: BufRead> LineReader<R> {
    /// Reads from `source`.
    pub const fn new(source: R) -> Self {
        Self { source, line: String::new() }
    }

    /// The next line with its newline, or `None` at the end.
    ///
    /// # Errors
    /// [`LineError::Io`] (also for bytes that are not UTF-8), [`LineError::Cut`].
    pub fn next_line(&mut self) -> Result<Option<&str>, LineError> {
        self.line.clear();
        if self.source.by_ref().take(MAX_LINE).read_line(&mut self.line)? == 0 {
            return Ok(None);
        }
        if self.line.ends_with('\n') { Ok(Some(&self.line)) } else { Err(LineError::Cut) }
    }
}
