//! Signed notes: C2SP signed-note.
//!
//! ```text
//! text, any number of lines
//!
//! — name base64(key id || signature)
//! ```

use data_encoding::BASE64;

use super::keys::{KeyId, NoteSigner, VerifierKey, is_key_name};

/// Largest note read. Sixteen signatures, the number that must be accepted, fit even when each is
/// post-quantum (nearly 5 kB).
const MAX_BYTES: usize = 1_000_000;

/// Most signature lines read; the specification asks for a limit of at least 16.
const MAX_SIGNATURES: usize = 100;

/// Why a note was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not of the form of a signed note.
    #[error("malformed note: {0}")]
    Malformed(&'static str),
    /// A trusted key's name and id, but not its signature.
    #[error("the signature by {name}+{id} does not verify")]
    BadSignature {
        /// The trusted key's name.
        name: String,
        /// The trusted key's id.
        id: KeyId,
    },
    /// Two trusted keys have the same name and id: one cannot know which is meant.
    #[error("two trusted keys are called {name}+{id}")]
    AmbiguousKey {
        /// Their name.
        name: String,
        /// Their id.
        id: KeyId,
    },
    /// No signature is by a trusted key.
    #[error("no signature by a trusted key")]
    Unsigned,
}

/// The text of a note after its signatures were checked. There is no other way to its text: it must be ignored
/// until then.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedNote {
    text: String,
    signers: Vec<String>,
}

impl VerifiedNote {
    /// The signed text, with its final newline.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The names of the trusted keys that signed; at least one.
    #[must_use]
    pub fn signers(&self) -> &[String] {
        &self.signers
    }
}

/// Signs a text and returns the whole note.
///
/// # Errors
/// [`NoteError::Malformed`] when the text does not end in a newline or has other control characters, or when
/// there is no signer.
pub fn sign(text: &str, signers: &[&NoteSigner]) -> Result<String, NoteError> {
    if !text.ends_with('\n') {
        return Err(NoteError::Malformed("the text must end in a newline"));
    }
    refuse_control(text)?;
    if signers.is_empty() {
        return Err(NoteError::Malformed("no signer"));
    }
    let mut note = format!("{text}\n");
    for signer in signers {
        let mut signature = signer.verifier().id().0.to_vec();
        signature.extend(signer.sign(text));
        note.push_str(&format!("— {} {}\n", signer.verifier().name(), BASE64.encode(&signature)));
    }
    Ok(note)
}

/// Checks a note and gives its text. Signatures by unknown keys are ignored, also when they share a name or an
/// id with a trusted key; one failing signature by a trusted key refuses the note.
///
/// # Errors
/// [`NoteError`].
pub fn open(note: &str, trusted: &[VerifierKey]) -> Result<VerifiedNote, NoteError> {
    if note.len() > MAX_BYTES {
        return Err(NoteError::Malformed("too long"));
    }
    refuse_control(note)?;
    // The text may have empty lines of its own: the last one separates.
    let (body, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Malformed("no signatures"))?;
    let text = format!("{body}\n");
    let lines = lines.strip_suffix('\n').ok_or(NoteError::Malformed("the last line has no newline"))?;
    let mut signers: Vec<String> = Vec::new();
    for (place, line) in lines.split('\n').enumerate() {
        if place == MAX_SIGNATURES {
            return Err(NoteError::Malformed("too many signatures"));
        }
        let (name, id, signature) = parse_line(line)?;
        let mut known = trusted.iter().filter(|key| key.name() == name && key.id() == id);
        let Some(key) = known.next() else { continue };
        if known.next().is_some() {
            return Err(NoteError::AmbiguousKey { name: name.to_owned(), id });
        }
        if !key.verifies(&text, &signature) {
            return Err(NoteError::BadSignature { name: name.to_owned(), id });
        }
        if !signers.iter().any(|signer| signer == name) {
            signers.push(name.to_owned());
        }
    }
    if signers.is_empty() { Err(NoteError::Unsigned) } else { Ok(VerifiedNote { text, signers }) }
}

/// Who a note says that it is signed by: names and key ids. Nothing of it is verified; it is for saying which key is missing.
#[must_use]
pub fn claimed_signers(note: &str) -> Vec<(String, KeyId)> {
    let lines = note.rsplit_once("\n\n").map_or("", |(_, lines)| lines);
    let signers = lines.lines().take(MAX_SIGNATURES).filter_map(|line| parse_line(line).ok());
    signers.map(|(name, id, _)| (name.to_owned(), id)).collect()
}

/// Control characters other than the newline could make a note show something else than it says.
fn refuse_control(note: &str) -> Result<(), NoteError> {
    if note.bytes().any(|byte| byte < 0x20 && byte != b'\n') {
        return Err(NoteError::Malformed("control character"));
    }
    Ok(())
}

