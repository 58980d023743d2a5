//! Machine secrets: 256 random bits with a recognisable prefix, stored only as SHA-256.
use data_encoding::BASE64URL_NOPAD;
use ring::digest::{SHA256, digest};
use ring::rand::{SecureRandom, SystemRandom};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

/// SHA-256 of a secret's exact bytes. Not reversible: the secret has 256 bits of entropy.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SecretHash(pub [u8; 32]);

impl SecretHash {
    /// Hashes the exact bytes that were presented.
    pub fn of(secret: &str) -> Self {
        let mut out = [0u8; 32];
        out.copy_from_slice(digest(&SHA256, secret.as_bytes()).as_ref());
        Self(out)
    }
    /// Lower-case hexadecimal.
    pub fn hex(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}
impl std::fmt::Debug for SecretHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretHash({}…)", self.hex().get(..8).unwrap_or(""))
    }
}
impl Serialize for SecretHash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.hex())
    }
}
impl<'de> Deserialize<'de> for SecretHash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        data_encoding::HEXLOWER
            .decode(text.as_bytes())
            .ok()
            .and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok())
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom("64 hexadecimal digits expected"))
    }
}

/// The operating system's random numbers were not available: nothing secret can be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the system's random number generator failed")]
pub struct NoRandomness;

/// `N` random bytes from the operating system.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], NoRandomness> {
    let mut bytes = [0u8; N];
    SystemRandom::new().fill(&mut bytes).map_err(|_| NoRandomness)?;
    Ok(bytes)
}

/// A new secret `<prefix>_<43 characters>` (256 bits) and its hash. Prefixes (`hps`, `hpc`, `hpa`, `hpd`, `hpf`) let scanners find leaks.
pub fn new_secret(prefix: &str) -> Result<(SecretString, SecretHash), NoRandomness> {
    let text = format!("{prefix}_{}", BASE64URL_NOPAD.encode(&random_bytes::<32>()?));
    let hash = SecretHash::of(&text);
    Ok((SecretString::from(text), hash))
}

/// `length` characters of `[A-Za-z0-9]`, each uniform (5.95 bits): 24 characters give 142 bits.
pub fn random_alphanumeric(length: usize) -> Result<String, NoRandomness> {
    const ALPHABET: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    random_from(ALPHABET, length)
}

/// `length` characters from `alphabet` (at most 256 of them), each uniform by rejection.
pub fn random_from(alphabet: &[u8], length: usize) -> Result<String, NoRandomness> {
    let limit = 256 - 256 % alphabet.len().max(1);
    let mut out = String::with_capacity(length);
    while out.len() < length {
        for byte in random_bytes::<64>()? {
            let byte = usize::from(byte);
            if byte < limit
                && out.len() < length
                && let Some(c) = alphabet.get(byte % alphabet.len().max(1))
            {
                out.push(char::from(*c));
            }
        }
    }
    Ok(out)
}
