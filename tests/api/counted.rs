//! The event of a grant's end says how many events the log has about it, also where many grants end together.
use std::collections::BTreeMap;

use hallpass_domain::audit::event::{Event, NewEvent, Salt};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::EventId;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_domain::transition::Transition;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::{Value, json};

use crate::steps;

on_all!(of_each_that_ends, of_one_that_has_more_than_a_receipt_holds);

/// A grant of each of these people, with as many tokens as it says.
async fn with_tokens(server: &TestServer, people: [(&str, usize); 2]) -> Vec<Grant> {
    let ana = server.sign_in("ana").await;
    let mut grants = Vec::new();
    for (name, tokens) in people {
        let person = server.sign_in(name).await;
        let reference = steps::ask(&person, "billing-read", "10m").await;
        steps::approve(&ana, &reference).await;
        let grant = steps::grant(server, &reference).await;
        for _ in 0..tokens {
            steps::token(server, &person, &grant).await;
        }
        grants.push(grant);
    }
    grants
}

async fn over(server: &TestServer) {
    server.advance(601);
    server.settle().await;
}

/// What the event of its end says, and what is counted one by one, mails and itself left out.
async fn said_and_so(server: &TestServer, grant: &Grant) -> (Value, Value) {
    let store = server.broker().store.as_ref();
    assert_eq!(store.grant(grant.id).await.unwrap().unwrap().state, GrantState::Ended);
    let mut events = BTreeMap::new();
    for subject in [("grant", grant.id.to_string()), ("request", grant.request_id.unwrap().to_string())] {
        let subject = Some((subject.0.to_owned(), subject.1));
        let filter = AuditFilter { subject, ..AuditFilter::default() };
        for logged in store.events(&filter, None, 10_000).await.unwrap() {
            let parts = logged.event.parts();
            events.insert(parts.id, (parts.kind.clone(), parts.data.clone()));
        }
    }
    let mut said = Value::Null;
    let mut kinds = BTreeMap::<String, u64>::new();
    for (kind, data) in events.into_values().filter(|(kind, _)| !kind.starts_with("mail.")) {
        if kind == "grant.ended" {
            said = data["events"].clone();
        } else {
            *kinds.entry(kind).or_default() += 1;
        }
    }
    (said, json!(kinds))
}

async fn of_each_that_ends(backend: Backend) {
    let server = TestServer::start(backend).await;
    let grants = with_tokens(&server, [("dana", 2), ("eve", 3)]).await;
    over(&server).await;
    for (grant, tokens) in grants.iter().zip([2, 3]) {
        let (said, so) = said_and_so(&server, grant).await;
        assert_eq!(said, so);
        assert_eq!((&said["token.issued"], &said["request.approved"]), (&json!(tokens), &json!(1)), "{said}");
    }
    server.stop().await;
}

/// It says so by saying nothing; the one that ends with it is counted all the same.
async fn of_one_that_has_more_than_a_receipt_holds(backend: Backend) {
    let server = TestServer::start(backend).await;
    let grants = with_tokens(&server, [("dana", 1), ("eve", 1)]).await;
    let at = server.broker().now();
    for _ in 0..10 {
        let many = (0..1_000).map(|n| {
            Event::new(NewEvent {
                id: EventId::new(at).0,
                at,
                kind: "token.issued".to_owned(),
                actor: "system".to_owned(),
                subjects: [("grant".to_owned(), grants[0].id.to_string())].into(),
                data: json!({ "n": n }),
                private: json!({}),
                salt: Salt::from_bytes([7; 32]),
            })
            .unwrap()
        });
        server.broker().store.commit(many.fold(Transition::new(at), Transition::event)).await.unwrap();
    }
    over(&server).await;
    assert_eq!(said_and_so(&server, &grants[0]).await.0, Value::Null);
    let (said, so) = said_and_so(&server, &grants[1]).await;
    assert_eq!(said, so);
    assert_eq!(said["token.issued"], json!(1));
    server.stop().await;
}
