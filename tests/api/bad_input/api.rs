//! Mistakes in calls of the API: a problem with a stable code, the member that it is about, and what to do.
use hallpass_tests::caller::Caller;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::server::TestServer;
use reqwest::Method;
use serde_json::{Value, json};

on_all!(
    mistakes_in_asking,
    mistakes_in_bodies,
    mistakes_in_deciding,
    mistakes_in_queries,
    tokens_that_do_not_work
);

fn ask(change: Value) -> Value {
    let mut body = json!({ "role": "billing-read", "for": "1h", "reason": "why" });
    for (name, value) in change.as_object().unwrap() {
        if value.is_null() {
            body.as_object_mut().unwrap().remove(name)
        } else {
            body.as_object_mut().unwrap().insert(name.clone(), value.clone())
        };
    }
    body
}

/// A problem as RFC 9457 and docs/api.md have it.
#[track_caller]
fn assert_problem(server: &TestServer, answer: &hallpass_tests::caller::Answer, path: &str) {
    assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.text);
    assert_eq!(answer.json["type"], format!("{}/api/problems/{}", server.base_url, answer.code()));
    assert_eq!(answer.json["status"], answer.status);
    assert_eq!(answer.json["instance"], path.split('?').next().unwrap());
    assert_eq!(answer.json["request_id"], answer.header("x-request-id"));
    assert!(answer.json["detail"].as_str().unwrap().len() > 15, "it says what to do: {}", answer.text);
    assert!(!answer.json["title"].as_str().unwrap().is_empty());
    assert_eq!(answer.header("cache-control"), "no-store");
}

async fn mistakes_in_asking(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.api("dana").await;
    for (change, status, code, field) in [
        (json!({ "role": "biling-read" }), 422, "unknown_role", "role"),
        (json!({ "role": "" }), 422, "unknown_role", "role"),
        (json!({ "role": "a\u{0}b" }), 422, "unknown_role", "role"),
        (json!({ "for": "9h" }), 422, "too_long", "for"),
        (json!({ "for": "0m" }), 422, "not_positive", "for"),
        (json!({ "for": "-5m" }), 422, "not_positive", "for"),
        (json!({ "for": "whenever" }), 422, "unreadable_time", "for"),
        (json!({ "for": "" }), 422, "unreadable_time", "for"),
        (json!({ "for": null, "until": "2020-01-01T00:00:00Z" }), 422, "end_in_past", "until"),
        (json!({ "for": null, "until": "2026-11-24T09:00:00Z" }), 422, "too_long", "until"),
        (json!({ "until": "2026-11-23T10:00:00Z" }), 422, "two_ends", "until"),
        (json!({ "until": "tomorrow" }), 422, "wrong_value", "until"),
        (json!({ "scope": { "region": ["mars"] } }), 422, "scope", "scope"),
        (json!({ "scope": { "planet": ["mars"] } }), 422, "scope", "scope"),
        (json!({ "scope": { "region": "eu" } }), 422, "wrong_value", "scope"),
        (json!({ "reason": null }), 422, "missing", "reason"),
        (json!({ "reason": "" }), 422, "missing", "reason"),
        (json!({ "reason": "\u{202e}\u{0}" }), 422, "missing", "reason"),
        (json!({ "reason": "x".repeat(2_001) }), 422, "too_long_text", "reason"),
        (json!({ "reason": 7 }), 422, "wrong_value", "reason"),
        (json!({ "ticket": "x".repeat(201) }), 422, "too_long_text", "ticket"),
        (json!({ "duration": "1h" }), 422, "unknown_member", "duration"),
    ] {
        for dry_run in [false, true] {
            let mut body = ask(change.clone());
            body["dry_run"] = json!(dry_run);
            let answer = dana.post("/requests", body).await;
            assert_eq!(
                (answer.status, answer.code(), answer.json["field"].as_str()),
                (status, code, Some(field)),
                "{change}: {}",
                answer.text
            );
            assert_problem(&server, &answer, "/api/v1/requests");
        }
    }
    let near = dana.post("/requests", ask(json!({ "role": "biling-read" }))).await;
    assert!(near.json["detail"].as_str().unwrap().contains("Did you mean billing-read"), "{}", near.text);
    let scope = dana.post("/requests", ask(json!({ "scope": { "region": ["mars"] } }))).await;
    assert!(scope.json["detail"].as_str().unwrap().contains("eu"), "what is allowed: {}", scope.text);
    // The same again is told with the reference of the one that waits.
    let first = dana.post("/requests", ask(json!({}))).await.ok(201);
    let again = dana.post("/requests", ask(json!({}))).await;
    assert_eq!(again.json["id"], first["request"]["reference"]);
    again.refused(409, "already_pending");
    let eve = server.api("eve").await;
    eve.post("/requests", ask(json!({ "role": "billing-refund" }))).await.refused(422, "unknown_role");
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 1);
    server.stop().await;
}

