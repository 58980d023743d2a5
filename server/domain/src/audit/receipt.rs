//! The proof file of one event: C2SP tlog-proof. An access receipt carries it, and anybody with the log's
//! verifier key checks it offline. File extension `.tlog-proof`.

use data_encoding::BASE64;

use super::checkpoint::{Checkpoint, CheckpointError, parse_decimal};
use super::keys::VerifierKey;
use super::merkle::{Hash, leaf_hash};
use super::proof::{ProofInvalid, verify_inclusion};

const FIRST_LINE: &str = "c2sp.org/tlog-proof@v1";

/// More hashes than any tree below 2^62 leaves needs.
const MAX_PROOF: usize = 62;

/// An inclusion proof with the signed checkpoint that it leads to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// The leaf that is proven, when the receipt is to stand alone (the specification's *extra data*). Not trusted
    /// until [`Receipt::verify_own_leaf`] has hashed it.
    pub leaf: Option<Vec<u8>>,
    /// Index of the leaf.
    pub index: u64,
    /// From the leaf's sibling to the root's child (RFC 6962 §2.1.1).
    pub proof: Vec<Hash>,
    /// The signed checkpoint, verbatim, with witnesses' lines if there are any.
    pub checkpoint: String,
}

/// Why a receipt was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not of the form of a tlog-proof.
    #[error("malformed receipt: {0}")]
    Malformed(&'static str),
    /// The checkpoint is not signed by a trusted key, or not a checkpoint.
    #[error("checkpoint: {0}")]
    Checkpoint(#[from] CheckpointError),
    /// The event is not in the log at this index.
    #[error("event {index} is not in the checkpoint's tree: {error}")]
    NotIncluded {
        /// The index claimed.
        index: u64,
        /// Why the proof fails.
        error: ProofInvalid,
    },
}

impl Receipt {
    /// The text of the file.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut out = format!("{FIRST_LINE}\n");
        if let Some(leaf) = &self.leaf {
            out.push_str(&format!("extra {}\n", BASE64.encode(leaf)));
        }
        out.push_str(&format!("index {}\n", self.index));
        for hash in &self.proof {
            out.push_str(&hash.to_base64());
            out.push('\n');
        }
        out.push('\n');
        out.push_str(&self.checkpoint);
        out
    }

    /// Reads the text of a file. Nothing in it is verified yet.
    ///
    /// # Errors
    /// [`ReceiptError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, ReceiptError> {
        let malformed = ReceiptError::Malformed;
        // No line before the checkpoint may be empty, so the first empty line ends the proof.
        let (head, checkpoint) = text.split_once("\n\n").ok_or(malformed("no checkpoint"))?;
        let mut lines = head.split('\n').peekable();
        if lines.next() != Some(FIRST_LINE) {
            return Err(malformed("not a c2sp.org/tlog-proof@v1"));
        }
        let leaf = match lines.next_if(|line| line.starts_with("extra ")) {
            None => None,
            Some(line) => {
                let encoded = line.trim_start_matches("extra ").as_bytes();
                Some(BASE64.decode(encoded).map_err(|_| malformed("extra data"))?)
            }
        };
        let index = lines.next().and_then(|line| line.strip_prefix("index ")).and_then(parse_decimal);
        let proof = lines.map(Hash::from_base64).collect::<Result<Vec<_>, _>>();
        let receipt = Self {
            leaf,
            index: index.ok_or(malformed("index"))?,
            proof: proof.map_err(|_| malformed("proof"))?,
            checkpoint: checkpoint.to_owned(),
        };
        if receipt.proof.len() > MAX_PROOF {
            return Err(malformed("proof too long"));
        }
        // One spelling for each receipt: refuses what base64 and the like let through.
        if receipt.to_text() == text { Ok(receipt) } else { Err(malformed("not in its one spelling")) }
    }

    /// Checks that `leaf` is at this index in a log signed by a trusted key, and gives the checkpoint.
    ///
    /// # Errors
    /// [`ReceiptError`].
    pub fn verify(&self, leaf: &[u8], trusted: &[VerifierKey]) -> Result<Checkpoint, ReceiptError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, trusted)?;
        verify_inclusion(&leaf_hash(leaf), self.index, checkpoint.size, &self.proof, &checkpoint.root)
            .map_err(|error| ReceiptError::NotIncluded { index: self.index, error })?;
        Ok(checkpoint)
    }

    /// Checks the leaf that the receipt itself carries, and gives it with the checkpoint.
    ///
    /// # Errors
    /// [`ReceiptError`]; [`ReceiptError::Malformed`] when it carries none.
    pub fn verify_own_leaf(&self, trusted: &[VerifierKey]) -> Result<(&[u8], Checkpoint), ReceiptError> {
        let leaf = self.leaf.as_deref().ok_or(ReceiptError::Malformed("carries no leaf"))?;
        Ok((leaf, self.verify(leaf, trusted)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::proof::inclusion_proof;
    use crate::audit::testing::Log;

    #[test]
    fn every_event_of_a_log_has_a_receipt() {
        let log = Log::new(70);
        let trusted = [log.signer.verifier().clone()];
        for (index, event) in log.events.iter().enumerate() {
            let receipt = Receipt {
                leaf: (index % 2 == 0).then(|| event.leaf().unwrap().into_bytes()),
                index: index as u64,
                proof: inclusion_proof(&log.nodes, index as u64, 70).unwrap(),
                checkpoint: log.checkpoint(70),
            };
            let read = Receipt::parse(&receipt.to_text()).unwrap();
            assert_eq!(read, receipt);
            let leaf = event.leaf().unwrap();
            assert_eq!(read.verify(leaf.as_bytes(), &trusted).unwrap().size, 70);
            assert_eq!(read.verify_own_leaf(&trusted).is_ok(), index % 2 == 0);
            let other = log.events[(index + 1) % 70].leaf().unwrap();
            assert!(matches!(read.verify(other.as_bytes(), &trusted), Err(ReceiptError::NotIncluded { .. })));
            let moved = Receipt { index: (index as u64 + 1) % 70, ..read.clone() };
            assert!(moved.verify(leaf.as_bytes(), &trusted).is_err());
            assert!(read.verify(leaf.as_bytes(), &[]).is_err());
        }
    }

    #[test]
    fn refuses_other_forms() {
        let log = Log::new(3);
        let proof = inclusion_proof(&log.nodes, 1, 3).unwrap();
        let good = Receipt { leaf: Some(vec![1, 2, 3, 4]), index: 1, proof, checkpoint: log.checkpoint(3) }
            .to_text();
        assert!(Receipt::parse(&good).is_ok());
        for (from, to) in [
            ("@v1", "@v2"),
            ("index 1", "index 01"),
            ("index 1", "index -1"),
            ("index 1\n", ""),
            ("index 1", "Index 1"),
            ("extra ", "extra  "),
            ("extra ", "extra extra "),
            ("AQIDBA==", "AQIDBB=="),
            ("index 1\n", "index 1\n\n"),
            ("=\n", "\n"),
            ("\n\n", "\n"),
        ] {
            let bad = good.replacen(from, to, 1);
            assert_ne!(bad, good);
            let read = Receipt::parse(&bad);
            // An empty line too early moves the proof into the checkpoint, which then does not open.
            let refused = read.is_err() || read.unwrap().verify(&[], &[]).is_err();
            assert!(refused, "{bad}");
        }
    }
}
