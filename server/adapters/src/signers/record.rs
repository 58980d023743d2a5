//! A signing key as it is stored.
use hallpass_domain::Timestamp;
use hallpass_domain::ports::sealer::{SealedAt, Sealer};
use hallpass_domain::ports::token_signer::{PublicJwk, SignError};
use hallpass_domain::target::TokenAlg;
use serde::{Deserialize, Serialize};

use super::key_pair::KeyPair;

/// One key of the ring. Its three instants say when it is published, when it signs, and when it is forgotten.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SigningKeyRecord {
    /// Key id: RFC 7638 thumbprint, also the row that the sealed key is bound to.
    pub id: String,
    /// Algorithm.
    pub alg: TokenAlg,
    /// PKCS#8 in base64url, sealed.
    pub pkcs8: String,
    /// Public half; published from `created_at` on.
    pub public: PublicJwk,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it begins to sign, and goes on until a later key begins.
    pub use_from: Timestamp,
    /// When the last token that it signed has expired everywhere: then it is forgotten. `None` while no later
    /// key exists.
    pub retire_at: Option<Timestamp>,
}

impl SigningKeyRecord {
    /// Makes a key and seals it.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn generate(
        alg: TokenAlg,
        now: Timestamp,
        use_from: Timestamp,
        sealer: &dyn Sealer,
    ) -> Result<Self, SignError> {
        let (pair, clear) = KeyPair::generate(alg)?;
        let id = pair.public().kid.clone();
        let pkcs8 = sealer.seal(sealed_at(&id), &clear).map_err(|e| SignError(e.to_string()))?;
        Ok(Self { id, alg, pkcs8, public: pair.public().clone(), created_at: now, use_from, retire_at: None })
    }

    /// Opens the private key, and checks that it is the one that is published.
    ///
    /// # Errors
    /// [`SignError`]: a wrong master key, or a record that was put together from two.
    pub fn open(&self, sealer: &dyn Sealer) -> Result<KeyPair, SignError> {
        let clear = sealer.open(sealed_at(&self.id), &self.pkcs8).map_err(|e| SignError(e.to_string()))?;
        let pair = KeyPair::from_pkcs8(self.alg, &clear)?;
        if *pair.public() != self.public || self.public.kid != self.id {
            return Err(SignError(format!("key {} is not the key of its public half", self.id)));
        }
        Ok(pair)
    }

    /// Seals the private key again, under the newest master key.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn seal_again(&mut self, sealer: &dyn Sealer) -> Result<(), SignError> {
        let at = sealed_at(&self.id);
        let clear = sealer.open(at, &self.pkcs8).map_err(|e| SignError(e.to_string()))?;
        self.pkcs8 = sealer.seal(at, &clear).map_err(|e| SignError(e.to_string()))?;
        Ok(())
    }

    /// True while a verifier may need it, or will.
    #[must_use]
    pub fn is_published(&self, now: Timestamp) -> bool {
        self.retire_at.is_none_or(|end| now < end)
    }
}

fn sealed_at(id: &str) -> SealedAt<'_> {
    SealedAt { table: "signing_keys", row: id, column: "pkcs8" }
}