async fn mistakes_in_bodies(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.api("dana").await;
    let path = "/api/v1/requests";
    let json_type = [("content-type", "application/json")];
    let send = async |headers: &[(&str, &str)], body: Vec<u8>| {
        dana.send(Method::POST, path, headers, Some(body)).await
    };
    let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
    for (body, status, code) in [
        ("{".to_owned(), 400, "malformed"),
        (String::new(), 400, "malformed"),
        ("[]".to_owned(), 400, "malformed"),
        ("null".to_owned(), 400, "malformed"),
        (r#"{"role":"a","role":"b","reason":"x"}"#.to_owned(), 400, "malformed"),
        (deep, 413, "too_large"),
        (format!(r#"{{"role":"{}"}}"#, "x".repeat(70_000)), 413, "too_large"),
    ] {
        let short: String = body.chars().take(40).collect();
        let answer = send(&json_type, body.into_bytes()).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{short}: {}", answer.text);
        assert_problem(&server, &answer, path);
    }
    let good = ask(json!({})).to_string().into_bytes();
    send(&json_type, b"{\"role\":\"\xff\"}".to_vec()).await.refused(400, "malformed");
    for headers in
        [&[][..], &[("content-type", "text/plain")], &[("content-type", "application/x-www-form-urlencoded")]]
    {
        let answer = send(headers, good.clone()).await;
        assert_problem(&server, &answer, path);
        answer.refused(415, "unsupported_media_type");
    }
    for key in ["", "a b", &"k".repeat(129)] {
        let headers = [json_type[0], ("idempotency-key", key)];
        send(&headers, good.clone()).await.refused(400, "malformed");
    }
    let wrong = dana.send(Method::DELETE, path, &[], None).await;
    assert!(
        wrong.header("allow").contains("GET") && wrong.header("allow").contains("POST"),
        "{:?}",
        wrong.headers
    );
    assert_problem(&server, &wrong, path);
    wrong.refused(405, "method_not_allowed");
    let nowhere = dana.get("/nothing/here").await;
    assert_problem(&server, &nowhere, "/api/v1/nothing/here");
    nowhere.refused(404, "not_found");
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 0);
    server.stop().await;
}

async fn mistakes_in_deciding(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.api("dana").await, server.api("ana").await);
    let asked = dana.post("/requests", ask(json!({}))).await.ok(201)["request"].clone();
    let path = format!("/requests/{}/decisions", asked["reference"].as_str().unwrap());
    let digest = asked["digest"].as_str().unwrap();
    let decide = |change: Value| {
        let mut body = json!({ "verdict": "approve", "digest": digest });
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        body
    };
    for (change, status, code) in [
        (json!({ "verdict": "maybe" }), 422, "wrong_value"),
        (json!({ "digest": "0".repeat(64) }), 409, "digest_changed"),
        (json!({ "digest": "" }), 409, "digest_changed"),
        (json!({ "verdict": "deny" }), 422, "missing"),
        (json!({ "verdict": "deny", "comment": " " }), 422, "missing"),
        (json!({ "comment": "x".repeat(2_001) }), 422, "too_long_text"),
        (json!({ "for": "0m" }), 422, "not_positive"),
        (json!({ "for": "2h" }), 422, "too_long"),
        (json!({ "for": "x" }), 422, "unreadable_time"),
        (json!({ "vote": "yes" }), 422, "unknown_member"),
    ] {
        let answer = ana.post(&path, decide(change.clone())).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{change}: {}", answer.text);
    }
    dana.post(&path, decide(json!({}))).await.refused(403, "own_request");
    server.api("otto").await.post(&path, decide(json!({}))).await.refused(403, "not_approver");
    server.api("eve").await.post(&path, decide(json!({}))).await.refused(404, "not_found");
    server.api("kim").await.post(&path, decide(json!({}))).await.refused(404, "not_found");
    ana.post("/requests/R-2222222222/decisions", decide(json!({}))).await.refused(404, "not_found");
    let done = ana.post(&path, decide(json!({ "for": "30m" }))).await.ok(201);
    assert_eq!(
        (done["state"].as_str(), done["shortened_to"]["seconds"].as_i64()),
        (Some("approved"), Some(1_800))
    );
    ana.post(&path, decide(json!({}))).await.refused(409, "not_pending");

    // Under the grant: what is not, what is not theirs, what is over.
    let grant = done["grant"]["id"].as_str().unwrap();
    let credentials = format!("/grants/{grant}/credentials");
    ana.post(&credentials, json!({})).await.refused(403, "duty_needed");
    server.api("eve").await.post(&credentials, json!({})).await.refused(404, "not_found");
    dana.post(&credentials, json!({ "kind": "postgresql_login" })).await.refused(422, "wrong_value");
    dana.post(&credentials, json!({ "kind": "magic" })).await.refused(422, "wrong_value");
    dana.post("/grants/not-an-id/credentials", json!({})).await.refused(404, "not_found");
    dana.post(&format!("/grants/{grant}/revoke"), json!({ "reason": "x" })).await.refused(403, "duty_needed");
    ana.post(&format!("/grants/{grant}/revoke"), json!({})).await.refused(422, "missing");
    server.advance(1_800);
    dana.post(&credentials, json!({})).await.refused(409, "not_active");
    server.stop().await;
}

async fn mistakes_in_queries(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, otto) = (server.api("dana").await, server.api("otto").await);
    for (path, status, code) in [
        ("/requests?limit=0", 422, "wrong_value"),
        ("/requests?limit=201", 422, "wrong_value"),
        ("/requests?limit=many", 422, "wrong_value"),
        ("/requests?limit=1&limit=2", 400, "malformed"),
        ("/requests?after=not-a-cursor", 422, "bad_cursor"),
        ("/requests?view=everything", 422, "wrong_value"),
        ("/requests?state=gone", 422, "wrong_value"),
        ("/requests?role=%ff", 400, "malformed"),
        ("/requests?role=%00", 400, "malformed"),
        ("/requests?view=all", 403, "duty_needed"),
        ("/grants?state=active,gone", 422, "wrong_value"),
        ("/grants?view=all", 403, "duty_needed"),
        ("/requests/R-2222222222", 404, "not_found"),
        ("/requests/%00", 404, "not_found"),
        ("/requests/R-7KQ2M9XW4T?wait=-1", 422, "wrong_value"),
        ("/requests/R-7KQ2M9XW4T?wait=1", 404, "not_found"),
        ("/grants/00000000-0000-7000-8000-000000000000", 404, "not_found"),
        ("/grants/x", 404, "not_found"),
        ("/credentials/x", 404, "not_found"),
        ("/roles/%00", 404, "not_found"),
        ("/roles/no-such-role", 404, "not_found"),
        ("/audit/events", 404, "not_found"),
        ("/admin/catalogue/people", 404, "not_found"),
    ] {
        let answer = dana.get(path).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path}: {}", answer.text);
        assert_problem(&server, &answer, &format!("/api/v1{path}"));
    }
    for (path, code) in [
        ("/audit/events?from=yesterday", "unreadable_time"),
        ("/audit/events?actor=somebody", "wrong_value"),
        ("/audit/events?actor=nobody@hall.test", "wrong_value"),
        ("/audit/events?subject=x", "wrong_value"),
        ("/audit/events?after=x", "bad_cursor"),
        ("/audit/events?limit=1000", "wrong_value"),
    ] {
        otto.get(path).await.refused(422, code);
    }
    server.stop().await;
}

