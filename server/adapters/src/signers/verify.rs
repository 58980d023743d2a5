//! Checking an access token offline, as strictly as RFC 9068 §4 and RFC 8725 ask: what a resource server does.
use data_encoding::BASE64URL_NOPAD;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::token_signer::PublicJwk;
use ring::signature::{ECDSA_P256_SHA256_FIXED, ED25519, UnparsedPublicKey, VerificationAlgorithm};
use serde_json::{Map, Value};

use super::jwk::raw_public;

/// Longer tokens are refused unread, bytes.
const MAX_TOKEN: usize = 16 * 1024;

/// What a token must be.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// `iss`, compared exactly.
    pub issuer: &'a str,
    /// Our audience, which `aud` must be or hold.
    pub audience: &'a str,
    /// Now. There is no leeway: a token is dead at `exp`.
    pub now: Timestamp,
}

/// Why a token was refused. For logs: callers answer `invalid_token` to all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Not three base64url parts with JSON objects.
    #[error("not a JWT")]
    Malformed,
    /// `typ` is not `at+jwt`: an ID token, say.
    #[error("not an access token (typ)")]
    Typ,
    /// The header asks for something that is not understood, or brings a key of its own.
    #[error("the header has a member that is not accepted")]
    Header,
    /// No published key has this `kid`.
    #[error("unknown key")]
    UnknownKey,
    /// `alg` is not the algorithm of the key.
    #[error("alg is not the key's")]
    Alg,
    /// The signature does not verify.
    #[error("bad signature")]
    Signature,
    /// A required claim is missing or of another type.
    #[error("claim {0} is missing or malformed")]
    Claim(&'static str),
    /// Issued by another.
    #[error("wrong issuer")]
    Issuer,
    /// Meant for another.
    #[error("wrong audience")]
    Audience,
    /// `exp` has come.
    #[error("expired")]
    Expired,
    /// `nbf` has not come.
    #[error("not yet valid")]
    NotYetValid,
}

/// Checks type, key, algorithm, signature, issuer, audience and times, and answers the claims.
///
/// # Errors
/// [`VerifyError`].
pub fn verify_access_token(
    token: &str,
    keys: &[PublicJwk],
    expected: &Expected<'_>,
) -> Result<Map<String, Value>, VerifyError> {
    let claims = verify_signature(token, keys)?;
    check_claims(&claims, expected)?;
    Ok(claims)
}

fn verify_signature(token: &str, keys: &[PublicJwk]) -> Result<Map<String, Value>, VerifyError> {
    if token.len() > MAX_TOKEN {
        return Err(VerifyError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(VerifyError::Malformed)?;
    let (header, payload) = signed.split_once('.').ok_or(VerifyError::Malformed)?;
    let header = object(header)?;
    // The header is checked before the key is looked at: nothing in it may choose how it is verified.
    if header.keys().any(|member| !matches!(member.as_str(), "typ" | "alg" | "kid")) {
        return Err(VerifyError::Header);
    }
    let text = |member: &str| header.get(member).and_then(Value::as_str);
    let typ = text("typ").ok_or(VerifyError::Typ)?.to_ascii_lowercase();
    if !matches!(typ.as_str(), "at+jwt" | "application/at+jwt") {
        return Err(VerifyError::Typ);
    }
    let kid = text("kid").ok_or(VerifyError::UnknownKey)?;
    let key = keys.iter().find(|key| key.kid == kid).ok_or(VerifyError::UnknownKey)?;
    let algorithm: &dyn VerificationAlgorithm = match (text("alg"), key.alg.as_str()) {
        // RFC 9864 gives Ed25519 a name of its own.
        (Some("EdDSA" | "Ed25519"), "EdDSA") => &ED25519,
        (Some("ES256"), "ES256") => &ECDSA_P256_SHA256_FIXED,
        _ => return Err(VerifyError::Alg),
    };
    let public = raw_public(key).ok_or(VerifyError::UnknownKey)?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).map_err(|_| VerifyError::Malformed)?;
    UnparsedPublicKey::new(algorithm, public)
        .verify(signed.as_bytes(), &signature)
        .map_err(|_| VerifyError::Signature)?;
    object(payload)
}

fn object(part: &str) -> Result<Map<String, Value>, VerifyError> {
    let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| VerifyError::Malformed)?;
    serde_json::from_slice(&bytes).map_err(|_| VerifyError::Malformed)
}