fn parse_line(line: &str) -> Result<(&str, KeyId, Vec<u8>), NoteError> {
    let malformed = NoteError::Malformed("bad signature line");
    let Some((name, encoded)) = line.strip_prefix("— ").and_then(|rest| rest.split_once(' ')) else {
        return Err(malformed);
    };
    let Ok(bytes) = BASE64.decode(encoded.as_bytes()) else { return Err(malformed) };
    match bytes.split_first_chunk() {
        Some((id, signature)) if is_key_name(name) && !signature.is_empty() => {
            Ok((name, KeyId(*id), signature.to_vec()))
        }
        _ => Err(malformed),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // From golang.org/x/mod/sumdb/note, `note_test.go`.
    const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    const PETER_SECRET: &str = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
    const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
    const TEXT: &str = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
    const PETER_SIG: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
    const ENOCH_SIG: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

    fn keys(texts: &[&str]) -> Vec<VerifierKey> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn peter() -> NoteSigner {
        let secret = BASE64.decode(PETER_SECRET.as_bytes()).unwrap();
        NoteSigner::from_seed("PeterNeumann", &secret[1..]).unwrap()
    }

    #[test]
    fn published_signature() {
        assert_eq!(sign(TEXT, &[&peter()]).unwrap(), format!("{TEXT}\n{PETER_SIG}"));
        assert!(sign("abc", &[&peter()]).is_err());
        assert!(sign("a\u{1}\n", &[&peter()]).is_err());
        assert!(sign(TEXT, &[]).is_err());
    }

    #[test]
    fn opens_published_notes() {
        let both = format!("{TEXT}\n{PETER_SIG}{ENOCH_SIG}");
        let note = open(&both, &keys(&[PETER])).unwrap();
        assert_eq!((note.text(), note.signers()), (TEXT, ["PeterNeumann".to_owned()].as_slice()));
        assert_eq!(open(&both, &keys(&[PETER, ENOCH])).unwrap().signers().len(), 2);
        assert_eq!(open(&both, &[]), Err(NoteError::Unsigned));
        let twice = open(&both, &keys(&[ENOCH, PETER, ENOCH]));
        assert!(matches!(twice, Err(NoteError::AmbiguousKey { .. })), "{twice:?}");
        assert!(open(&format!("{TEXT}\n{PETER_SIG}"), &keys(&[ENOCH, PETER, ENOCH])).is_ok());
        // Text with empty lines: the last one separates.
        let poem = "a\n\nb\n";
        assert_eq!(open(&sign(poem, &[&peter()]).unwrap(), &keys(&[PETER])).unwrap().text(), poem);
    }

    #[test]
    fn refuses_published_bad_notes() {
        let trusted = keys(&[PETER]);
        let (head, tail) = PETER_SIG.split_at(62);
        let damaged = format!("{TEXT}\n{head}ABCD{tail}");
        assert!(matches!(open(&damaged, &trusted), Err(NoteError::BadSignature { .. })));
        // A good signature does not make up for a failing one by the same trusted key.
        assert!(open(&format!("{TEXT}\n{PETER_SIG}{head}ABCD{tail}"), &trusted).is_err());
        for bad in [
            TEXT.to_owned(),
            format!("{TEXT}\n"),
            format!("{TEXT}\n{}", PETER_SIG.trim_end()),
            format!("\u{1}{TEXT}\n{PETER_SIG}"),
            format!("{TEXT}\n{}", PETER_SIG.replace("PeterNeumann", "Bad Name")),
            format!("{TEXT}\n{PETER_SIG}Unexpected line.\n"),
            format!("{TEXT}\n{}", PETER_SIG.repeat(101)),
            format!("{TEXT}\n— PeterNeumann x08g\n"),
            format!("{TEXT}\n- PeterNeumann x08goAAA\n"),
            format!("{TEXT}\r\n\n{PETER_SIG}"),
        ] {
            let answer = open(&bad, &trusted);
            assert!(matches!(answer, Err(NoteError::Malformed(_))), "{bad:?}: {answer:?}");
        }
        // The right name with another id, and the right id with another name, are unknown keys.
        for unknown in [PETER_SIG.replace("x08g", "xxxx"), PETER_SIG.replace("Peter", "Paul")] {
            assert_eq!(open(&format!("{TEXT}\n{unknown}"), &trusted), Err(NoteError::Unsigned));
        }
        let edited = format!("{}\n{PETER_SIG}", TEXT.replace("answer", "problem"));
        assert!(matches!(open(&edited, &trusted), Err(NoteError::BadSignature { .. })));
    }

    #[test]
    fn accepts_sixteen_long_signatures() {
        let witness = format!("— witness.example {}\n", BASE64.encode(&[7; 5_000]));
        let note = format!("{TEXT}\n{}{PETER_SIG}", witness.repeat(16));
        assert!(open(&note, &keys(&[PETER])).is_ok());
    }
}
