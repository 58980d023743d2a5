//! Hashing of the audit tree: RFC 6962 §2.1 with SHA-256.

use std::fmt;
use std::str::FromStr;

use data_encoding::{BASE64, HEXLOWER};
use ring::digest::{Context, SHA256};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A SHA-256 value: a leaf, a node, a root or a commitment. Written as 64 lower-case hex digits in JSON and
/// text of our own, and as padded base64 (RFC 4648 §4) in C2SP files.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hash([u8; 32]);

/// A text that is not a hash in the expected form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a SHA-256 hash in its one accepted spelling")]
pub struct HashError;

impl Hash {
    /// Takes 32 bytes as they are.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// SHA-256 over the parts, one after the other. Callers make sure that the parts cannot be cut
    /// differently: fixed lengths or a prefix byte.
    #[must_use]
    pub fn of_parts(parts: &[&[u8]]) -> Self {
        let mut context = Context::new(&SHA256);
        for part in parts {
            context.update(part);
        }
        let mut out = [0; 32];
        out.copy_from_slice(context.finish().as_ref());
        Self(out)
    }

    /// Padded base64, the form of C2SP tlog-checkpoint and tlog-proof.
    #[must_use]
    pub fn to_base64(self) -> String {
        BASE64.encode(&self.0)
    }

    /// Reads padded base64. Bits beyond the 32 bytes must be zero, so that a hash has one spelling.
    ///
    /// # Errors
    /// [`HashError`] for anything else.
    pub fn from_base64(text: &str) -> Result<Self, HashError> {
        Self::from_slice(&BASE64.decode(text.as_bytes()).map_err(|_| HashError)?)
    }

    /// Takes a slice of exactly 32 bytes, such as a database column.
    ///
    /// # Errors
    /// [`HashError`] for another length.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, HashError> {
        Ok(Self(bytes.try_into().map_err(|_| HashError)?))
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

impl FromStr for Hash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        Self::from_slice(&HEXLOWER.decode(text.as_bytes()).map_err(|_| HashError)?)
    }
}

impl Serialize for Hash {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Hash {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// The root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
#[must_use]
pub fn empty_root() -> Hash {
    Hash::of_parts(&[])
}

/// `SHA-256(0x00 || entry)` (RFC 6962 §2.1). The prefix keeps an entry from passing as a node.
#[must_use]
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Hash::of_parts(&[&[0x00], entry])
}

/// `SHA-256(0x01 || left || right)` (RFC 6962 §2.1).
#[must_use]
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Hash::of_parts(&[&[0x01], &left.0, &right.0])
}

/// The root over leaf hashes, in order (RFC 6962 §2.1, `MTH`).
#[must_use]
pub fn root_of(leaves: &[Hash]) -> Hash {
    let mut frontier = super::frontier::Frontier::new();
    for leaf in leaves {
        frontier.append(*leaf);
    }
    frontier.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The hasher vectors of github.com/transparency-dev/merkle, `rfc6962/rfc6962_test.go`.
    #[test]
    fn published_hasher_vectors() {
        assert_eq!(
            empty_root().to_string(),
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
        assert_eq!(
            leaf_hash(b"").to_string(),
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
        );
        assert_eq!(
            leaf_hash(b"L123456").to_string(),
            "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56"
        );
        // The published node vector hashes short strings, which `node_hash` cannot take.
        assert_eq!(
            Hash::of_parts(&[&[1], b"N123", b"N456"]).to_string(),
            "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb"
        );
    }

    #[test]
    fn one_spelling_only() {
        let hash = leaf_hash(b"x");
        assert_eq!(hash.to_string().parse(), Ok(hash));
        assert_eq!(Hash::from_base64(&hash.to_base64()), Ok(hash));
        assert!(hash.to_string().to_uppercase().parse::<Hash>().is_err());
        assert!(hash.to_string().get(2..).unwrap().parse::<Hash>().is_err());
        assert!(Hash::from_base64(hash.to_base64().trim_end_matches('=')).is_err());
        // "…B=" instead of "…A=": the same 32 bytes with a stray bit set.
        let zero = Hash::from_bytes([0; 32]).to_base64();
        assert!(Hash::from_base64(&zero.replace("A=", "B=")).is_err());
        let json = serde_json::to_string(&hash).unwrap();
        assert_eq!(serde_json::from_str::<Hash>(&json).unwrap(), hash);
    }
}
