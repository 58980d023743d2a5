//! Private keys of tokens, as ring holds them.
use data_encoding::BASE64URL_NOPAD;
use hallpass_domain::ports::token_signer::{PublicJwk, SignError};
use hallpass_domain::target::TokenAlg;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use super::jwk::public_jwk;

enum Private {
    Ed25519(Ed25519KeyPair),
    P256(EcdsaKeyPair),
}

/// A key pair in memory. Prints only its id.
pub struct KeyPair {
    private: Private,
    public: PublicJwk,
    random: SystemRandom,
}

impl std::fmt::Debug for KeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPair({} {})", self.public.alg, self.public.kid)
    }
}

fn refused(what: &str) -> SignError {
    SignError(what.to_owned())
}

impl KeyPair {
    /// Makes a key: PKCS#8 v2 for Ed25519, v1 for P-256, in base64url, to be sealed at once.
    ///
    /// # Errors
    /// Where the system has no random numbers.
    pub fn generate(alg: TokenAlg) -> Result<(Self, SecretString), SignError> {
        let random = SystemRandom::new();
        let document = match alg {
            TokenAlg::EdDsa => Ed25519KeyPair::generate_pkcs8(&random),
            TokenAlg::Es256 => EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random),
        }
        .map_err(|_| refused("no key could be made"))?;
        let text = SecretString::from(BASE64URL_NOPAD.encode(document.as_ref()));
        Ok((Self::from_pkcs8(alg, &text)?, text))
    }

    /// Reads a key as [`Self::generate`] gave it out.
    ///
    /// # Errors
    /// Where it is not one, or of another algorithm.
    pub fn from_pkcs8(alg: TokenAlg, text: &SecretString) -> Result<Self, SignError> {
        let bytes = BASE64URL_NOPAD.decode(text.expose_secret().as_bytes()).map(Zeroizing::new);
        let bytes = bytes.map_err(|_| refused("the private key is not base64url"))?;
        let random = SystemRandom::new();
        let damaged = |_| refused("the private key is damaged or of another algorithm");
        let (private, public) = match alg {
            TokenAlg::EdDsa => {
                let pair = Ed25519KeyPair::from_pkcs8(&bytes).map_err(damaged)?;
                let public = public_jwk(alg, pair.public_key().as_ref())?;
                (Private::Ed25519(pair), public)
            }
            TokenAlg::Es256 => {
                let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &bytes, &random);
                let pair = pair.map_err(damaged)?;
                let public = public_jwk(alg, pair.public_key().as_ref())?;
                (Private::P256(pair), public)
            }
        };
        Ok(Self { private, public, random })
    }

    /// The public half.
    #[must_use]
    pub const fn public(&self) -> &PublicJwk {
        &self.public
    }

    /// A compact JWS (RFC 7515 §7.1) whose header is `typ`, `alg` and `kid`.
    ///
    /// # Errors
    /// Where signing fails, or `typ` is not a media type's name.
    pub fn sign_jwt(&self, typ: &str, claims: &serde_json::Value) -> Result<String, SignError> {
        if typ.is_empty()
            || !typ.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'/' | b'.'))
        {
            return Err(refused("typ is not a media type"));
        }
        let header = format!(r#"{{"typ":"{typ}","alg":"{}","kid":"{}"}}"#, self.public.alg, self.public.kid);
        let claims = serde_json::to_vec(claims).map_err(|e| SignError(e.to_string()))?;
        self.sign_parts(header.as_bytes(), &claims)
    }

    fn sign_parts(&self, header: &[u8], payload: &[u8]) -> Result<String, SignError> {
        let mut token = BASE64URL_NOPAD.encode(header);
        token.push('.');
        BASE64URL_NOPAD.encode_append(payload, &mut token);
        let signature = match &self.private {
            Private::Ed25519(pair) => pair.sign(token.as_bytes()),
            Private::P256(pair) => {
                pair.sign(&self.random, token.as_bytes()).map_err(|_| refused("signing failed"))?
            }
        };
        token.push('.');
        BASE64URL_NOPAD.encode_append(signature.as_ref(), &mut token);
        Ok(token)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_8037_appendix_a_4() {
        let decode = |text: &str| BASE64URL_NOPAD.decode(text.as_bytes()).unwrap();
        let seed = decode("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A");
        let public = decode("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
        let pair = KeyPair {
            private: Private::Ed25519(Ed25519KeyPair::from_seed_and_public_key(&seed, &public).unwrap()),
            public: public_jwk(TokenAlg::EdDsa, &public).unwrap(),
            random: SystemRandom::new(),
        };
        assert_eq!(
            pair.sign_parts(br#"{"alg":"EdDSA"}"#, b"Example of Ed25519 signing").unwrap(),
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc.hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIb\
             QR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
        );
    }

    #[test]
    fn a_key_survives_storage_and_keeps_its_algorithm() {
        for (alg, other) in [(TokenAlg::EdDsa, TokenAlg::Es256), (TokenAlg::Es256, TokenAlg::EdDsa)] {
            let (pair, text) = KeyPair::generate(alg).unwrap();
            let again = KeyPair::from_pkcs8(alg, &text).unwrap();
            assert_eq!(pair.public(), again.public());
            assert!(KeyPair::from_pkcs8(other, &text).is_err());
            assert!(!format!("{pair:?}").contains(text.expose_secret()));
        }
        assert!(KeyPair::from_pkcs8(TokenAlg::EdDsa, &SecretString::from("*")).is_err());
    }

    #[test]
    fn the_header_cannot_be_written_into() {
        let (pair, _) = KeyPair::generate(TokenAlg::EdDsa).unwrap();
        for bad in ["", "a\"", "a b", "a,b", "a\\"] {
            assert!(pair.sign_jwt(bad, &serde_json::json!({})).is_err());
        }
    }
}
