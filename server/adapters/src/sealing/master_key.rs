//! Master keys: their text form, and the keys derived from them.
use data_encoding::{BASE64, BASE64URL_NOPAD, HEXLOWER};
use hallpass_domain::secret::{NoRandomness, random_bytes};
use ring::aead::{AES_256_GCM, LessSafeKey, UnboundKey};
use ring::{hkdf, hmac};
use zeroize::Zeroizing;

/// Why there is no usable master key. Each text says what to do; none of them holds key material.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// There is no file or variable. A new key is never made here: it could open nothing that is stored.
    #[error("no master key in {0}: restore it, or make the first one with `hallpassd init`")]
    Missing(String),
    /// The place of the key could not be read or written.
    #[error("master key {0}: {1}")]
    Io(String, std::io::Error),
    /// Others may read the file.
    #[error("the master key file {0} has mode {1:03o}: other accounts must not read it (chmod 600)")]
    Permissions(String, u32),
    /// Not a regular file.
    #[error("the master key file {0} is not a regular file")]
    NotAFile(String),
    /// A line is not 32 bytes in base64, or is no key at all.
    #[error("the master key in {0}, line {1}: {2}")]
    Form(String, usize, &'static str),
    /// The stored values were sealed under another key.
    #[error("wrong master key: the data was sealed under key {wanted}, and only {held} is here")]
    Wrong {
        /// Id of the key that the data needs.
        wanted: String,
        /// Ids of the keys that were given.
        held: String,
    },
    /// The stored check value cannot be read.
    #[error("the stored master key check is damaged")]
    DamagedCheck,
    /// A key was to be made where one already is.
    #[error("{0} already exists: a master key is never overwritten")]
    Exists(String),
    /// The operating system's random numbers were not available.
    #[error(transparent)]
    NoRandomness(#[from] NoRandomness),
}

/// One master key of 256 bits. What it encrypts with, its id and its check value are derived from it by HKDF
/// (RFC 5869) under different labels, so none of them tells anything of the others.
pub struct MasterKey {
    id: String,
    aead: LessSafeKey,
    check: hmac::Key,
}

/// Length of derived key material, bytes.
struct Bytes(usize);
impl hkdf::KeyType for Bytes {
    fn len(&self) -> usize {
        self.0
    }
}

impl MasterKey {
    /// Takes 32 random bytes in base64. Refuses keys of one repeated byte: they are placeholders.
    ///
    /// # Errors
    /// What is wrong with the text, without the text.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let bytes = Zeroizing::new(
            BASE64
                .decode(text.as_bytes())
                .or_else(|_| BASE64URL_NOPAD.decode(text.as_bytes()))
                .map_err(|_| "not base64")?,
        );
        if bytes.len() != 32 {
            return Err("not 32 bytes");
        }
        if bytes.iter().all(|byte| Some(byte) == bytes.first()) {
            return Err("not random");
        }
        let prk = hkdf::Salt::new(hkdf::HKDF_SHA256, b"hallpass master key v1").extract(&bytes);
        let mut id = [0u8; 8];
        derive(&prk, b"id", &mut id)?;
        let mut seal = Zeroizing::new([0u8; 32]);
        derive(&prk, b"seal", seal.as_mut())?;
        let mut check = Zeroizing::new([0u8; 32]);
        derive(&prk, b"check", check.as_mut())?;
        Ok(Self {
            id: HEXLOWER.encode(&id),
            aead: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, seal.as_ref()).map_err(|_| "not a key")?),
            check: hmac::Key::new(hmac::HMAC_SHA256, check.as_ref()),
        })
    }

    /// Sixteen hexadecimal digits that name the key and tell nothing about it.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    pub(super) const fn aead(&self) -> &LessSafeKey {
        &self.aead
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

fn derive(prk: &hkdf::Prk, label: &[u8], out: &mut [u8]) -> Result<(), &'static str> {
    let info = [label];
    let okm = prk.expand(&info, Bytes(out.len())).map_err(|_| "key derivation failed")?;
    okm.fill(out).map_err(|_| "key derivation failed")
}

/// Text of a new master key: 32 random bytes in base64. Only `init` and `demo` make one.
///
/// # Errors
/// [`NoRandomness`].
pub(super) fn generate() -> Result<Zeroizing<String>, NoRandomness> {
    let bytes = Zeroizing::new(random_bytes::<32>()?);
    Ok(Zeroizing::new(BASE64.encode(bytes.as_ref())))
}

