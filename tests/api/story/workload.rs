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

on_all!(
    a_workload_asks_is_approved_and_fetches,
    offline_tokens_say_until_when_they_may_be_accepted,
    a_target_that_checks_otherwise_changes_no_token_that_is_out,
);

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
    // The page and the receipt say so, too, and nobody says that it is gone.
    let of_page =
        |at: hallpass_domain::Timestamp| (at + TimeDelta::hours(1)).format("%H:%M:%S CET").to_string();
    let receipt = format!("{path}/receipt");
    for path in [&path, &receipt] {
        let words = dana.get(path).await.expect(200).words();
        assert!(
            words.contains(&format!("May still be accepted until {}", of_page(until))),
            "{path}: {words}"
        );
        assert!(!words.contains("Accepted by nobody"), "{path}: {words}");
    }
    let credential = format!("/credentials/{}", shown["credentials"][0]["id"].as_str().unwrap());
    let token = api.get(&credential).await.ok(200);
    assert_eq!(
        (token["state"].as_str(), token["verified_at"].is_null()),
        (Some("revoking"), true),
        "{token}"
    );
    assert!(server.mailbox.recipients("Ended and checked").is_empty());

    server.set_clock(until - TimeDelta::microseconds(1));
    assert_eq!(check(server.now()).unwrap_err(), VerifyError::Expired);
    server.settle().await;
    assert_eq!(server.broker().store.grant(grant.id).await.unwrap().unwrap().state, GrantState::Ending);
    server.set_clock(until);
    server.settle().await;
    assert_eq!(server.broker().store.grant(grant.id).await.unwrap().unwrap().state, GrantState::Ended);
    assert_eq!(server.mailbox.recipients("Ended and checked"), ["dana"]);
    let token = api.get(&credential).await.ok(200);
    assert_eq!(token["verified_at"].as_str().unwrap().parse(), Ok(until), "{token}");

    // Mail, page and API say the same of it, and go on to do so when the token's record is swept.
    let same = until.format("could be accepted until %H:%M:%S UTC").to_string();
    let mail =
        server.mailbox.to("dana").into_iter().find(|m| m.subject.contains("Ended and checked")).unwrap();
    assert!(mail.text.split_whitespace().collect::<Vec<_>>().join(" ").contains(&same), "{}", mail.text);
    for path in [&path, &receipt] {
        let words = dana.get(path).await.expect(200).words();
        let gone = format!("Accepted by nobody since {}", of_page(until));
        assert!(words.contains(&gone), "{path}: {words}");
    }
    assert!(dana.get(&path).await.expect(200).words().contains(&same));
    let store = &server.broker().store;
    store.sweep(server.now() + TimeDelta::days(2), 100).await.unwrap();
    assert_eq!(store.tokens_of(grant.id, 10).await.unwrap(), []);
    let (dana, api) = (server.sign_in("dana").await, server.api("dana").await);
    let shown = api.get(&path).await.ok(200);
    assert!(shown["at_target"]["detail"].as_str().unwrap().contains(&same), "{shown}");
    assert!(dana.get(&path).await.expect(200).words().contains(&same));
    server.stop().await;
}

/// What was said of a token when it was issued holds, whatever becomes of its target's settings.
async fn a_target_that_checks_otherwise_changes_no_token_that_is_out(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let text = server.catalogue_text();
    let ledger = |seconds: u32, verification: &str| {
        let asks = "audience = \"https://ledger.hall.test\"\nverification = \"introspect\"";
        assert!(text.contains(asks) && text.contains("token_seconds = 120"));
        text.replace("token_seconds = 120", &format!("token_seconds = {seconds}"))
            .replace(asks, &asks.replace("introspect", verification))
    };
    server.apply(&ledger(900, "introspect")).await;
    let (dana, sam) = (server.sign_in("dana").await, server.sign_in("sam").await);
    let of_dana = steps::granted(&server, &dana, "ledger-read", "30m").await;
    let of_sam = steps::granted(&server, &sam, "ledger-read", "30m").await;
    let _ = steps::token(&server, &dana, &of_dana).await;
    let _ = steps::token(&server, &sam, &of_sam).await;
    let exp = server.broker().store.tokens_of(of_dana.id, 1).await.unwrap()[0].expires_at;

    // Tokens are out that it would accept for a quarter of an hour, whatever is revoked: not yet, and when.
    let offline = json!({ "toml": ledger(300, "offline"), "apply": true });
    let ada = server.api("ada").await;
    let refused = ada.post("/admin/catalogue", offline.clone()).await;
    assert_eq!((refused.status, refused.code()), (422, "catalogue_invalid"), "{}", refused.text);
    let from = exp - TimeDelta::seconds(300);
    assert!(refused.text.contains(&from.format("after %Y-%m-%dT%H:%M:%SZ").to_string()), "{}", refused.text);
    // One that was ended early may not come back to life.
    let path = format!("/grants/{}", of_sam.id);
    let _ = sam.send(&sam.get(&path).await.form(&format!("{path}/end"))).await.expect(303);
    server.settle().await;
    server.set_clock(from);
    let refused = ada.post("/admin/catalogue", offline.clone()).await;
    assert_eq!((refused.status, refused.code()), (422, "catalogue_invalid"), "{}", refused.text);
    assert!(refused.text.contains(&exp.format("after %Y-%m-%dT%H:%M:%SZ").to_string()), "{}", refused.text);
    server.set_clock(exp);
    let _ = ada.post("/admin/catalogue", offline).await.ok(200);

    // The other way: what was issued for a target that checks alone is accepted there until it expires.
    let _ = steps::token(&server, &dana, &of_dana).await;
    let exp = server.broker().store.tokens_of(of_dana.id, 1).await.unwrap()[0].expires_at;
    assert_eq!(exp.timestamp(), server.now().timestamp() + 300);
    let path = format!("/grants/{}", of_dana.id);
    let _ = dana.send(&dana.get(&path).await.form(&format!("{path}/end"))).await.expect(303);
    server.apply(&ledger(300, "introspect")).await;
    server.settle().await;
    let shown = server.api("dana").await.get(&path).await.ok(200);
    assert_eq!(shown["state"], "ending", "{shown}");
    assert_eq!(shown["at_target"]["may_work_until"].as_str().unwrap().parse(), Ok(exp), "{shown}");
    server.set_clock(exp);
    server.settle().await;
    let ended = server.broker().store.grant(of_dana.id).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.accepted_until), (GrantState::Ended, Some(exp)));
    server.stop().await;
}
