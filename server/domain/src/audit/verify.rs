//! Offline verification of an export against checkpoints held outside.
//!
//! Trusted are only what the caller brings: verifier keys, and signed checkpoints that were kept where the log's
//! operator could not change them. The checkpoint in the export's header must be signed too, but proves only
//! that the log's key signed it, at any time. So events up to the largest *held* checkpoint are what was there
//! when that was published; the few after it rest on the key alone, and [`Verified::held_to`] says where that
//! begins.
//!
//! Every line is checked as it comes, with memory for one block, and an ordinary change stops the reading at once.
//! How the first bad event is named stands in `locate.rs`.

use std::io::BufRead;

use super::checkpoint::CheckpointError;
use super::event::Event;
use super::export::{BLOCK, Block, FORMAT, Header, Line, LineError, LineReader, block_len};
use super::frontier::Frontier;
use super::keys::{KeyId, VerifierKey};
use super::locate::{Breach, Evidence, Fault, Record, examine};
use super::merkle::Hash;
use super::rotations::{AnnouncedKey, Rotations};

/// What was verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    /// The log.
    pub origin: String,
    /// How many events, all of them verified.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// Events below are covered by a checkpoint that the caller holds; those above by the log's signature alone.
    pub held_to: u64,
    /// How many events have had their names and reasons erased. Each erasure is itself an event.
    pub erased: u64,
    /// Trusted keys that the log announced, and which older one vouches for each.
    pub announced: Vec<AnnouncedKey>,
}

/// Why an export was refused.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The first bad event, or the smallest range that is known to hold it.
    #[error("{0}")]
    Broken(Breach),
    /// No checkpoint was given: nothing outside the export to verify against.
    #[error("verifying needs at least one checkpoint that was kept outside")]
    NothingHeld,
    /// A checkpoint that was given is not one signed by a trusted key.
    #[error("held checkpoint: {0}")]
    Held(CheckpointError),
    /// Two signed checkpoints of one size with two roots: the log's key signed two histories.
    #[error("the log forked: two signed checkpoints of size {size} have different roots")]
    Forked {
        /// Their size.
        size: u64,
    },
    /// A checkpoint that covers the rotation of the very key that signed it: no server does that.
    #[error(
        "the checkpoint of size {size} is signed with key {key}, which event {index} replaced: it was made by somebody who has the old key"
    )]
    Retired {
        /// Its size.
        size: u64,
        /// The old key.
        key: KeyId,
        /// The event of the rotation.
        index: u64,
    },
    /// The header cannot be read.
    #[error("header: {0}")]
    HeaderLine(LineError),
    /// The header does not fit the held checkpoints and keys.
    #[error("header: {0}")]
    Header(&'static str),
    /// All events verify against the held checkpoints, and the header's checkpoint does not.
    #[error("the header's checkpoint: {0}")]
    HeaderCheckpoint(CheckpointError),
    /// The source failed.
    #[error("the export could not be read: {0}")]
    Io(std::io::Error),
}

/// Checks an export line by line.
#[derive(Debug, Clone)]
pub struct ExportVerifier {
    origin: String,
    size: u64,
    /// The root that the blocks' proofs must lead to, when a signed one of the export's size is known.
    root: Option<Hash>,
    /// Roots to compare with on the way, smallest size first; those already passed are gone.
    checkpoints: std::collections::VecDeque<(u64, Hash)>,
    held_to: u64,
    /// Said at the end, when nothing is wrong with the events.
    header_fault: Option<HeaderFault>,
    events: Frontier,
    recorded: Frontier,
    record: Option<Record>,
    evidence: Evidence,
    rotations: Rotations,
    erased: u64,
}

#[derive(Debug, Clone)]
enum HeaderFault {
    Checkpoint(CheckpointError),
    Forked(u64),
}

/// Verifies a whole export.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_export<R: BufRead>(
    source: R,
    trusted: &[VerifierKey],
    held: &[&str],
) -> Result<Verified, VerifyError> {
    let mut lines = LineReader::new(source);
    let header = match lines.next_line() {
        Ok(Some(line)) => Header::parse(line).map_err(VerifyError::HeaderLine)?,
        Ok(None) => return Err(VerifyError::Header("the file is empty")),
        Err(error) => return Err(VerifyError::HeaderLine(error)),
    };
    let mut verifier = ExportVerifier::new(&header, trusted, held)?;
    loop {
        match lines.next_line() {
            Ok(Some(line)) => verifier.line(line)?,
            Ok(None) => return verifier.finish(),
            Err(LineError::Io(error)) if error.kind() != std::io::ErrorKind::InvalidData => {
                return Err(VerifyError::Io(error));
            }
            Err(error) => return Err(verifier.unreadable(&error)),
        }
    }
}

