//! Introspection and revocation (RFC 7662, RFC 7009).
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(
    active_only_for_its_own_audience,
    a_client_revokes_its_own_tokens,
    who_has_a_persons_token_revokes_it
);

async fn active_only_for_its_own_audience(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "ledger-read", "1h").await;
    let token = steps::token(&server, &dana, &grant).await;
    let answer = server.introspect("ledger-api", &token).await;
    let members: Vec<&str> = answer.as_object().unwrap().keys().map(String::as_str).collect();
    for member in [
        "active",
        "scope",
        "client_id",
        "sub",
        "aud",
        "iss",
        "exp",
        "iat",
        "nbf",
        "jti",
        "token_type",
        "authorization_details",
    ] {
        assert!(members.contains(&member), "{member} in {answer}");
    }
    assert_eq!(answer["aud"], hallpass_tests::cast::LEDGER);
    assert_eq!(answer["iss"], server.base_url);

    // For anybody else, and for anything but the exact bytes, it is nothing.
    for other in ["billing-api", "reports-api"] {
        assert_eq!(server.introspect(other, &token).await, json!({ "active": false }));
    }
    let (head, signature) = token.rsplit_once('.').unwrap();
    let api = server.api_with(&dana).await;
    let unsigned = format!("{head}.");
    let longer = format!("{token}A");
    let lower = format!("{head}.{}", signature.to_ascii_lowercase());
    for none in [unsigned.as_str(), &longer, &lower, "x", "%00", "hpa_x", api.token(), "🦀"] {
        assert_eq!(server.introspect("ledger-api", none).await, json!({ "active": false }), "{none}");
    }
    // Warm and cold, on each server, the answer is the same.
    for _ in 0..4 {
        assert_eq!(server.introspect("ledger-api", &token).await, answer);
    }
    server.stop().await;
}

async fn a_client_revokes_its_own_tokens(backend: Backend) {
    let server = TestServer::start(backend).await;
    let nobody = server.nobody();
    let basic = |id: &'static str| Some((id, server.secret(id)));
    let fields = [("grant_type", "client_credentials"), ("scope", "status-read")];
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let issued = nobody.oauth("token", basic("nightly-report"), &fields).await.ok(200);
        tokens.push(issued["access_token"].as_str().unwrap().to_owned());
        server.secrets.plant("an access token", tokens.last().unwrap());
    }
    assert!(steps::is_active(&server, "billing-api", &tokens[0]).await);
    nobody.oauth("revoke", basic("indexer"), &[("token", &tokens[0])]).await.refused(400, "invalid_grant");
    assert!(steps::is_active(&server, "billing-api", &tokens[0]).await, "not by another client");

    let revoked = nobody
        .oauth(
            "revoke",
            basic("nightly-report"),
            &[("token", &tokens[0]), ("token_type_hint", "refresh_token")],
        )
        .await;
    assert_eq!((revoked.status, revoked.text.as_str()), (200, ""));
    for _ in 0..4 {
        assert!(!steps::is_active(&server, "billing-api", &tokens[0]).await);
    }
    assert!(steps::is_active(&server, "billing-api", &tokens[1]).await, "and only that one");
    // Again, and of what was never issued, though it names the other one: the same answer (RFC 7009 §2.2).
    let forged = format!("{}.c2lnbmVk", tokens[1].rsplit_once('.').unwrap().0);
    for token in [tokens[0].as_str(), "unknown", &forged] {
        nobody.oauth("revoke", basic("nightly-report"), &[("token", token)]).await.ok(200);
    }
    assert!(steps::is_active(&server, "billing-api", &tokens[1]).await, "its name alone revokes nothing");

    // `hallpass logout`: the command's own token, without a secret; the workload's is not its to revoke.
    let api = server.api("dana").await;
    let workload = server.workload("nightly-report").await;
    let logout = |token: &str| {
        vec![("token".to_owned(), token.to_owned()), ("client_id".to_owned(), "hallpass-cli".to_owned())]
    };
    for (token, status) in [(workload.token(), 400), (api.token(), 200)] {
        let fields = logout(token);
        let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(nobody.oauth("revoke", None, &fields).await.status, status);
    }
    api.get("/me").await.refused(401, "invalid_token");
    workload.get("/me").await.ok(200);
    server.stop().await;
}

/// One that leaked is ended alone, and needs nothing but itself for that: the one that the portal showed, and the one that
/// the command fetched.
async fn who_has_a_persons_token_revokes_it(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "ledger-read", "1h").await;
    let mut tokens =
        vec![steps::token(&server, &dana, &grant).await, steps::token(&server, &dana, &grant).await];
    let credentials = format!("/grants/{}/credentials", grant.id);
    let fetched = server.api_with(&dana).await.post(&credentials, json!({})).await.ok(201);
    tokens.push(fetched["access_token"].as_str().expect("a token").to_owned());
    server.secrets.plant("an access token", tokens.last().unwrap());
    let nobody = server.nobody();
    for leaked in [&tokens[0], &tokens[2]] {
        assert!(steps::is_active(&server, "ledger-api", leaked).await);
        let fields = [("token", leaked.as_str()), ("client_id", "hallpass-cli")];
        for _ in 0..2 {
            nobody.oauth("revoke", None, &fields).await.ok(200);
        }
        assert!(!steps::is_active(&server, "ledger-api", leaked).await);
    }
    assert!(steps::is_active(&server, "ledger-api", &tokens[1]).await, "and only that one");
    // A workload revokes nobody else's.
    let basic = Some(("nightly-report", server.secret("nightly-report")));
    nobody.oauth("revoke", basic, &[("token", &tokens[1])]).await.refused(400, "invalid_grant");
    let filter = hallpass_domain::ports::audit_log::AuditFilter {
        kind: Some("token.revoked".to_owned()),
        ..Default::default()
    };
    let events = server.broker().store.events(&filter, None, 10).await.expect("events");
    assert_eq!(events.len(), 2, "once each");
    assert!(events.iter().all(|e| e.event.parts().actor == grant.principal.to_string()));
    server.stop().await;
}
