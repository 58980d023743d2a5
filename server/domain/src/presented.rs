//! An access token as somebody presents it: where its record would be, and what the record must say.
use data_encoding::BASE64URL_NOPAD;
use serde::Deserialize;
use uuid::Uuid;

use crate::credential::Token;
use crate::ids::TokenId;
use crate::secret::SecretHash;

/// A token as it was presented. Its claim is not trusted: it says where to look, and the record that is found there counts
/// only where it has the hash of these exact bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Presented {
    /// The `jti` (RFC 7519 §4.1.7) that it claims.
    pub jti: TokenId,
    /// SHA-256 of its exact bytes.
    pub hash: SecretHash,
}

/// The one claim that is read.
#[derive(Deserialize)]
struct Claims<'a> {
    jti: &'a str,
}

impl Presented {
    /// A token that has this record.
    pub fn of(token: &Token) -> Self {
        Self { jti: token.id, hash: token.hash }
    }

    /// Reads it; none where it is nothing that was ever issued, which is a JWS in its compact form (RFC 7515 §7.1) with a
    /// UUID as its `jti`.
    pub fn read(token: &str) -> Option<Self> {
        Self::with_hash(token, SecretHash::of(token))
    }

    /// As [`Self::read`], where the hash of `token` is known already.
    pub fn with_hash(token: &str, hash: SecretHash) -> Option<Self> {
        let payload = token.split('.').nth(1)?;
        let claims = BASE64URL_NOPAD.decode(payload.as_bytes()).ok()?;
        let claims: Claims<'_> = serde_json::from_slice(&claims).ok()?;
        Some(Self { jti: TokenId(Uuid::try_parse(claims.jti).ok()?), hash })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("e30.{}.c2ln", BASE64URL_NOPAD.encode(claims.as_bytes()))
    }

    #[test]
    fn says_where_to_look() {
        let id = "019adf2c-9f4e-7c3a-8d55-0f1e2d3c4b5a";
        let text = token(&format!(r#"{{"iss":"https://h","jti":"{id}","exp":1}}"#));
        let presented = Presented::read(&text).unwrap();
        assert_eq!(presented.jti.to_string(), id);
        assert_eq!(presented.hash, SecretHash::of(&text));
    }

    #[test]
    fn anything_else_is_nothing() {
        for text in ["", "hpa_abc", ".", "a.b.c", "a.!!.c", "e30.e30.e30"] {
            assert_eq!(Presented::read(text), None, "{text}");
        }
        for claims in
            ["{}", "[]", "7", r#"{"jti":7}"#, r#"{"jti":"x"}"#, r#"{"jti":null}"#, r#"{"jti":"a","jti":"b"}"#]
        {
            assert_eq!(Presented::read(&token(claims)), None, "{claims}");
        }
    }
}
