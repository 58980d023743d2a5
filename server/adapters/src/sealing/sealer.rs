//! The envelope of values at rest: `v1.<key id>.<nonce>.<ciphertext and tag>`, AES-256-GCM (NIST SP 800-38D).
use data_encoding::BASE64URL_NOPAD;
use hallpass_domain::ports::sealer::{SealError, SealedAt, Sealer};
use hallpass_domain::secret::random_bytes;
use ring::aead::{Aad, NONCE_LEN, Nonce};
use secrecy::{ExposeSecret, SecretString};
use zeroize::{Zeroize, Zeroizing};

use super::master_key::{MasterKey, MasterKeys};

/// Seals under the newest master key and opens under any. Nonces are 96 random bits: a key may seal 2^32 values
/// (SP 800-38D §8.3), which is far from reach for keys, passwords and seeds.
#[derive(Debug)]
pub struct AeadSealer {
    keys: MasterKeys,
}

impl AeadSealer {
    /// A sealer under these keys.
    #[must_use]
    pub const fn new(keys: MasterKeys) -> Self {
        Self { keys }
    }

    /// The keys, for the check value.
    #[must_use]
    pub const fn keys(&self) -> &MasterKeys {
        &self.keys
    }

    /// True where a value is sealed under an older key, and so should be sealed again.
    #[must_use]
    pub fn is_outdated(&self, sealed: &str) -> bool {
        sealed.split('.').nth(1) != Some(self.keys.newest().id())
    }

    /// Opens a value and seals it under the newest key.
    ///
    /// # Errors
    /// [`SealError`].
    pub fn seal_again(&self, at: SealedAt<'_>, sealed: &str) -> Result<String, SealError> {
        self.seal(at, &self.open(at, sealed)?)
    }
}

/// Key id and place, each with its length in front, so that no two places give the same bytes.
fn additional_data(key: &MasterKey, at: SealedAt<'_>) -> Vec<u8> {
    let mut data = b"hallpass sealed v1".to_vec();
    for part in [key.id(), at.table, at.row, at.column] {
        data.extend_from_slice(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        data.extend_from_slice(part.as_bytes());
    }
    data
}

fn error(at: SealedAt<'_>, what: &str) -> SealError {
    SealError(format!("{}.{} of {}: {what}", at.table, at.column, at.row))
}

impl Sealer for AeadSealer {
    fn seal(&self, at: SealedAt<'_>, clear: &SecretString) -> Result<String, SealError> {
        let key = self.keys.newest();
        let nonce = random_bytes::<NONCE_LEN>().map_err(|e| error(at, &e.to_string()))?;
        let clear = clear.expose_secret().as_bytes();
        // Room for the tag: growing would leave a copy of the clear text behind.
        let mut bytes = Zeroizing::new(Vec::with_capacity(clear.len() + 16));
        bytes.extend_from_slice(clear);
        key.aead()
            .seal_in_place_append_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(additional_data(key, at)),
                &mut *bytes,
            )
            .map_err(|_| error(at, "could not be sealed"))?;
        let (nonce, text) = (BASE64URL_NOPAD.encode(&nonce), BASE64URL_NOPAD.encode(&bytes));
        Ok(format!("v1.{}.{nonce}.{text}", key.id()))
    }

    fn open(&self, at: SealedAt<'_>, sealed: &str) -> Result<SecretString, SealError> {
        let mut parts = sealed.split('.');
        let (Some("v1"), Some(id), Some(nonce), Some(text), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(error(at, "not a sealed value"));
        };
        let key =
            self.keys.find(id).ok_or_else(|| error(at, "sealed under a master key that is not here"))?;
        let decode = |part: &str| {
            BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| error(at, "damaged sealed value"))
        };
        let nonce = <[u8; NONCE_LEN]>::try_from(decode(nonce)?.as_slice())
            .map_err(|_| error(at, "damaged sealed value"))?;
        let mut bytes = decode(text)?;
        let opened = key
            .aead()
            .open_in_place(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(additional_data(key, at)),
                &mut bytes,
            )
            .map(|clear| clear.len());
        let Ok(length) = opened else {
            bytes.zeroize();
            return Err(error(at, "changed, moved, or sealed under another key"));
        };
        bytes.truncate(length);
        String::from_utf8(bytes).map(SecretString::from).map_err(|wrong| {
            wrong.into_bytes().zeroize();
            error(at, "is not text")
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::master_key::generate;
    use super::*;

    const AT: SealedAt<'static> = SealedAt { table: "targets", row: "7", column: "secret" };

    fn sealer(keys: &[&str]) -> AeadSealer {
        AeadSealer::new(MasterKeys::parse("test", &keys.join("\n")).unwrap())
    }

    #[test]
    fn opens_only_where_it_was_sealed() {
        let sealer = sealer(&[&generate().unwrap()]);
        let clear = SecretString::from("pässword");
        let sealed = sealer.seal(AT, &clear).unwrap();
        assert_eq!(sealer.open(AT, &sealed).unwrap().expose_secret(), "pässword");
        assert_ne!(sealed, sealer.seal(AT, &clear).unwrap(), "a nonce is never used twice");
        for elsewhere in [
            SealedAt { table: "target", ..AT },
            SealedAt { row: "8", ..AT },
            SealedAt { column: "secret2", ..AT },
            SealedAt { table: "targets7", row: "", ..AT },
        ] {
            assert!(sealer.open(elsewhere, &sealed).is_err());
        }
    }

    #[test]
    fn any_change_is_noticed_and_nothing_is_told() {
        let sealer = sealer(&[&generate().unwrap()]);
        let sealed = sealer.seal(AT, &SecretString::from("hunter2")).unwrap();
        for at in 0..sealed.len() {
            let mut bytes = sealed.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            let text = String::from_utf8(bytes).unwrap();
            let error = sealer.open(AT, &text).unwrap_err().to_string();
            assert!(!error.contains("hunter2") && !error.contains(&text), "{error}");
        }
        for bad in ["", "v1", "v1...", "v2.a.b.c", &sealed[..sealed.len() - 1], &format!("{sealed}.")] {
            assert!(sealer.open(AT, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rotation_opens_old_values_and_seals_with_the_newest() {
        let (old, new) = (generate().unwrap(), generate().unwrap());
        let sealed = sealer(&[&old]).seal(AT, &SecretString::from("x")).unwrap();
        let both = sealer(&[&new, &old]);
        assert!(both.is_outdated(&sealed));
        let again = both.seal_again(AT, &sealed).unwrap();
        assert!(!both.is_outdated(&again));
        assert_eq!(sealer(&[&new]).open(AT, &again).unwrap().expose_secret(), "x");
        assert!(sealer(&[&new]).open(AT, &sealed).is_err());
    }
}
