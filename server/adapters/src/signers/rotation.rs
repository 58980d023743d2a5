//! When keys are made, used and forgotten. Pure: records in, records out; the caller stores them.
use chrono::TimeDelta;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::sealer::Sealer;
use hallpass_domain::ports::token_signer::SignError;
use hallpass_domain::target::TokenAlg;

use super::record::SigningKeyRecord;

/// Times of a key's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RotationPolicy {
    /// How long a key is published before its first use: at least as long as verifiers keep the JWKS.
    pub publish_ahead: TimeDelta,
    /// Age, from its first use, at which a key gets a successor.
    pub use_for: TimeDelta,
    /// The longest life of a token plus the largest leeway of a verifier: how long a key is kept after its last
    /// signature.
    pub longest_token: TimeDelta,
}

impl Default for RotationPolicy {
    /// An hour ahead, thirty days of use, and a day for the longest token.
    fn default() -> Self {
        Self {
            publish_ahead: TimeDelta::hours(1),
            use_for: TimeDelta::days(30),
            longest_token: TimeDelta::days(1),
        }
    }
}

impl RotationPolicy {
    /// How long every server on the database may take to publish a key before one of them signs with it: each looks once a
    /// second.
    pub const SPREAD: TimeDelta = TimeDelta::seconds(5);

    /// The first keys, usable at once: nobody holds an older JWKS.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn first_keys(
        &self,
        algs: &[TokenAlg],
        now: Timestamp,
        sealer: &dyn Sealer,
    ) -> Result<Vec<SigningKeyRecord>, SignError> {
        algs.iter().map(|alg| SigningKeyRecord::generate(*alg, now, now, sealer)).collect()
    }

    /// True where the newest key of an algorithm is old enough for a successor, or there is none.
    #[must_use]
    pub fn is_due(&self, keys: &[SigningKeyRecord], alg: TokenAlg, now: Timestamp) -> bool {
        newest(keys, alg).is_none_or(|key| key.use_from + self.use_for - self.publish_ahead <= now)
    }

    /// Gives an algorithm a successor that is published now and signs after `publish_ahead`. Until then the
    /// present key signs on; it is kept until the last token it may sign has expired. Forgets retired keys.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn rotate(
        &self,
        keys: &mut Vec<SigningKeyRecord>,
        alg: TokenAlg,
        now: Timestamp,
        sealer: &dyn Sealer,
    ) -> Result<(), SignError> {
        let ahead = if newest(keys, alg).is_some() { self.publish_ahead } else { TimeDelta::zero() };
        self.succeed(keys, alg, (now, now + ahead), sealer)
    }

    /// As [`Self::rotate`], and the successor signs after [`Self::SPREAD`]: for an operator who does not wait. Verifiers that keep
    /// the JWKS meet it when they read that again.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn rotate_now(
        &self,
        keys: &mut Vec<SigningKeyRecord>,
        alg: TokenAlg,
        now: Timestamp,
        sealer: &dyn Sealer,
    ) -> Result<(), SignError> {
        self.succeed(keys, alg, (now, now + Self::SPREAD), sealer)
    }

    fn succeed(
        &self,
        keys: &mut Vec<SigningKeyRecord>,
        alg: TokenAlg,
        (now, use_from): (Timestamp, Timestamp),
        sealer: &dyn Sealer,
    ) -> Result<(), SignError> {
        let next = SigningKeyRecord::generate(alg, now, use_from, sealer)?;
        let last_needed = next.use_from + self.longest_token;
        for key in keys.iter_mut().filter(|key| key.alg == alg) {
            // A waiting successor that never signed is replaced too: nothing needs it sooner than this.
            key.retire_at = Some(key.retire_at.map_or(last_needed, |end| end.min(last_needed)));
        }
        keys.push(next);
        self.forget(keys, now);
        Ok(())
    }

    /// For a key that may be known to others: every key of the algorithm is dropped at once, and a new one signs
    /// from now. Tokens of the old keys stop verifying wherever the JWKS is read again.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn replace_at_once(
        &self,
        keys: &mut Vec<SigningKeyRecord>,
        alg: TokenAlg,
        now: Timestamp,
        sealer: &dyn Sealer,
    ) -> Result<(), SignError> {
        let next = SigningKeyRecord::generate(alg, now, now, sealer)?;
        keys.retain(|key| key.alg != alg);
        keys.push(next);
        Ok(())
    }

    /// Drops keys whose last token has expired. True where one was dropped, so that the caller stores the rest.
    pub fn forget(&self, keys: &mut Vec<SigningKeyRecord>, now: Timestamp) -> bool {
        let before = keys.len();
        keys.retain(|key| key.is_published(now));
        keys.len() != before
    }
}

fn newest(keys: &[SigningKeyRecord], alg: TokenAlg) -> Option<&SigningKeyRecord> {
    keys.iter().filter(|key| key.alg == alg).max_by_key(|key| key.use_from)
}
