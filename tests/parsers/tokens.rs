//! Access tokens, as a resource server checks them offline.
use chrono::DateTime;
use hallpass_adapters::signers::{Expected, KeyPair, verify_access_token};
use hallpass_domain::presented::Presented;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::target::TokenAlg;
use serde_json::json;

use crate::texts::{check, near, wild};

#[test]
fn nothing_but_the_token_passes() {
    let now = DateTime::from_timestamp(1_000, 0).unwrap();
    let expected = Expected { issuer: "https://hall.test", audience: "https://billing.hall.test", now };
    for alg in [TokenAlg::EdDsa, TokenAlg::Es256] {
        let (pair, _) = KeyPair::generate(alg).unwrap();
        let keys = [pair.public().clone()];
        let claims = json!({ "iss": expected.issuer, "aud": expected.audience, "sub": "s", "client_id": "c", "iat": 900,
            "exp": 1_001, "jti": "j", "authorization_details": [{ "type": "hallpass", "role": "billing-read" }] });
        let token = pair.sign_jwt("at+jwt", &claims).unwrap();
        assert!(verify_access_token(&token, &keys, &expected).is_ok());
        check(4_000, near(std::slice::from_ref(&token)), |forged| {
            let answer = verify_access_token(&forged, &keys, &expected);
            assert!(answer.is_err() || forged == token, "{forged}");
        });
        // Of another type, for another, by another, over: each signed all right.
        let sign = |typ: &str, name: &str, value: serde_json::Value| {
            let mut claims = claims.clone();
            claims[name] = value;
            pair.sign_jwt(typ, &claims).unwrap()
        };
        for other in [
            sign("JWT", "sub", json!("s")),
            sign("at+jwt", "aud", json!("https://other.hall.test")),
            sign("at+jwt", "iss", json!("https://hall.test/")),
            sign("at+jwt", "exp", json!(1_000)),
            sign("at+jwt", "exp", json!("1001")),
        ] {
            assert!(verify_access_token(&other, &keys, &expected).is_err(), "{other}");
        }
    }
}

/// What says where a token's record is: the claim that was signed or another one, and always the hash of these bytes.
#[test]
fn no_text_breaks_the_look_for_its_record() {
    let (pair, _) = KeyPair::generate(TokenAlg::EdDsa).unwrap();
    let jti = "019adf2c-9f4e-7c3a-8d55-0f1e2d3c4b5a";
    let token = pair.sign_jwt("at+jwt", &json!({ "sub": "s", "jti": jti })).unwrap();
    assert_eq!(Presented::read(&token).unwrap().jti.to_string(), jti);
    let good = [token, "e30.e30.e30".to_owned(), "hpa_x".to_owned(), "..".to_owned()];
    check(8_000, near(&good), |raw| {
        assert!(Presented::read(&raw).is_none_or(|p| p.hash == SecretHash::of(&raw)), "{raw}");
    });
}

#[test]
fn no_text_breaks_the_check() {
    let expected = Expected { issuer: "i", audience: "a", now: DateTime::from_timestamp(1_000, 0).unwrap() };
    let (pair, _) = KeyPair::generate(TokenAlg::EdDsa).unwrap();
    let keys = [pair.public().clone()];
    let good = [
        "e30.e30.e30",
        "eyJhbGciOiJub25lIn0.e30.",
        "..",
        "eyJ0eXAiOiJhdCtqd3QiLCJhbGciOiJFZERTQSIsImtpZCI6IngifQ.W10.AA",
    ];
    check(5_000, wild(&good), |raw| assert!(verify_access_token(&raw, &keys, &expected).is_err()));
}