/// The master keys at hand, newest first: the first one seals, all of them open.
#[derive(Debug)]
pub struct MasterKeys {
    newest: MasterKey,
    older: Vec<MasterKey>,
}

impl MasterKeys {
    /// Reads keys, one a line, newest first; empty lines and lines beginning with `#` are skipped.
    ///
    /// # Errors
    /// [`MasterKeyError::Missing`], [`MasterKeyError::Form`]; `place` is named in them.
    pub fn parse(place: &str, text: &str) -> Result<Self, MasterKeyError> {
        let mut keys = text
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
            .map(|(at, line)| {
                MasterKey::parse(line).map_err(|why| MasterKeyError::Form(place.to_owned(), at, why))
            });
        let newest = keys.next().ok_or_else(|| MasterKeyError::Missing(place.to_owned()))??;
        let older = keys.collect::<Result<_, _>>()?;
        Ok(Self { newest, older })
    }

    /// The key that seals.
    #[must_use]
    pub const fn newest(&self) -> &MasterKey {
        &self.newest
    }

    /// How many keys there are.
    #[must_use]
    pub fn count(&self) -> usize {
        1 + self.older.len()
    }

    /// Finds a key by id.
    pub(super) fn find(&self, id: &str) -> Option<&MasterKey> {
        std::iter::once(&self.newest).chain(&self.older).find(|key| key.id == id)
    }

    /// Check value of the newest key, to be stored with the data: `v1.<key id>.<tag>`. Not secret.
    #[must_use]
    pub fn check_value(&self) -> String {
        let tag = hmac::sign(&self.newest.check, self.newest.id.as_bytes());
        format!("v1.{}.{}", self.newest.id, BASE64URL_NOPAD.encode(tag.as_ref()))
    }

    /// Compares with the check value stored with the data, at every start and before anything else is opened.
    /// True when it is the newest key's; false when an older one's: values wait to be sealed again.
    ///
    /// # Errors
    /// [`MasterKeyError::Wrong`], [`MasterKeyError::DamagedCheck`].
    pub fn verify(&self, stored: &str) -> Result<bool, MasterKeyError> {
        let mut parts = stored.split('.');
        let (Some("v1"), Some(id), Some(tag), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MasterKeyError::DamagedCheck);
        };
        let Some(key) = self.find(id) else {
            let held: Vec<&str> =
                std::iter::once(&self.newest).chain(&self.older).map(MasterKey::id).collect();
            return Err(MasterKeyError::Wrong { wanted: id.to_owned(), held: held.join(", ") });
        };
        let tag = BASE64URL_NOPAD.decode(tag.as_bytes()).map_err(|_| MasterKeyError::DamagedCheck)?;
        hmac::verify(&key.check, id.as_bytes(), &tag).map_err(|_| MasterKeyError::DamagedCheck)?;
        Ok(key.id == self.newest.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(lines: &[&str]) -> MasterKeys {
        MasterKeys::parse("test", &lines.join("\n")).unwrap()
    }

    #[test]
    fn a_wrong_key_is_known_at_start() {
        let (old, new, foreign) = (generate().unwrap(), generate().unwrap(), generate().unwrap());
        let stored = keys(&[&old]).check_value();
        assert!(keys(&[&old]).verify(&stored).unwrap());
        assert!(!keys(&["# newest", &new, "", &old]).verify(&stored).unwrap());
        let error = keys(&[&foreign]).verify(&stored).unwrap_err();
        assert!(matches!(error, MasterKeyError::Wrong { .. }), "{error}");
        for damaged in ["", "v1", &stored[..stored.len() - 4], &format!("{stored}.x"), &format!("v2{stored}")]
        {
            assert!(keys(&[&old]).verify(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn text_forms() {
        assert!(matches!(MasterKeys::parse("f", "\n# nothing\n"), Err(MasterKeyError::Missing(_))));
        for bad in ["x", "AAAA", &BASE64.encode(&[7; 32]), &BASE64.encode(&[0; 32]), &BASE64.encode(&[1; 31])]
        {
            let error = MasterKeys::parse("f", &format!("# a\n{bad}")).unwrap_err();
            assert!(matches!(error, MasterKeyError::Form(_, 2, _)), "{error}");
            assert!(!error.to_string().contains(bad) || bad.len() < 5);
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let text = generate().unwrap();
        let keys = keys(&[&text]);
        assert!(!format!("{keys:?}").contains(text.as_str()));
        assert_eq!(keys.newest().id().len(), 16);
    }
}
