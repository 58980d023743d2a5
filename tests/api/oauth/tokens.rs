//! Metadata, keys, and what is in a token (RFC 8414, RFC 7517, RFC 9068, RFC 9396).
use chrono::TimeDelta;
use hallpass_adapters::signers::{Expected, VerifyError, verify_access_token};
use hallpass_domain::ports::token_signer::PublicJwk;
use hallpass_tests::cast::{BILLING, LEDGER};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

use crate::steps;

on_all!(metadata_and_keys_verify_the_tokens, a_standing_role_needs_no_request_and_ends_like_any);

async fn get(server: &TestServer, path: &str) -> Value {
    server.nobody().send(Method::GET, path, &[], None).await.ok(200)
}

fn header_of(token: &str) -> Value {
    let part = token.split('.').next().unwrap();
    serde_json::from_slice(&data_encoding::BASE64URL_NOPAD.decode(part.as_bytes()).unwrap()).unwrap()
}

async fn metadata_and_keys_verify_the_tokens(backend: Backend) {
    let server = TestServer::start(backend).await;
    let metadata = get(&server, "/.well-known/oauth-authorization-server").await;
    assert_eq!(metadata["issuer"], server.base_url, "exactly, without a slash");
    for (member, path) in [
        ("token_endpoint", "/oauth/token"),
        ("jwks_uri", "/oauth/jwks.json"),
        ("device_authorization_endpoint", "/oauth/device_authorization"),
        ("introspection_endpoint", "/oauth/introspect"),
        ("revocation_endpoint", "/oauth/revoke"),
    ] {
        assert_eq!(metadata[member], format!("{}{path}", server.base_url));
    }
    assert_eq!(metadata["response_types_supported"], json!([]));
    let set = get(&server, "/oauth/jwks.json").await;
    for key in set["keys"].as_array().unwrap() {
        assert!(key.get("d").is_none(), "no private member");
        assert_eq!(key["use"], "sig");
    }
    let keys: Vec<PublicJwk> = serde_json::from_value(set["keys"].clone()).unwrap();

    let dana = server.sign_in("dana").await;
    for (role, audience, alg) in [("billing-read", BILLING, "EdDSA"), ("ledger-read", LEDGER, "ES256")] {
        let grant = steps::granted(&server, &dana, role, "1h").await;
        let token = steps::token(&server, &dana, &grant).await;
        let header = header_of(&token);
        assert_eq!((header["typ"].as_str(), header["alg"].as_str()), (Some("at+jwt"), Some(alg)));
        assert!(keys.iter().any(|k| header["kid"] == k.kid && k.alg == alg));
        let expected = Expected { issuer: &server.base_url, audience, now: server.now() };
        let claims = verify_access_token(&token, &keys, &expected).expect("verifies");
        // RFC 9068 §2.2: all of these are required.
        for claim in ["iss", "exp", "aud", "sub", "client_id", "iat", "jti"] {
            assert!(claims.contains_key(claim), "{claim} in {claims:?}");
        }
        assert_eq!(claims["sub"], grant.principal.to_string());
        let detail = json!({ "type": "hallpass_role", "role": role, "target": claims["authorization_details"][0]["target"], "scope": grant.scope, "grant_id": grant.id });
        assert_eq!(claims["authorization_details"], json!([detail]));

        // The signature covers every byte; audience and time are checked.
        let verify = |token: &str, audience: &str, now| {
            verify_access_token(token, &keys, &Expected { issuer: &server.base_url, audience, now })
        };
        assert_eq!(verify(&token, "https://other.test", server.now()).unwrap_err(), VerifyError::Audience);
        let exp = claims["exp"].as_i64().unwrap();
        assert_eq!(
            verify(&token, audience, chrono::DateTime::from_timestamp(exp, 0).unwrap()).unwrap_err(),
            VerifyError::Expired
        );
        let mut forged = token.clone().into_bytes();
        let at = token.find('.').unwrap() + 10;
        forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
        let forged = String::from_utf8(forged).unwrap();
        assert!(verify(&forged, audience, server.now()).is_err());
        assert!(
            !steps::is_active(&server, if alg == "EdDSA" { "billing-api" } else { "ledger-api" }, &forged)
                .await
        );
    }
    server.stop().await;
}

async fn a_standing_role_needs_no_request_and_ends_like_any(backend: Backend) {
    let server = TestServer::start(backend).await;
    let basic = Some(("nightly-report", server.secret("nightly-report")));
    let fields = [("grant_type", "client_credentials"), ("scope", "status-read"), ("resource", BILLING)];
    let answer = server.nobody().oauth("token", basic, &fields).await;
    assert_eq!(answer.header("pragma"), "no-cache");
    let answer = answer.ok(200);
    let token = answer["access_token"].as_str().unwrap();
    server.secrets.plant("an access token", token);
    assert_eq!(answer["expires_in"].as_i64(), Some(300), "the role's token life");
    let active = server.introspect("billing-api", token).await;
    assert_eq!(active["scope"], "status-read");

    // Nobody was asked, and yet there is a grant with an end and a trail.
    let grants = hallpass_tests::facts::grants(server.broker().store.as_ref()).await;
    assert_eq!((grants.len(), grants[0].request_id), (1, None));
    assert_eq!(grants[0].ends_at - grants[0].starts_at, TimeDelta::minutes(15));
    assert_eq!(hallpass_tests::facts::events(&server, "grant.standing", None).await, 1);
    server.settle().await;
    assert!(server.mailbox.recipients("Approve?").is_empty());
    // Within that grant no new one is made.
    server.nobody().oauth("token", basic, &fields).await.ok(200);
    assert_eq!(hallpass_tests::facts::grants(server.broker().store.as_ref()).await.len(), 1);

    // An administrator ends it; the token is dead at once.
    let ada = server.sign_in("ada").await;
    let path = format!("/grants/{}", grants[0].id);
    let form = ada.get(&path).await.expect(200).form(&format!("{path}/revoke"));
    let _ = ada.send(&form.with("reason", "a test")).await.expect(303);
    assert!(!steps::is_active(&server, "billing-api", token).await);
    server.stop().await;
}
