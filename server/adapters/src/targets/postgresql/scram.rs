//! SCRAM-SHA-256 verifiers (RFC 5802 §3, RFC 7677) in the form that PostgreSQL stores: the server, its logs and its
//! statistics never see the password.
use std::num::NonZeroU32;

use data_encoding::BASE64;
use hallpass_domain::secret::{NoRandomness, random_bytes};
use ring::{digest, hmac, pbkdf2};
use secrecy::{ExposeSecret, SecretString};

/// Rounds of PBKDF2: PostgreSQL's own default. Our passwords carry 128 bits and more, so that rounds add nothing.
const ITERATIONS: NonZeroU32 = NonZeroU32::MIN.saturating_add(4095);

/// `SCRAM-SHA-256$4096:<salt>$<StoredKey>:<ServerKey>` with a fresh salt. The password must be ASCII, so that SASLprep
/// (RFC 4013) leaves it as it is.
///
/// # Errors
/// Where the system has no randomness.
pub fn verifier(password: &SecretString) -> Result<String, NoRandomness> {
    let salt = random_bytes::<16>()?;
    let (stored_key, server_key) = keys(password.expose_secret().as_bytes(), &salt);
    Ok(format!(
        "SCRAM-SHA-256${ITERATIONS}:{}${}:{}",
        BASE64.encode(&salt),
        BASE64.encode(stored_key.as_ref()),
        BASE64.encode(server_key.as_ref())
    ))
}

/// StoredKey and ServerKey (RFC 5802 §3).
fn keys(password: &[u8], salt: &[u8]) -> (digest::Digest, hmac::Tag) {
    let mut salted = [0u8; digest::SHA256_OUTPUT_LEN];
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, ITERATIONS, salt, password, &mut salted);
    let key = hmac::Key::new(hmac::HMAC_SHA256, &salted);
    let client_key = hmac::sign(&key, b"Client Key");
    (digest::digest(&digest::SHA256, client_key.as_ref()), hmac::sign(&key, b"Server Key"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The exchange of RFC 7677 §3: user `user`, password `pencil`.
    #[test]
    fn published_vector() {
        let salt = BASE64.decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let (stored_key, server_key) = keys(b"pencil", &salt);
        let auth = b"n=user,r=rOprNGfwEbeRWgbNEkqO,\
            r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
            c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let server = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, server_key.as_ref()), auth);
        assert_eq!(BASE64.encode(server.as_ref()), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
        // ClientKey = ClientProof XOR ClientSignature, and its hash is StoredKey.
        let proof = BASE64.decode(b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
        let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, stored_key.as_ref()), auth);
        let client_key: Vec<u8> = proof.iter().zip(signature.as_ref()).map(|(a, b)| a ^ b).collect();
        assert_eq!(digest::digest(&digest::SHA256, &client_key).as_ref(), stored_key.as_ref());
    }

    #[test]
    fn salts_differ() {
        let password = SecretString::from("x".repeat(24));
        assert_ne!(verifier(&password).unwrap(), verifier(&password).unwrap());
    }
}
