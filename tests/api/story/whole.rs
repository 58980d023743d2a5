//! From the question to the receipt, as the people in it live it.
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::request::RequestState;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::mailbox::links;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(ask_approve_use_end);

async fn ask_approve_use_end(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;

    // The catalogue has what dana may ask for; the form says what would happen and sends nothing.
    let catalogue = dana.get("/catalogue").await.expect(200).words();
    assert!(catalogue.contains("billing-read") && catalogue.contains("Look up an invoice"), "{catalogue}");
    let form = dana.get("/request?role=billing-read").await.expect(200).form("/request");
    let form =
        form.with("for_text", "90m").with("reason", "invoice 4711 is wrong").with("ticket", "INC-4711");
    let checked = dana.send(&form.clone().with("action", "check")).await.expect(200).words();
    assert!(checked.contains("90 min") && checked.contains("Database on-call"), "{checked}");
    assert!(checked.contains("Ana Ruiz") && checked.contains("Bo Lind"), "who can decide: {checked}");
    assert_eq!(facts::requests(server.broker().store.as_ref()).await.len(), 0);

    let sent = dana.send(&form.with("action", "send")).await.expect(303);
    let reference = sent.header("location").rsplit('/').next().unwrap().to_owned();
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Pending);

    // Mail: to every approver of the open stage, with everything, and to nobody else; and to dana that it was received.
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Approve?"), ["ana", "bo", "olga"]);
    assert_eq!(server.mailbox.recipients("Received"), ["dana"]);
    let mail = server.mailbox.newest("ana", "Approve?");
    for part in [&mail.text, &mail.html] {
        for word in [
            "Dana Kim",
            "billing-read",
            "billing-api",
            "90 min",
            "invoice 4711 is wrong",
            "INC-4711",
            "18:00",
        ] {
            assert!(part.contains(word), "{word} in {part}");
        }
    }
    assert!(mail.subject.contains(&reference), "{}", mail.subject);
    let link = links(&mail, &server.base_url);
    assert_eq!(link, [format!("/r/{reference}")], "one link, without a secret");

    // The link, opened signed out: sign-in first, and back to it. It changes nothing.
    let before = facts::decided(&server).await;
    let ana = server.browser();
    let opened = ana.open(&link[0]).await.expect(200);
    assert_eq!(opened.path, "/sign-in");
    let page = server.sign_in_with(&ana, "ana").await;
    assert_eq!(page.path, link[0], "the way back is kept on the server");
    assert!(page.words().contains("Dana Kim asks for billing-read"), "{}", page.words());
    assert_eq!(facts::decided(&server).await, before);

    // Approved: the clock starts now.
    server.advance(600);
    let approved_at = server.now();
    steps::approve(&ana, &reference).await;
    let grant = steps::grant(&server, &reference).await;
    assert_eq!((grant.starts_at, grant.ends_at), (approved_at, approved_at + chrono::TimeDelta::minutes(90)));
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Approved until"), ["dana"]);
    assert_eq!(
        server.mailbox.recipients("No action needed"),
        ["bo", "olga"],
        "those who need not decide any more"
    );

    // A token, under it, for the one who asked.
    let issued = steps::token(&server, &dana, &grant).await;
    let active = server.introspect("billing-api", &issued).await;
    assert_eq!((active["active"].as_bool(), active["scope"].as_str()), (Some(true), Some("billing-read")));
    let detail = &active["authorization_details"][0];
    assert_eq!(detail["scope"], serde_json::json!({ "region": ["eu"] }));
    assert_eq!(detail["grant_id"], grant.id.to_string());
    assert!(!steps::is_active(&server, "reports-api", &issued).await, "only for its own audience");

    // A later token, short before the end, never passes the end.
    server.set_clock(grant.ends_at - chrono::TimeDelta::seconds(100));
    let dana = server.sign_in("dana").await;
    let last = steps::token(&server, &dana, &grant).await;
    let answer = server.introspect("billing-api", &last).await;
    assert_eq!(answer["exp"].as_i64(), Some(grant.ends_at.timestamp()));
    assert!(!steps::is_active(&server, "billing-api", &issued).await, "the first one has expired");

    // The very instant, before any reconciler has run.
    server.set_clock(grant.ends_at - chrono::TimeDelta::microseconds(1));
    assert!(steps::is_active(&server, "billing-api", &last).await);
    server.set_clock(grant.ends_at);
    assert!(!steps::is_active(&server, "billing-api", &last).await);
    let issue = dana.made_up(&format!("/grants/{}/credentials", grant.id), &[("kind", "access_token")]);
    let refused = dana.send(&issue).await;
    assert_eq!(refused.status, 409, "{}", refused.words());

    // Ended and checked: state, page, mail, receipt.
    server.settle().await;
    let ended = steps::grant(&server, &reference).await;
    assert_eq!((ended.state, ended.end_reason), (GrantState::Ended, Some(EndReason::Expired)));
    assert_eq!(server.mailbox.recipients("Ended and checked"), ["dana"]);
    let page = dana.get(&format!("/grants/{}", grant.id)).await.expect(200).words();
    assert!(page.contains("Ended"), "{page}");
    let receipt = dana.get(&format!("/grants/{}/receipt", grant.id)).await.expect(200).words();
    for word in ["Dana Kim", "Ana Ruiz", "invoice 4711 is wrong", "billing-read"] {
        assert!(receipt.contains(word), "{word} in {receipt}");
    }
    server.stop().await;
}