async fn tokens_that_do_not_work(backend: Backend) {
    let server = TestServer::start(backend).await;
    let nobody = server.nobody();
    let none = nobody.get("/me").await;
    assert_eq!(
        none.header("www-authenticate"),
        "Bearer",
        "no error code where no token came (RFC 6750 §3.1)"
    );
    none.refused(401, "not_signed_in");
    let dana = server.api("dana").await;
    let me = dana.get("/me").await.ok(200);
    assert_eq!(me["handle"], "dana@hall.test");
    let bad = |caller: &Caller| {
        let caller = caller.clone();
        async move {
            let answer = caller.get("/me").await;
            assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#);
            answer.refused(401, "invalid_token");
        }
    };
    for token in [
        "hpa_wrong",
        "x",
        "eyJhbGciOiJub25lIn0.e30.",
        &dana.token()[..dana.token().len() - 1],
        &format!("{}A", dana.token()),
        &dana.token().to_uppercase(),
    ] {
        bad(&nobody.with(token)).await;
    }
    // Never from a query, a body or a cookie.
    nobody.get(&format!("/me?access_token={}", dana.token())).await.refused(401, "not_signed_in");
    let browser = server.sign_in("dana").await;
    let page = browser.get("/api/v1/me").await;
    assert_eq!(page.status, 401);
    // At its end.
    server.advance(12 * 3_600 - 1);
    dana.get("/me").await.ok(200);
    server.advance(1);
    bad(&dana).await;
    server.stop().await;
}
