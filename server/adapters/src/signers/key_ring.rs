//! The signer that the use cases have: private keys opened once, replaced whole when the records change.
use std::sync::{Arc, PoisonError, RwLock};

use chrono::DateTime;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::sealer::Sealer;
use hallpass_domain::ports::token_signer::{PublicJwk, SignError, TokenSigner};
use hallpass_domain::target::TokenAlg;

use super::key_pair::KeyPair;
use super::record::SigningKeyRecord;

struct Loaded {
    record: SigningKeyRecord,
    pair: KeyPair,
}

/// Signs with the newest usable key of an algorithm, and publishes every key that a verifier may need.
pub struct KeyRing {
    // Replaced whole, a few times a year. A signature holds the lock for one reference count, not while it signs.
    keys: RwLock<Arc<[Loaded]>>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.keys().iter().map(|key| &key.pair)).finish()
    }
}

impl KeyRing {
    /// Opens the keys of these records.
    ///
    /// # Errors
    /// [`SignError`], naming the key: a key that does not open is never left out silently.
    pub fn open(records: &[SigningKeyRecord], sealer: &dyn Sealer) -> Result<Self, SignError> {
        Ok(Self { keys: RwLock::new(load(records, sealer)?) })
    }

    /// Takes up changed records, after a rotation here or on another replica. On an error the old keys stay.
    ///
    /// # Errors
    /// [`SignError`].
    pub fn replace(&self, records: &[SigningKeyRecord], sealer: &dyn Sealer) -> Result<(), SignError> {
        let keys = load(records, sealer)?;
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) = keys;
        Ok(())
    }

    /// The records of the keys in use, for rotation and storage.
    #[must_use]
    pub fn records(&self) -> Vec<SigningKeyRecord> {
        self.keys().iter().map(|key| key.record.clone()).collect()
    }

    fn keys(&self) -> Arc<[Loaded]> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }
}

fn load(records: &[SigningKeyRecord], sealer: &dyn Sealer) -> Result<Arc<[Loaded]>, SignError> {
    records.iter().map(|record| Ok(Loaded { pair: record.open(sealer)?, record: record.clone() })).collect()
}

/// A token must not outlive the key that verifies it.
fn refuse_longer_than(key: &SigningKeyRecord, claims: &serde_json::Value) -> Result<(), SignError> {
    let Some(end) = key.retire_at else { return Ok(()) };
    let exp = claims.get("exp").and_then(serde_json::Value::as_i64);
    match exp.and_then(|exp| DateTime::from_timestamp(exp, 0)) {
        Some(exp) if exp <= end => Ok(()),
        Some(_) => {
            Err(SignError("the token would outlive its key: longest_token is set too short".to_owned()))
        }
        None => Err(SignError("the token has no exp".to_owned())),
    }
}

impl TokenSigner for KeyRing {
    fn sign_jwt(
        &self,
        alg: TokenAlg,
        typ: &str,
        claims: &serde_json::Value,
        now: Timestamp,
    ) -> Result<String, SignError> {
        let keys = self.keys();
        let key = keys
            .iter()
            .filter(|key| key.record.alg == alg && key.record.use_from <= now && key.record.is_published(now))
            .max_by_key(|key| key.record.use_from)
            .ok_or_else(|| SignError(format!("there is no {} key in use", alg.as_str())))?;
        refuse_longer_than(&key.record, claims)?;
        key.pair.sign_jwt(typ, claims)
    }

    fn published(&self, now: Timestamp) -> Vec<PublicJwk> {
        let keys = self.keys();
        keys.iter().filter(|key| key.record.is_published(now)).map(|key| key.record.public.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use serde_json::{Value, json};

    use super::super::rotation::RotationPolicy;
    use super::super::verify::{Expected, verify_access_token};
    use super::*;
    use crate::sealing::{AeadSealer, MasterKeys};

    const POLICY: RotationPolicy = RotationPolicy {
        publish_ahead: TimeDelta::minutes(10),
        use_for: TimeDelta::days(30),
        longest_token: TimeDelta::minutes(15),
    };

    fn sealer() -> AeadSealer {
        let key = data_encoding::BASE64.encode(&hallpass_domain::secret::random_bytes::<32>().unwrap());
        AeadSealer::new(MasterKeys::parse("test", &key).unwrap())
    }

    fn at(minutes: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + minutes * 60, 0).unwrap()
    }

    fn claims(exp: Timestamp) -> Value {
        json!({
            "iss": "https://hallpass.example", "aud": "https://api.example", "sub": "user:1", "client_id": "c",
            "iat": exp.timestamp() - 60, "exp": exp.timestamp(), "jti": "j"
        })
    }

    fn expected(now: Timestamp) -> Expected<'static> {
        Expected { issuer: "https://hallpass.example", audience: "https://api.example", now }
    }

    fn kid(token: &str) -> String {
        let header =
            data_encoding::BASE64URL_NOPAD.decode(token.split('.').next().unwrap().as_bytes()).unwrap();
        serde_json::from_slice::<Value>(&header).unwrap()["kid"].as_str().unwrap().to_owned()
    }

