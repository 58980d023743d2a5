//! A program without a terminal, a home or an input: it asks, people decide, it fetches.
use hallpass_tests::database::Backend;
use hallpass_tests::process::signal;

use super::{reference, server, shell, stop, workload};

on_all!(a_program_asks_and_fetches, an_interrupted_wait_leaves_the_request_open,);

async fn a_program_asks_and_fetches(backend: Backend) {
    let server = server(backend).await;
    let (ci, ana) = (workload(&server, "nightly-report"), shell(&server, "ana").await);

    // A standing role needs nobody.
    let token = ci.run(&["token", "status-read"]).await.expect(0);
    server.secrets.plant("a standing token", token.value());
    assert_eq!(token.out.lines().count(), 1, "the token alone: {:?}", token.out);
    assert_eq!(server.introspect("billing-api", token.value()).await["active"], true);

    // Nothing is there yet; asking once is asking once.
    let none = ci.run(&["token", "billing-read"]).await.fails(7);
    assert!(none.said().contains("hallpass request billing-read"), "{}", none.said());
    let ask = [
        "token",
        "billing-read",
        "--if-needed",
        "--for",
        "5m",
        "--scope",
        "region=eu",
        "--reason",
        "the nightly report",
    ];
    let pending = ci.run(&[&ask[..], &["--wait=1s"]].concat()).await.fails(8);
    assert!(pending.said().contains("still waiting for a decision"), "{}", pending.said());
    let mut waiting = ci.start_closed(
        "token billing-read --if-needed --for 5m --scope region=eu --reason 'the nightly report' --wait",
    );
    let open = ana.run(&["list", "--to-approve", "--json"]).await.expect(0).json();
    let items = open["items"].as_array().unwrap();
    assert_eq!(items.len(), 1, "{open}");
    let reference = items[0]["reference"].as_str().unwrap().to_owned();
    let _ = waiting.says("/requests/").await;
    let _ = ana.run(&["approve", &reference, "--yes"]).await.expect(0);
    let token = waiting.end().await.expect(0);
    server.secrets.plant("a token", token.value());
    let about = server.introspect("billing-api", token.value()).await;
    assert_eq!((about["active"].as_bool(), about["scope"].as_str()), (Some(true), Some("billing-read")));

    // For curl, and for programs that want to know more.
    let header = ci.run(&["token", "billing-read", "--header"]).await.expect(0);
    server.secrets.plant("a token in a header", header.value().rsplit(' ').next().unwrap());
    assert!(header.out.starts_with("Authorization: Bearer ey"), "{}", header.out);
    let more = ci.run(&["token", "billing-read", "--json"]).await.expect(0).json();
    server.secrets.plant("a token in JSON", more["access_token"].as_str().unwrap());
    assert!(more["version"] == 1 && more["expires_at"].as_str().unwrap().ends_with('Z'), "{more}");

    // Its end: the token is dead at once.
    let _ = ci.run(&["end", "billing-read"]).await.expect(0);
    assert_eq!(server.introspect("billing-api", token.value()).await, serde_json::json!({ "active": false }));
    ci.assert_discreet(&server.secrets);
    let ada = shell(&server, "ada").await;
    let standing = ada.run(&["active", "--all", "--field", "id"]).await.expect(0);
    let _ = ada.run(&["revoke", standing.value(), "--reason", "it was broken into"]).await.expect(0);
    // A standing role that was revoked does not come back by itself; an administrator lets it, once.
    let blocked = ci.run(&["token", "status-read"]).await.fails(5);
    assert!(blocked.said().contains("An administrator must lift"), "{}", blocked.said());
    let sam = shell(&server, "sam").await;
    let _ = sam.run(&["lift", standing.value()]).await.fails(5);
    let lifted = ada.run(&["lift", standing.value()]).await.expect(0);
    assert!(lifted.said().contains("gets status-read again"), "{}", lifted.said());
    let _ = ada.run(&["lift", standing.value()]).await.fails(6);
    let token = ci.run(&["token", "status-read"]).await.expect(0);
    server.secrets.plant("another standing token", token.value());
    let again = ada.run(&["active", "--all", "--field", "id"]).await.expect(0);
    let _ = ada.run(&["revoke", again.value(), "--reason", "the test is over"]).await.expect(0);
    stop(server).await;
}

/// Ctrl-C while waiting: 130, the request stays open, and the wait can be taken up.
async fn an_interrupted_wait_leaves_the_request_open(backend: Backend) {
    let server = server(backend).await;
    let (dana, ana) = (shell(&server, "dana").await, shell(&server, "ana").await);
    let mut asking =
        dana.start(&["request", "orders-db-read", "--for", "5m", "--reason", "slow query", "--wait"]);
    let reference = reference(&mut asking).await;
    signal(asking.id(), "INT");
    let ran = asking.end().await.fails(130);
    assert!(ran.said().contains(&format!("hallpass wait {reference}")), "{}", ran.said());
    assert_eq!(dana.run(&["show", &reference, "--field", "state"]).await.expect(0).out, "pending\n");

    let mut waiting = dana.start(&["wait", &reference]);
    let _ = waiting.says("wait=").await;
    let denied = ana.run(&["deny", &reference, "--yes", "--comment", "use the replica"]).await.expect(0);
    assert!(denied.said().contains("Denied"), "{}", denied.said());
    let ran = waiting.end().await;
    assert_eq!(ran.code, 5, "{}", ran.said());
    assert!(ran.said().contains("use the replica") && ran.said().contains("Ana Ruiz"), "{}", ran.said());
    stop(server).await;
}