impl ExportVerifier {
    /// Starts with the header. `trusted` are the log's verifier keys (several after a rotation) and `held` the
    /// signed checkpoints that were kept outside, in any order; the more, the closer a fork is located.
    ///
    /// # Errors
    /// [`VerifyError`], but for [`VerifyError::Broken`].
    pub fn new(header: &Header, trusted: &[VerifierKey], held: &[&str]) -> Result<Self, VerifyError> {
        if header.format != FORMAT {
            return Err(VerifyError::Header("not of a format that this version reads"));
        }
        if !trusted.iter().any(|key| key.to_string() == header.vkey && key.name() == header.origin) {
            return Err(VerifyError::Header("its key is not the one that is trusted"));
        }
        let mut checkpoints: Vec<(u64, Hash)> = Vec::new();
        let mut rotations = Rotations::of(trusted);
        for signed in held {
            let checkpoint = rotations.open(signed, trusted).map_err(VerifyError::Held)?;
            if checkpoint.origin != header.origin {
                return Err(VerifyError::Header("it is of another log than a held checkpoint"));
            }
            checkpoints.push((checkpoint.size, checkpoint.root));
        }
        checkpoints.sort_unstable();
        checkpoints.dedup();
        let twins = checkpoints.iter().zip(checkpoints.iter().skip(1)).find(|(a, b)| a.0 == b.0);
        if let Some((twin, _)) = twins {
            return Err(VerifyError::Forked { size: twin.0 });
        }
        let held_to = checkpoints.last().ok_or(VerifyError::NothingHeld)?.0;
        let mut verifier = Self {
            origin: header.origin.clone(),
            size: header.size,
            root: None,
            checkpoints: checkpoints.into(),
            held_to,
            header_fault: None,
            events: Frontier::new(),
            recorded: Frontier::new(),
            record: None,
            evidence: Evidence::default(),
            rotations,
            erased: 0,
        };
        verifier.header_checkpoint(header, trusted);
        Ok(verifier)
    }

    /// The header's checkpoint says how the export was made. What is wrong with it is remembered, not thrown: an
    /// edited event is still to be named.
    fn header_checkpoint(&mut self, header: &Header, trusted: &[VerifierKey]) {
        let own = self.rotations.open(&header.checkpoint, trusted).and_then(|own| {
            if own.origin == header.origin {
                Ok(own)
            } else {
                Err(CheckpointError::Origin { origin: own.origin })
            }
        });
        match own {
            Err(error) => self.header_fault = Some(HeaderFault::Checkpoint(error)),
            Ok(own) => {
                self.size = own.size;
                if own.size != header.size {
                    let fault = if header.size < own.size { Fault::Missing } else { Fault::Extra };
                    self.evidence.fault(header.size.min(own.size), fault);
                }
                self.root = Some(own.root);
            }
        }
        let known = self.checkpoints.iter().find(|(size, _)| *size == self.size).map(|(_, root)| *root);
        match (known, self.root) {
            (Some(known), Some(own)) if known != own => {
                self.header_fault = Some(HeaderFault::Forked(self.size));
            }
            (None, Some(own)) => {
                let place = self.checkpoints.partition_point(|(size, _)| *size < self.size);
                self.checkpoints.insert(place, (self.size, own));
            }
            _ => {}
        }
        self.root = known.or(self.root);
        if self.size == 0 {
            self.compare_prefix();
        }
    }

    /// Checks the next line, with its newline.
    ///
    /// # Errors
    /// [`VerifyError::Broken`] as soon as the first bad event is certain.
    pub fn line(&mut self, line: &str) -> Result<(), VerifyError> {
        match Line::parse(line) {
            Ok(Line::Block(block)) => self.block(block),
            Ok(Line::Event(index, event)) => self.event(index, &event),
            Err(error) => Err(self.unreadable(&error)),
        }
    }

