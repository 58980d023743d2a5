//! The key that signs the audit log's checkpoints (C2SP signed-note, Ed25519). Used for nothing else.
use data_encoding::BASE64URL_NOPAD;
use hallpass_domain::audit::NoteSigner;
use hallpass_domain::ports::sealer::{SealedAt, Sealer};
use hallpass_domain::ports::token_signer::SignError;
use hallpass_domain::secret::random_bytes;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// The checkpoint key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckpointKeyRecord {
    /// Key name: the log's origin. Also the row that the sealed seed is bound to.
    pub name: String,
    /// Seed of 32 bytes (RFC 8032 §5.1.5) in base64url, sealed.
    pub seed: String,
    /// Verifier key `name+hash+key`, to be handed to whoever checks the log.
    pub verifier: String,
}

fn sealed_at(name: &str) -> SealedAt<'_> {
    SealedAt { table: "checkpoint_keys", row: name, column: "seed" }
}

impl CheckpointKeyRecord {
    /// Makes a key and seals it.
    ///
    /// # Errors
    /// [`SignError`]: no randomness, or a name that cannot be one (empty, with spaces or `+`).
    pub fn generate(name: &str, sealer: &dyn Sealer) -> Result<Self, SignError> {
        let seed = Zeroizing::new(random_bytes::<32>().map_err(|e| SignError(e.to_string()))?);
        let signer = signer(name, seed.as_ref())?;
        let clear = SecretString::from(BASE64URL_NOPAD.encode(seed.as_ref()));
        let sealed = sealer.seal(sealed_at(name), &clear).map_err(|e| SignError(e.to_string()))?;
        Ok(Self { name: name.to_owned(), seed: sealed, verifier: signer.verifier().to_string() })
    }

    /// Seals the seed again, under the newest master key.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn seal_again(&mut self, sealer: &dyn Sealer) -> Result<(), SignError> {
        let at = sealed_at(&self.name);
        let clear = sealer.open(at, &self.seed).map_err(|e| SignError(e.to_string()))?;
        self.seed = sealer.seal(at, &clear).map_err(|e| SignError(e.to_string()))?;
        Ok(())
    }

    /// Opens the seed, and checks that it is the one of the stored verifier key.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn open(&self, sealer: &dyn Sealer) -> Result<NoteSigner, SignError> {
        let clear = sealer.open(sealed_at(&self.name), &self.seed).map_err(|e| SignError(e.to_string()))?;
        let seed = BASE64URL_NOPAD
            .decode(clear.expose_secret().as_bytes())
            .map(Zeroizing::new)
            .map_err(|_| SignError("the checkpoint key is not base64url".to_owned()))?;
        let signer = signer(&self.name, &seed)?;
        if signer.verifier().to_string() == self.verifier {
            Ok(signer)
        } else {
            Err(SignError("the checkpoint key is not that of its verifier key".to_owned()))
        }
    }
}

fn signer(name: &str, seed: &[u8]) -> Result<NoteSigner, SignError> {
    NoteSigner::from_seed(name, seed).map_err(|e| SignError(format!("checkpoint key: {e}")))
}

#[cfg(test)]
mod tests {
    use hallpass_domain::audit::note;

    use super::*;
    use crate::sealing::{AeadSealer, MasterKeys};

    #[test]
    fn a_stored_key_signs_what_its_verifier_key_opens() {
        let master = data_encoding::BASE64.encode(&random_bytes::<32>().unwrap());
        let sealer = AeadSealer::new(MasterKeys::parse("test", &master).unwrap());
        let record = CheckpointKeyRecord::generate("hallpass.example/audit", &sealer).unwrap();
        let record: CheckpointKeyRecord =
            serde_json::from_str(&serde_json::to_string(&record).unwrap()).unwrap();
        let signed =
            note::sign("hallpass.example/audit\n0\nAA==\n", &[&record.open(&sealer).unwrap()]).unwrap();
        assert!(note::open(&signed, &[record.verifier.parse().unwrap()]).is_ok());

        let other = CheckpointKeyRecord::generate("hallpass.example/audit", &sealer).unwrap();
        assert!(CheckpointKeyRecord { verifier: other.verifier, ..record.clone() }.open(&sealer).is_err());
        assert!(CheckpointKeyRecord { name: "other".to_owned(), ..record }.open(&sealer).is_err());
        assert!(CheckpointKeyRecord::generate("a b", &sealer).is_err());
    }
}
