//! Tokens that are in the store before anything is measured: as long as real ones, found as real ones are.
use data_encoding::BASE64URL_NOPAD;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::TokenId;
use hallpass_domain::secret::SecretHash;
use serde_json::json;

/// Milliseconds since 1970 at which the first of them would have been issued.
const FIRST: u64 = 1_790_000_000_000;

/// Its `jti`: a UUIDv7 (RFC 9562 §5.7), a millisecond after the one before.
fn id(number: usize) -> TokenId {
    let number = u64::try_from(number).unwrap_or(u64::MAX);
    let mut rest = [0; 10];
    rest.iter_mut().skip(2).zip(number.to_be_bytes()).for_each(|(to, from)| *to = from);
    TokenId(uuid::Builder::from_unix_timestamp_millis(FIRST + number, &rest).into_uuid())
}

/// The token with this number, whose signature nobody checks: its record is found by its `jti` and its hash.
pub(crate) fn token_text(number: usize) -> String {
    let id = id(number);
    let part = |value: serde_json::Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    let header = part(
        json!({ "alg": "EdDSA", "kid": "bench-key-bench-key-bench-key-bench-key-bench", "typ": "at+jwt" }),
    );
    let claims = part(json!({
        "iss": "http://127.0.0.1:12345", "sub": format!("workload:{id}"), "aud": "https://api.bench.example.org",
        "client_id": "bench", "iat": 1_790_000_000, "exp": 1_790_003_600, "jti": id, "scope": "api-read",
        "authorization_details": [{
            "type": "hallpass_role", "role": "api-read", "target": "api", "scope": {}, "grant": id, "tier": "low",
        }],
    }));
    format!("{header}.{claims}.{}", BASE64URL_NOPAD.encode(&[7; 64]))
}

/// The record of the token with this number.
pub(crate) fn token(number: usize, grant: &Grant, now: Timestamp, expires_at: Timestamp) -> Token {
    Token {
        id: id(number),
        hash: SecretHash::of(&token_text(number)),
        grant_id: grant.id,
        target_id: grant.target_id,
        client_id: None,
        issued_at: now,
        expires_at,
        accepted_until: None,
        revoked_at: None,
        version: 1,
    }
}