    /// Concludes after the last line.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn finish(mut self) -> Result<Verified, VerifyError> {
        let next = self.events.size();
        if next < self.size.max(self.held_to) {
            self.evidence.fault(next, Fault::Missing);
        }
        match (self.evidence.verdict(), self.header_fault) {
            // Without the header's checkpoint the recorded hashes have no proof: that is said, not that they are bad.
            (
                Some(Breach { fault: Fault::RecordDamaged, .. }) | None,
                Some(HeaderFault::Checkpoint(error)),
            ) => Err(VerifyError::HeaderCheckpoint(error)),
            (Some(Breach { fault: Fault::RecordDamaged, .. }) | None, Some(HeaderFault::Forked(size))) => {
                Err(VerifyError::Forked { size })
            }
            (Some(breach), _) => Err(VerifyError::Broken(breach)),
            (None, None) => match self.rotations.misused() {
                Some(by) => Err(VerifyError::Retired { size: by.size, key: by.key, index: by.index }),
                None => Ok(Verified {
                    origin: self.origin,
                    size: self.size,
                    root: self.events.root(),
                    held_to: self.held_to,
                    erased: self.erased,
                    announced: self.rotations.announced(),
                }),
            },
        }
    }

    fn unreadable(&mut self, error: &LineError) -> VerifyError {
        let next = self.events.size();
        self.stop(next, Fault::Unreadable(error.to_string()))
    }

    /// Where lines are missing or out of order, nothing after can be trusted to be in its place.
    fn stop(&mut self, index: u64, fault: Fault) -> VerifyError {
        self.evidence.fault(index, fault.clone());
        VerifyError::Broken(self.evidence.verdict().unwrap_or(Breach::exact(index, fault)))
    }

    fn block(&mut self, block: Block) -> Result<(), VerifyError> {
        let next = self.events.size();
        let first = block.block.saturating_mul(BLOCK);
        if next >= self.size {
            return Err(self.stop(next, Fault::Extra));
        }
        if first < next {
            return Err(self.stop(first, Fault::Repeated { at: next }));
        }
        if first > next {
            return Err(self.stop(next, Fault::Missing));
        }
        if self.record.as_ref().is_some_and(|record| record.start == first) {
            return Err(self.stop(first, Fault::Repeated { at: next }));
        }
        if !block.has_shape(block_len(block.block, self.size)) {
            let fault = Fault::Unreadable("the block has the wrong number of recorded hashes".to_owned());
            return Err(self.stop(next, fault));
        }
        self.record = Some(examine(block, self.size, self.root.as_ref(), &mut self.evidence));
        Ok(())
    }

    fn event(&mut self, index: u64, event: &Event) -> Result<(), VerifyError> {
        let next = self.events.size();
        if index < next {
            return Err(self.stop(index, Fault::Repeated { at: next }));
        }
        if next >= self.size {
            return Err(self.stop(next, Fault::Extra));
        }
        if index > next {
            return Err(self.stop(next, Fault::Missing));
        }
        let recorded = self
            .record
            .as_ref()
            .and_then(|record| record.leaves.get(usize::try_from(next.checked_sub(record.start)?).ok()?))
            .copied();
        let Some(recorded) = recorded else {
            let fault = Fault::Unreadable("the block's recorded hashes are missing".to_owned());
            return Err(self.stop(next, fault));
        };
        let leaf = event.leaf_hash();
        self.events.append(leaf);
        self.recorded.append(recorded);
        self.erased += u64::from(event.is_erased());
        self.rotations.event(index, event.parts());
        let mut certain = false;
        if leaf != recorded {
            certain |= self.evidence.fault(index, Fault::Changed);
        } else if !event.commitment_holds() {
            certain |= self.evidence.fault(index, Fault::PrivateChanged);
        }
        certain |= self.compare_prefix();
        match self.evidence.verdict() {
            Some(breach) if certain => Err(VerifyError::Broken(breach)),
            _ => Ok(()),
        }
    }

    /// Compares with the signed checkpoint of the size reached, if there is one.
    fn compare_prefix(&mut self) -> bool {
        let next = self.events.size();
        while self.checkpoints.front().is_some_and(|(size, _)| *size < next) {
            self.checkpoints.pop_front();
        }
        match self.checkpoints.front() {
            Some((size, root)) if *size == next => {
                self.evidence.prefix(next, self.events.root() == *root, self.recorded.root() == *root)
            }
            _ => false,
        }
    }
}
