//! `Idempotency-Key`: sent again is done once; whichever server it reaches.
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(the_same_key_is_the_same_request);

async fn the_same_key_is_the_same_request(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, sam) = (server.api("dana").await, server.api("sam").await);
    let body = |reason: &str| json!({ "role": "billing-read", "for": "1h", "reason": reason });
    let first = dana.post_once("/requests", "key-1", body("once")).await;
    assert_eq!(first.header("idempotency-replayed"), "");
    let location = first.header("location").to_owned();
    let first = first.ok(201);
    for _ in 0..4 {
        let again = dana.post_once("/requests", "key-1", body("once")).await;
        assert_eq!(
            (again.header("idempotency-replayed"), again.header("location")),
            ("true", location.as_str())
        );
        assert_eq!(again.ok(201)["request"]["reference"], first["request"]["reference"]);
    }
    // Another body, another person, another path.
    dana.post_once("/requests", "key-1", body("another")).await.refused(422, "idempotency_key_reused");
    sam.post_once("/requests", "key-1", body("once")).await.ok(201);
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 2);

    // A refusal is recorded, too.
    let long = json!({ "role": "billing-read", "for": "9h", "reason": "x" });
    dana.post_once("/requests", "key-2", long.clone()).await.refused(422, "too_long");
    let again = dana.post_once("/requests", "key-2", long).await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    again.refused(422, "too_long");

    // Many at once: asked once; the others get the same request, or are told that it is under way or asked already.
    let all = (0..6).map(|_| dana.post_once("/requests", "key-3", body("all at once")));
    let mut created = 0;
    for answer in futures_util::future::join_all(all).await {
        match (answer.status, answer.code()) {
            (201, _) => created += 1,
            (409, "in_flight" | "already_pending" | "conflict") => {}
            other => panic!("{other:?}: {}", answer.text),
        }
    }
    assert!(created >= 1);
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 3);

    // A secret is given once: the replay says which credential it was, and never what it was.
    let reference = first["request"]["reference"].as_str().unwrap();
    steps::approve(&server.sign_in("ana").await, reference).await;
    let grant = steps::grant(&server, reference).await;
    let path = format!("/grants/{}/credentials", grant.id);
    let issued = dana.post_once(&path, "key-4", json!({})).await.ok(201);
    server.secrets.plant("an access token", issued["access_token"].as_str().unwrap());
    let again = dana.post_once(&path, "key-4", json!({})).await;
    assert!(!again.text.contains(issued["access_token"].as_str().unwrap()));
    assert_eq!(again.refused(409, "issued_not_retrievable")["id"], issued["id"]);
    let tokens = server.broker().store.tokens_of(grant.id, 10).await.unwrap();
    assert_eq!(tokens.len(), 1);

    // Kept for a day.
    server.advance(24 * 3_600);
    let dana = server.api("dana").await;
    let anew = dana.post_once("/requests", "key-2", body("the next day")).await;
    assert_eq!(anew.status, 201, "{}", anew.text);
    server.stop().await;
}