    #[test]
    fn signs_what_the_published_keys_verify() {
        let sealer = sealer();
        let records = POLICY.first_keys(&[TokenAlg::EdDsa, TokenAlg::Es256], at(0), &sealer).unwrap();
        let stored = serde_json::to_string(&records).unwrap();
        let records: Vec<SigningKeyRecord> = serde_json::from_str(&stored).unwrap();
        let ring = KeyRing::open(&records, &sealer).unwrap();
        for alg in [TokenAlg::EdDsa, TokenAlg::Es256] {
            let token = ring.sign_jwt(alg, "at+jwt", &claims(at(5)), at(0)).unwrap();
            let read = verify_access_token(&token, &ring.published(at(1)), &expected(at(1))).unwrap();
            assert_eq!(read["sub"], "user:1");
            assert!(verify_access_token(&token, &ring.published(at(5)), &expected(at(5))).is_err());
        }
        assert!(KeyRing::open(&records, &super::tests::sealer()).is_err(), "another master key");
    }

    #[test]
    fn a_successor_is_published_before_it_signs_and_the_old_key_outlasts_its_tokens() {
        let sealer = sealer();
        let mut records = POLICY.first_keys(&[TokenAlg::EdDsa], at(0), &sealer).unwrap();
        let old = records[0].id.clone();
        assert!(!POLICY.is_due(&records, TokenAlg::EdDsa, at(1)));
        assert!(POLICY.is_due(&records, TokenAlg::Es256, at(1)));
        let day30 = 30 * 24 * 60 - 10;
        assert!(POLICY.is_due(&records, TokenAlg::EdDsa, at(day30)));
        POLICY.rotate(&mut records, TokenAlg::EdDsa, at(day30), &sealer).unwrap();
        assert!(!POLICY.is_due(&records, TokenAlg::EdDsa, at(day30)));
        let ring = KeyRing::open(&records, &sealer).unwrap();
        let sign =
            |now: i64| ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &claims(at(now + 15)), at(now)).unwrap();
        assert_eq!(ring.published(at(day30)).len(), 2, "published ahead of its use");
        assert_eq!(kid(&sign(day30)), old);
        let last = sign(day30 + 9);
        assert_eq!(kid(&last), old);
        assert_ne!(kid(&sign(day30 + 10)), old);
        // The last token of the old key verifies until the instant it expires, and then the key is forgotten.
        let end = at(day30 + 24) + TimeDelta::milliseconds(59_999);
        assert!(verify_access_token(&last, &ring.published(end), &expected(at(day30 + 23))).is_ok());
        assert_eq!(ring.published(at(day30 + 25)).len(), 1);
        let mut records = ring.records();
        assert!(POLICY.forget(&mut records, at(day30 + 25)));
        assert!(!POLICY.forget(&mut records, at(day30 + 25)));
        ring.replace(&records, &sealer).unwrap();
        assert_ne!(ring.published(at(day30)).first().unwrap().kid, old);
    }

    #[test]
    fn an_operators_successor_is_published_everywhere_before_it_signs() {
        let sealer = sealer();
        let mut records = POLICY.first_keys(&[TokenAlg::EdDsa], at(0), &sealer).unwrap();
        let old = records[0].id.clone();
        POLICY.rotate_now(&mut records, TokenAlg::EdDsa, at(1), &sealer).unwrap();
        let ring = KeyRing::open(&records, &sealer).unwrap();
        assert_eq!(ring.published(at(1)).len(), 2);
        let spread = at(1) + RotationPolicy::SPREAD;
        let sign = |now| kid(&ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &claims(at(5)), now).unwrap());
        assert_eq!(sign(spread - TimeDelta::milliseconds(1)), old);
        assert_ne!(sign(spread), old);
    }

    #[test]
    fn no_token_outlives_its_key() {
        let sealer = sealer();
        let mut records = POLICY.first_keys(&[TokenAlg::EdDsa], at(0), &sealer).unwrap();
        POLICY.rotate(&mut records, TokenAlg::EdDsa, at(0), &sealer).unwrap();
        let ring = KeyRing::open(&records, &sealer).unwrap();
        assert!(ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &claims(at(25)), at(0)).is_ok());
        assert!(ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &claims(at(26)), at(0)).is_err());
        assert!(ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &json!({}), at(0)).is_err());
        assert!(ring.sign_jwt(TokenAlg::Es256, "at+jwt", &claims(at(1)), at(0)).is_err());
    }

    #[test]
    fn a_known_key_is_dropped_at_once() {
        let sealer = sealer();
        let mut records = POLICY.first_keys(&[TokenAlg::EdDsa, TokenAlg::Es256], at(0), &sealer).unwrap();
        let ring = KeyRing::open(&records, &sealer).unwrap();
        let token = ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &claims(at(5)), at(0)).unwrap();
        POLICY.replace_at_once(&mut records, TokenAlg::EdDsa, at(1), &sealer).unwrap();
        ring.replace(&records, &sealer).unwrap();
        assert_eq!(ring.published(at(1)).len(), 2);
        assert!(verify_access_token(&token, &ring.published(at(1)), &expected(at(1))).is_err());
        assert!(ring.sign_jwt(TokenAlg::EdDsa, "at+jwt", &claims(at(5)), at(1)).is_ok());
    }

    #[test]
    fn a_record_put_together_from_two_does_not_open() {
        let sealer = sealer();
        let records = POLICY.first_keys(&[TokenAlg::EdDsa, TokenAlg::EdDsa], at(0), &sealer).unwrap();
        let mut mixed = records[0].clone();
        mixed.public = records[1].public.clone();
        assert!(mixed.open(&sealer).is_err());
        mixed.id = mixed.public.kid.clone();
        assert!(mixed.open(&sealer).is_err());
        let mut again = records[0].clone();
        again.seal_again(&sealer).unwrap();
        assert_ne!(again.pkcs8, records[0].pkcs8);
        assert!(again.open(&sealer).is_ok());
    }
}
