//! Checkpoints: C2SP tlog-checkpoint. A checkpoint is the size and root of the log, signed; a copy held outside is
//! what makes later changes to history visible.

use super::frontier::MAX_SIZE;
use super::keys::{NoteSigner, VerifierKey, is_key_name};
use super::merkle::{Hash, empty_root};
use super::note::{self, NoteError};

/// The state of the log at one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: unique for it, and the name of the key that signs.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
}

/// Why a checkpoint was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CheckpointError {
    /// The note around it.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// The text is not a checkpoint.
    #[error("malformed checkpoint: {0}")]
    Malformed(&'static str),
    /// Signed by a trusted key of another log.
    #[error("the checkpoint is of log {origin}, which none of its trusted signers is named after")]
    Origin {
        /// The log that the checkpoint names.
        origin: String,
    },
}

impl Checkpoint {
    /// The note text: origin, size, root, a line each.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`] for an origin or size that [`Checkpoint::parse`] would refuse.
    pub fn to_text(&self) -> Result<String, CheckpointError> {
        self.check()?;
        Ok(format!("{}\n{}\n{}\n", self.origin, self.size, self.root.to_base64()))
    }

    /// Reads the note text. Stricter than the specification in what our logs never write: extension lines are
    /// refused (nobody audits them), and origins follow the rules of key names.
    ///
    /// # Errors
    /// [`CheckpointError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, CheckpointError> {
        let malformed = CheckpointError::Malformed;
        let lines = text.strip_suffix('\n').ok_or(malformed("no final newline"))?;
        let mut lines = lines.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(malformed("not exactly three lines"));
        };
        let checkpoint = Self {
            origin: origin.to_owned(),
            size: parse_decimal(size).ok_or(malformed("size"))?,
            root: Hash::from_base64(root).map_err(|_| malformed("root"))?,
        };
        checkpoint.check()?;
        Ok(checkpoint)
    }

    /// Signs the checkpoint. The caller must have made the size and root durable before, and must never sign one
    /// that is inconsistent with an earlier one (tlog-checkpoint, "Signatures").
    ///
    /// # Errors
    /// [`CheckpointError::Origin`] when the signer is not named after the log; [`CheckpointError::Malformed`].
    pub fn sign(&self, signer: &NoteSigner) -> Result<String, CheckpointError> {
        if signer.verifier().name() != self.origin {
            return Err(CheckpointError::Origin { origin: self.origin.clone() });
        }
        Ok(note::sign(&self.to_text()?, &[signer])?)
    }

    /// Checks a signed checkpoint against trusted keys. One of its valid signers must be named after the log, so
    /// that a key trusted for one log cannot vouch for another.
    ///
    /// # Errors
    /// [`CheckpointError`].
    pub fn open(signed: &str, trusted: &[VerifierKey]) -> Result<Self, CheckpointError> {
        let note = note::open(signed, trusted)?;
        let checkpoint = Self::parse(note.text())?;
        if !note.signers().contains(&checkpoint.origin) {
            return Err(CheckpointError::Origin { origin: checkpoint.origin });
        }
        Ok(checkpoint)
    }

    fn check(&self) -> Result<(), CheckpointError> {
        if !is_key_name(&self.origin) {
            return Err(CheckpointError::Malformed("origin"));
        }
        if self.size >= MAX_SIZE {
            return Err(CheckpointError::Malformed("size"));
        }
        if self.size == 0 && self.root != empty_root() {
            return Err(CheckpointError::Malformed("root of an empty log"));
        }
        Ok(())
    }
}

/// ASCII decimal without sign and without leading zeroes, the form of sizes and indexes in C2SP files.
pub(super) fn parse_decimal(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    if plain { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_the_specification() {
        let text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n";
        let checkpoint = Checkpoint::parse(text).unwrap();
        assert_eq!(
            (checkpoint.origin.as_str(), checkpoint.size),
            ("example.com/behind-the-sofa", 20_852_163)
        );
        assert_eq!(checkpoint.to_text().unwrap(), text);
    }

    #[test]
    fn refuses_other_spellings() {
        let root = empty_root().to_base64();
        assert!(Checkpoint::parse(&format!("log\n0\n{root}\n")).is_ok());
        for bad in [
            String::new(),
            "\n".to_owned(),
            format!("log\n0\n{root}"),
            format!("log\n00\n{root}\n"),
            format!("log\n+1\n{root}\n"),
            format!("log\n\n{root}\n"),
            format!("log\n1 \n{root}\n"),
            format!("log\n18446744073709551616\n{root}\n"),
            format!("log\n18446744073709551615\n{root}\n"),
            format!("\n1\n{root}\n"),
            format!("two words\n1\n{root}\n"),
            format!("log\n1\n{}\n", root.trim_end_matches('=')),
            format!("log\n1\n{root}\nextension\n"),
            format!("log\n1\n{root}\n\n"),
            format!("log\r\n1\n{root}\n"),
            format!("log\n0\n{}\n", Hash::from_bytes([1; 32]).to_base64()),
        ] {
            assert!(Checkpoint::parse(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn signed_for_one_log_only() {
        let signer = NoteSigner::from_seed("log.example/a", &[1; 32]).unwrap();
        let other = NoteSigner::from_seed("log.example/b", &[2; 32]).unwrap();
        let checkpoint = Checkpoint { origin: "log.example/a".to_owned(), size: 0, root: empty_root() };
        assert!(checkpoint.sign(&other).is_err());
        let signed = checkpoint.sign(&signer).unwrap();
        assert_eq!(Checkpoint::open(&signed, &[signer.verifier().clone()]).unwrap(), checkpoint);
        assert!(Checkpoint::open(&signed, &[other.verifier().clone()]).is_err());
        let crossed = note::sign(&checkpoint.to_text().unwrap(), &[&other]).unwrap();
        assert!(matches!(
            Checkpoint::open(&crossed, &[other.verifier().clone()]),
            Err(CheckpointError::Origin { .. })
        ));
    }
}
