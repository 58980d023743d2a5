//! Public keys as JSON Web Keys (RFC 7517; RFC 7518 §6.2 for P-256, RFC 8037 for Ed25519).
use data_encoding::BASE64URL_NOPAD;
use hallpass_domain::ports::token_signer::{PublicJwk, SignError};
use hallpass_domain::target::TokenAlg;
use ring::digest::{SHA256, digest};

/// The public key of `raw`: 32 bytes for Ed25519, an uncompressed point (`04 || x || y`) for P-256.
pub(super) fn public_jwk(alg: TokenAlg, raw: &[u8]) -> Result<PublicJwk, SignError> {
    let refused = || SignError("the public key has another length".to_owned());
    let (kty, crv, x, y) = match alg {
        TokenAlg::EdDsa if raw.len() == 32 => ("OKP", "Ed25519", raw, None),
        TokenAlg::Es256 if raw.len() == 65 && raw.first() == Some(&4) => {
            let (x, y) =
                raw.split_at_checked(33).and_then(|(x, y)| Some((x.get(1..)?, y))).ok_or_else(refused)?;
            ("EC", "P-256", x, Some(y))
        }
        _ => return Err(refused()),
    };
    let mut jwk = PublicJwk {
        kty: kty.to_owned(),
        crv: crv.to_owned(),
        kid: String::new(),
        use_: "sig".to_owned(),
        alg: alg.as_str().to_owned(),
        x: BASE64URL_NOPAD.encode(x),
        y: y.map(|y| BASE64URL_NOPAD.encode(y)),
    };
    jwk.kid = thumbprint(&jwk);
    Ok(jwk)
}

/// RFC 7638: SHA-256 over the required members in lexical order, without white space. RFC 8037 §2 for OKP.
#[must_use]
pub fn thumbprint(jwk: &PublicJwk) -> String {
    // The members are base64url or fixed words: nothing in them needs escaping in JSON.
    let members = match &jwk.y {
        None => format!(r#"{{"crv":"{}","kty":"{}","x":"{}"}}"#, jwk.crv, jwk.kty, jwk.x),
        Some(y) => format!(r#"{{"crv":"{}","kty":"{}","x":"{}","y":"{y}"}}"#, jwk.crv, jwk.kty, jwk.x),
    };
    thumbprint_of(&members)
}

fn thumbprint_of(members: &str) -> String {
    BASE64URL_NOPAD.encode(digest(&SHA256, members.as_bytes()).as_ref())
}

/// The raw public key of a JWK, in the form that ring verifies with; `None` where it is not one of ours.
pub(super) fn raw_public(jwk: &PublicJwk) -> Option<Vec<u8>> {
    let x = BASE64URL_NOPAD.decode(jwk.x.as_bytes()).ok().filter(|x| x.len() == 32)?;
    match (jwk.kty.as_str(), jwk.crv.as_str(), &jwk.y) {
        ("OKP", "Ed25519", None) => Some(x),
        ("EC", "P-256", Some(y)) => {
            let y = BASE64URL_NOPAD.decode(y.as_bytes()).ok().filter(|y| y.len() == 32)?;
            Some([&[4], x.as_slice(), y.as_slice()].concat())
        }
        _ => None,
    }
}

/// A JWK Set (RFC 7517 §5) for `/.well-known/jwks.json`; public members only, by the type of the keys.
#[must_use]
pub fn jwks(keys: &[PublicJwk]) -> serde_json::Value {
    serde_json::json!({ "keys": keys })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc_7638_section_3_1() {
        let members = concat!(
            r#"{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86z"#,
            "wu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4Qy",
            "Q5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTW",
            "hAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\"}"
        );
        assert_eq!(thumbprint_of(members), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }

    #[test]
    fn rfc_8037_appendix_a_2_and_a_3() {
        let x = BASE64URL_NOPAD.decode(b"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo").unwrap();
        let jwk = public_jwk(TokenAlg::EdDsa, &x).unwrap();
        assert_eq!(jwk.kid, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
        assert_eq!(raw_public(&jwk).unwrap(), x);
    }

    #[test]
    fn public_members_only() {
        let mut point = vec![4];
        point.extend_from_slice(&[7; 64]);
        let set = jwks(&[public_jwk(TokenAlg::Es256, &point).unwrap()]);
        let members: Vec<&String> = set["keys"][0].as_object().unwrap().keys().collect();
        assert_eq!(members, ["kty", "crv", "kid", "use", "alg", "x", "y"]);
        assert_eq!(raw_public(&public_jwk(TokenAlg::Es256, &point).unwrap()).unwrap(), point);
        assert!(public_jwk(TokenAlg::EdDsa, &point).is_err());
        assert!(public_jwk(TokenAlg::Es256, &[5; 65]).is_err());
    }
}