fn check_claims(claims: &Map<String, Value>, expected: &Expected<'_>) -> Result<(), VerifyError> {
    for (name, what) in [("sub", "sub"), ("client_id", "client_id"), ("jti", "jti")] {
        claims.get(name).and_then(Value::as_str).ok_or(VerifyError::Claim(what))?;
    }
    claims.get("iat").and_then(Value::as_i64).ok_or(VerifyError::Claim("iat"))?;
    if claims.get("iss").and_then(Value::as_str) != Some(expected.issuer) {
        return Err(VerifyError::Issuer);
    }
    let ours = match claims.get("aud") {
        Some(Value::String(aud)) => aud == expected.audience,
        Some(Value::Array(all)) => all.iter().any(|aud| aud.as_str() == Some(expected.audience)),
        _ => false,
    };
    if !ours {
        return Err(VerifyError::Audience);
    }
    let exp = claims.get("exp").and_then(Value::as_i64).ok_or(VerifyError::Claim("exp"))?;
    // Whole seconds: now < exp exactly where floor(now) < exp.
    if expected.now.timestamp() >= exp {
        return Err(VerifyError::Expired);
    }
    match claims.get("nbf").map(|nbf| nbf.as_i64().ok_or(VerifyError::Claim("nbf"))).transpose()? {
        Some(nbf) if expected.now.timestamp() < nbf => Err(VerifyError::NotYetValid),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use hallpass_domain::target::TokenAlg;
    use serde_json::json;

    use super::super::key_pair::KeyPair;
    use super::*;

    fn now() -> Timestamp {
        DateTime::from_timestamp(1_000, 999_999_000).unwrap()
    }

    fn claims() -> Value {
        json!({ "iss": "i", "aud": "a", "sub": "s", "client_id": "c", "iat": 900, "exp": 1_001, "jti": "j" })
    }

    fn check(token: &str, keys: &[PublicJwk]) -> Result<Map<String, Value>, VerifyError> {
        verify_access_token(token, keys, &Expected { issuer: "i", audience: "a", now: now() })
    }

    /// RFC 7515 appendix A.3: its header has no `typ` and no `kid`, so the signature is checked by itself.
    #[test]
    fn rfc_7515_appendix_a_3() {
        let key = PublicJwk {
            kty: "EC".to_owned(),
            crv: "P-256".to_owned(),
            kid: String::new(),
            use_: "sig".to_owned(),
            alg: "ES256".to_owned(),
            x: "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU".to_owned(),
            y: Some("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0".to_owned()),
        };
        let signed = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLm\
                      NvbS9pc19yb290Ijp0cnVlfQ";
        let signature =
            "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
        let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap();
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, raw_public(&key).unwrap())
            .verify(signed.as_bytes(), &signature)
            .unwrap();
    }

    #[test]
    fn every_required_claim_is_required() {
        let (pair, _) = KeyPair::generate(TokenAlg::EdDsa).unwrap();
        let keys = [pair.public().clone()];
        let sign = |claims: &Value| pair.sign_jwt("at+jwt", claims).unwrap();
        assert!(check(&sign(&claims()), &keys).is_ok());
        for claim in ["iss", "aud", "sub", "client_id", "iat", "exp", "jti"] {
            let mut without = claims();
            without.as_object_mut().unwrap().remove(claim);
            assert!(check(&sign(&without), &keys).is_err(), "{claim}");
            let mut odd = claims();
            odd[claim] = json!(true);
            assert!(check(&sign(&odd), &keys).is_err(), "{claim}");
        }
        let with = |name: &str, value: Value| {
            let mut claims = claims();
            claims[name] = value;
            check(&sign(&claims), &keys).map(|_| ())
        };
        assert_eq!(with("exp", json!(1_000)), Err(VerifyError::Expired));
        assert_eq!(with("nbf", json!(1_001)), Err(VerifyError::NotYetValid));
        assert_eq!(with("nbf", json!(1_000)), Ok(()));
        assert_eq!(with("nbf", json!("1000")), Err(VerifyError::Claim("nbf")));
        assert_eq!(with("iss", json!("i/")), Err(VerifyError::Issuer));
        assert_eq!(with("aud", json!(["b", "a"])), Ok(()));
        assert_eq!(with("aud", json!(["b"])), Err(VerifyError::Audience));
    }

    #[test]
    fn the_header_chooses_nothing() {
        let (pair, _) = KeyPair::generate(TokenAlg::EdDsa).unwrap();
        let (other, _) = KeyPair::generate(TokenAlg::Es256).unwrap();
        let keys = [pair.public().clone(), other.public().clone()];
        let good = pair.sign_jwt("at+jwt", &claims()).unwrap();
        let [_, payload, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!() };
        let with = |header: Value| {
            let header = BASE64URL_NOPAD.encode(header.to_string().as_bytes());
            check(&format!("{header}.{payload}.{signature}"), &keys).unwrap_err()
        };
        let (kid, foreign) = (&keys[0].kid, &keys[1].kid);
        assert_eq!(with(json!({ "typ": "at+jwt", "alg": "none", "kid": kid })), VerifyError::Alg);
        assert_eq!(with(json!({ "typ": "at+jwt", "alg": "HS256", "kid": kid })), VerifyError::Alg);
        assert_eq!(with(json!({ "typ": "at+jwt", "alg": "ES256", "kid": kid })), VerifyError::Alg);
        assert_eq!(with(json!({ "typ": "at+jwt", "alg": "ES256", "kid": foreign })), VerifyError::Signature);
        assert_eq!(with(json!({ "typ": "at+jwt", "alg": "EdDSA" })), VerifyError::UnknownKey);
        assert_eq!(with(json!({ "typ": "JWT", "alg": "EdDSA", "kid": kid })), VerifyError::Typ);
        assert_eq!(with(json!({ "alg": "EdDSA", "kid": kid })), VerifyError::Typ);
        assert_eq!(
            with(json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid, "crit": [] })),
            VerifyError::Header
        );
        assert_eq!(
            with(json!({ "typ": "at+jwt", "alg": "EdDSA", "kid": kid, "jwk": {} })),
            VerifyError::Header
        );
        assert_eq!(check(&good, &keys[1..]).unwrap_err(), VerifyError::UnknownKey);
        assert_eq!(check(&pair.sign_jwt("JWT", &claims()).unwrap(), &keys).unwrap_err(), VerifyError::Typ);
    }

    #[test]
    fn no_changed_byte_is_accepted() {
        for alg in [TokenAlg::EdDsa, TokenAlg::Es256] {
            let (pair, _) = KeyPair::generate(alg).unwrap();
            let keys = [pair.public().clone()];
            let good = pair.sign_jwt("at+jwt", &claims()).unwrap();
            for at in 0..good.len() {
                let mut bytes = good.clone().into_bytes();
                bytes[at] = if bytes[at] == b'Q' { b'R' } else { b'Q' };
                assert!(check(std::str::from_utf8(&bytes).unwrap(), &keys).is_err(), "byte {at}");
            }
            for bad in ["", ".", "..", "a.b", &format!("{good}."), &format!("{good}="), &"a".repeat(20_000)] {
                assert!(check(bad, &keys).is_err());
            }
        }
    }
}
