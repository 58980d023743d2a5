//! A program's way: it asks over the API, people approve, it fetches tokens; and targets that check offline.
use chrono::TimeDelta;
use hallpass_adapters::signers::{Expected, VerifyError, verify_access_token};
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::token_signer::PublicJwk;
use hallpass_tests::cast::REPORTS;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(a_workload_asks_is_approved_and_fetches, offline_tokens_say_until_when_they_may_be_accepted);

async fn a_workload_asks_is_approved_and_fetches(backend: Backend) {
    let server = TestServer::start(backend).await;
    let workload = server.workload("nightly-report").await;
    let body = json!({ "role": "billing-read", "for": "45m", "scope": { "region": ["us"] }, "reason": "month end", "ticket": "CI-7" });
    let dry = json!({ "role": "billing-read", "for": "45m", "scope": { "region": ["us"] }, "reason": "month end", "dry_run": true });
    let dry = workload.post("/requests", dry).await.ok(200);
    assert_eq!(dry["dry_run"]["stages"][0]["deciders"].as_array().unwrap().len(), 3, "{dry}");
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 0, "nothing was written");
    server.settle().await;
    assert!(server.mailbox.recipients("Approve?").is_empty(), "and no mail sent");

    let created = workload.post("/requests", body).await;
    let location = created.header("location").to_owned();
    let asked = created.ok(201)["request"].clone();
    let reference = asked["reference"].as_str().unwrap();
    assert_eq!(location, format!("/api/v1/requests/{reference}"));
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Received"), ["sam"], "its owner is told");

    // Before: a known role without a grant is invalid_scope with the pending request, and asks for nothing by itself.
    let fields = [("grant_type", "client_credentials"), ("scope", "billing-read")];
    let basic = Some(("nightly-report", server.secret("nightly-report")));
    let refused = server.nobody().oauth("token", basic, &fields).await.refused(400, "invalid_scope");
    assert_eq!(refused["request_uri"], format!("{}/api/v1/requests/{reference}", server.base_url));

    steps::approve(&server.sign_in("bo").await, reference).await;
    let seen = workload.get(&format!("/requests/{reference}?wait=60")).await.ok(200);
    assert_eq!(seen["state"], "approved");
    let answer = server.nobody().oauth("token", basic, &fields).await.ok(200);
    let token = answer["access_token"].as_str().unwrap();
    server.secrets.plant("an access token", token);
    assert_eq!(
        (answer["token_type"].as_str(), answer["scope"].as_str()),
        (Some("Bearer"), Some("billing-read"))
    );
    assert_eq!(answer["authorization_details"][0]["scope"], json!({ "region": ["us"] }));
    let active = server.introspect("billing-api", token).await;
    assert_eq!(active["client_id"].as_str().map(str::is_empty), Some(false));
    assert!(active["sub"].as_str().unwrap().starts_with("workload:"), "{active}");

    // The owner may look, the client's other tokens may not be used for Hallpass itself.
    let grant = steps::grant(&server, reference).await;
    server.api("sam").await.get(&format!("/grants/{}", grant.id)).await.ok(200);
    server.nobody().with(token).get("/me").await.refused(401, "invalid_token");

    // At the end: inactive at the very instant, and no new one.
    server.set_clock(grant.ends_at - TimeDelta::seconds(1));
    let answer = server.nobody().oauth("token", basic, &fields).await.ok(200);
    let last = answer["access_token"].as_str().unwrap();
    assert!(answer["expires_in"].as_i64().unwrap() <= 1);
    assert!(steps::is_active(&server, "billing-api", last).await);
    server.set_clock(grant.ends_at);
    assert!(!steps::is_active(&server, "billing-api", last).await);
    let refused = server.nobody().oauth("token", basic, &fields).await.refused(400, "invalid_scope");
    assert_eq!(refused["request_uri"], format!("{}/api/v1/requests", server.base_url));
    server.stop().await;
}

async fn offline_tokens_say_until_when_they_may_be_accepted(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "reports-read", "10m").await;
    let token = steps::token(&server, &dana, &grant).await;
    let keys: Vec<PublicJwk> = serde_json::from_value(
        server.nobody().send(reqwest::Method::GET, "/oauth/jwks.json", &[], None).await.ok(200)["keys"]
            .clone(),
    )
    .unwrap();
    let check = |now| {
        verify_access_token(&token, &keys, &Expected { issuer: &server.base_url, audience: REPORTS, now })
    };
    let claims = check(server.now()).expect("the resource server accepts it by its signature alone");
    let exp = claims["exp"].as_i64().unwrap();
    assert_eq!(exp, server.now().timestamp() + 60, "offline lifetimes are short");
    assert_eq!(claims["authorization_details"][0]["role"], "reports-read");

    // Ended early: whoever checks alone cannot know. Hallpass says so, and until when; `exp` plus the target's leeway.
    server.advance(10);
    let path = format!("/grants/{}", grant.id);
    let _ = dana.send(&dana.get(&path).await.form(&format!("{path}/end"))).await.expect(303);
    assert!(check(server.now()).is_ok(), "offline it is still accepted");
    server.settle().await;
    let ending = server.broker().store.grant(grant.id).await.unwrap().unwrap();
    assert_eq!(
        ending.state,
        GrantState::Ending,
        "it is not called ended while something may still be accepted"
    );
    let api = server.api_with(&dana).await;
    let shown = api.get(&format!("/grants/{}", grant.id)).await.ok(200);
    let until: hallpass_domain::Timestamp =
        shown["at_target"]["may_work_until"].as_str().expect("until when").parse().unwrap();
    assert_eq!(until.timestamp(), exp + 5, "{shown}");
    assert!(dana.get(&path).await.words().contains("May still"), "the page says so, too");
    assert!(server.mailbox.recipients("Ended and checked").is_empty());

    server.set_clock(until - TimeDelta::microseconds(1));
    assert_eq!(check(server.now()).unwrap_err(), VerifyError::Expired);
    server.settle().await;
    assert_eq!(server.broker().store.grant(grant.id).await.unwrap().unwrap().state, GrantState::Ending);
    server.set_clock(until);
    server.settle().await;
    assert_eq!(server.broker().store.grant(grant.id).await.unwrap().unwrap().state, GrantState::Ended);
    assert_eq!(server.mailbox.recipients("Ended and checked"), ["dana"]);
    server.stop().await;
}
