//! Keys of signed notes (C2SP signed-note, "Signatures" and "Ed25519 signatures").

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use super::merkle::Hash;

/// Signature type byte of plain Ed25519, the only type here: the specification asks implementations to pick
/// one. Witness cosignatures (0x04) and ML-DSA (0x06) are then signatures by unknown keys, and are ignored.
const TYPE_ED25519: u8 = 0x01;

/// The four bytes by which a signature line finds its key. Short on purpose: an identifier, not a commitment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl KeyId {
    /// `SHA-256(name || 0x0A || type || public key)[:4]` for Ed25519.
    #[must_use]
    pub fn ed25519(name: &str, public: &[u8; 32]) -> Self {
        let [a, b, c, d, ..] = *Hash::of_parts(&[name.as_bytes(), b"\n", &[TYPE_ED25519], public]).as_bytes();
        Self([a, b, c, d])
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Why a key or its name was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or with a space, a control character or a plus.
    #[error("a key name must be non-empty, without spaces, control characters and plus signs")]
    Name,
    /// Not `name+hash+key`, or not base64 of a type byte and 32 bytes.
    #[error("not a verifier key of the form name+hash+key")]
    Malformed,
    /// The hash in the text is not the one of name and key.
    #[error("the verifier key's hash does not fit its name and key")]
    Hash,
    /// A signature type other than Ed25519.
    #[error("not an Ed25519 key (type 01)")]
    Algorithm,
    /// The secret is not an Ed25519 seed.
    #[error("not an Ed25519 seed")]
    Seed,
}

/// Whether a text can be a key name, and so one of our log origins (C2SP signed-note, "Format").
#[must_use]
pub fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')
}

/// A public key that notes are checked with. Its text form is `name+hash+key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    public: [u8; 32],
}

impl VerifierKey {
    /// Names an Ed25519 public key (32 bytes, RFC 8032 §5.1.5).
    ///
    /// # Errors
    /// [`KeyError::Name`].
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, KeyError> {
        if !is_key_name(name) {
            return Err(KeyError::Name);
        }
        Ok(Self { name: name.to_owned(), id: KeyId::ed25519(name, &public), public })
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's short identifier.
    #[must_use]
    pub const fn id(&self) -> KeyId {
        self.id
    }

    pub(super) fn verifies(&self, text: &str, signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.public).verify(text.as_bytes(), signature).is_ok()
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![TYPE_ED25519];
        key.extend_from_slice(&self.public);
        write!(f, "{}+{}+{}", self.name, self.id, BASE64.encode(&key))
    }
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let (name, rest) = text.split_once('+').ok_or(KeyError::Malformed)?;
        // The key itself is base64 and may contain a plus: only the first two separate.
        let (id, key) = rest.split_once('+').ok_or(KeyError::Malformed)?;
        let id = HEXLOWER.decode(id.as_bytes()).map_err(|_| KeyError::Malformed)?;
        let key = BASE64.decode(key.as_bytes()).map_err(|_| KeyError::Malformed)?;
        let (kind, public) = key.split_first().ok_or(KeyError::Malformed)?;
        if *kind != TYPE_ED25519 {
            return Err(KeyError::Algorithm);
        }
        let key = Self::new(name, public.try_into().map_err(|_| KeyError::Malformed)?)?;
        if key.id.0.as_slice() == id { Ok(key) } else { Err(KeyError::Hash) }
    }
}

/// A private key that signs notes. Holds the secret, so it has no text form and prints only its name.
pub struct NoteSigner {
    pair: Ed25519KeyPair,
    verifier: VerifierKey,
}

impl NoteSigner {
    /// A signer from an Ed25519 seed of 32 bytes (RFC 8032 §5.1.5), which the caller keeps encrypted at rest.
    ///
    /// # Errors
    /// [`KeyError::Name`], [`KeyError::Seed`].
    pub fn from_seed(name: &str, seed: &[u8]) -> Result<Self, KeyError> {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).map_err(|_| KeyError::Seed)?;
        let public = pair.public_key().as_ref().try_into().map_err(|_| KeyError::Seed)?;
        Ok(Self { pair, verifier: VerifierKey::new(name, public)? })
    }

    /// The public half, to be given to verifiers.
    #[must_use]
    pub const fn verifier(&self) -> &VerifierKey {
        &self.verifier
    }

    pub(super) fn sign(&self, text: &str) -> Vec<u8> {
        self.pair.sign(text.as_bytes()).as_ref().to_vec()
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({}+{})", self.verifier.name, self.verifier.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `TestNewVerifier` of golang.org/x/mod/sumdb/note.
    #[test]
    fn published_verifier_key() {
        let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        let key: VerifierKey = text.parse().unwrap();
        assert_eq!(key.to_string(), text);
        assert_eq!((key.name(), key.id().to_string().as_str()), ("PeterNeumann", "c74f20a3"));
        for from in 0..text.len() {
            for to in from..=text.len() {
                if (from, to) != (0, text.len()) {
                    assert!(text[from..to].parse::<VerifierKey>().is_err());
                }
            }
            let mut bytes = text.as_bytes().to_vec();
            bytes[from] += 1;
            assert!(String::from_utf8(bytes).unwrap().parse::<VerifierKey>().is_err());
        }
        for bad in [
            "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
            "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        ] {
            assert!(bad.parse::<VerifierKey>().is_err());
        }
    }

    #[test]
    fn names() {
        for good in ["a", "hallpass.example/audit", "日本"] {
            assert!(is_key_name(good));
        }
        for bad in ["", "a b", "a+b", "a\u{a0}b", "a\nb", "a\u{2003}b", "a\u{7f}"] {
            assert!(!is_key_name(bad), "{bad:?}");
        }
    }
}
