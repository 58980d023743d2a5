//! Rights that change between the ask and its end: of who asked, and of who approved.
use hallpass_domain::grant::EndReason;
use hallpass_domain::request::RequestState;
use hallpass_tests::database::{Backend, Database, cluster};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;

on_all!(
    who_may_not_have_the_role_is_not_approved_and_can_be_denied,
    who_approved_may_revoke_whatever_group_he_is_in,
    who_owns_a_workload_now_takes_its_request_back
);

/// Takes somebody out of a group as an administrator's change does whose server died before it closed what hangs on it.
async fn taken_out(server: &TestServer, email: &str, group: &str) {
    let mut outsider = match &server.database {
        Database::File(path) => Outsider::connect(&format!("sqlite:{}", path.display())).await,
        Database::Server(name) => Outsider::connect(&cluster().await.url(name)).await,
    };
    let taken = format!(
        "DELETE FROM group_members WHERE member_id = (SELECT id FROM users WHERE email = '{email}') \
         AND group_id = (SELECT id FROM groups WHERE name = '{group}')"
    );
    outsider.sql(&taken).await;
    outsider.sql("UPDATE catalogue_revision SET revision = revision + 1").await;
}

async fn who_may_not_have_the_role_is_not_approved_and_can_be_denied(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let one = steps::ask(&dana, "billing-read", "1h").await;
    let two = steps::ask(&dana, "billing-audit", "1h").await;
    let forms = [&one, &two].map(|r| format!("/r/{r}"));
    let api = server.api_with(&ana).await;
    for action in &forms {
        let _ = ana.get(action).await.expect(200).form(action);
    }
    taken_out(&server, "dana@hall.test", "developers").await;

    // Neither the only approval nor the first of two is taken. The page says what can be done, and keeps what was typed.
    for (reference, action) in [&one, &two].into_iter().zip(&forms) {
        let page = steps::decide(&ana, reference, "approve", &[("comment", "fine by me")]).await.expect(409);
        let words = page.words();
        assert!(words.contains("may no longer have this role") && words.contains("Deny it"), "{words}");
        assert!(!words.contains("Somebody was faster"), "{words}");
        assert_eq!(page.form(action).value("comment"), "fine by me");
        let request = steps::request(&server, reference).await;
        assert_eq!(request.state, RequestState::Pending);
        assert!(server.broker().store.decisions(request.id).await.unwrap().is_empty(), "{reference}");
        let body = json!({ "verdict": "approve", "digest": request.digest });
        api.post(&format!("/requests/{reference}/decisions"), body).await.refused(403, "policy");
        // Whoever opens it now reads it before deciding.
        let words = ana.get(action).await.expect(200).words();
        assert!(words.contains("this can only be denied"), "{words}");
        let _ = steps::decide(&ana, reference, "deny", &[("comment", "not a developer")]).await.expect(200);
        assert_eq!(steps::request(&server, reference).await.state, RequestState::Denied);
    }
    server.stop().await;
}

async fn who_approved_may_revoke_whatever_group_he_is_in(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let (dana, bo) = (server.sign_in("dana").await, server.sign_in("bo").await);
    let reference = steps::ask(&dana, "billing-read", "2h").await;
    steps::approve(&bo, &reference).await;
    let grant = steps::grant(&server, &reference).await;
    let denied = steps::ask(&dana, "ledger-read", "1h").await;
    let _ = steps::decide(&bo, &denied, "deny", &[("comment", "no")]).await.expect(200);
    let text = server.catalogue_text();
    let without = text.replace("\"ana@hall.test\", \"bo@hall.test\"", "\"ana@hall.test\"");
    assert_ne!(text, without);
    server.apply(&without).await;

    // Everything that "Decided by me" links to opens, and so does the mailed link.
    let mine = bo.get("/inbox?tab=history").await.expect(200);
    for decided in [&reference, &denied] {
        let path = format!("/requests/{decided}");
        assert!(mine.links().contains(&path), "{:?}", mine.links());
        let _ = bo.get(&path).await.expect(200);
        steps::assert_outcome(&bo.get(&format!("/r/{decided}")).await.expect(200), "Already decided");
    }
    // What he did not decide is not his to see.
    let other = steps::ask(&dana, "reports-read", "1h").await;
    let _ = bo.get(&format!("/requests/{other}")).await.expect(404);
    steps::assert_outcome(&bo.get(&format!("/r/{other}")).await, "Not yours");
    let api = server.api_with(&bo).await;
    api.get(&format!("/requests/{other}")).await.refused(404, "not_found");

    let path = format!("/grants/{}", grant.id);
    assert_eq!(api.get(&path).await.ok(200)["state"], "active");
    let form = bo.get(&path).await.expect(200).form(&format!("{path}/revoke"));
    let _ = bo.send(&form.with("reason", "I should not have")).await.expect(303);
    let ended = server.broker().store.grant(grant.id).await.unwrap().unwrap();
    assert_eq!(ended.end_reason, Some(EndReason::Revoked));
    server.settle().await;
    let _ = server.mailbox.newest("dana", "evoked");
    // A denial gives no right over a grant that somebody else approved.
    let ana = server.sign_in("ana").await;
    steps::approve(&ana, &other).await;
    let foreign = steps::grant(&server, &other).await;
    api.post(&format!("/grants/{}/revoke", foreign.id), json!({ "reason": "x" }))
        .await
        .refused(404, "not_found");
    server.stop().await;
}

/// The program asked for an owner who is none any more: its owners of today answer for what it asks.
async fn who_owns_a_workload_now_takes_its_request_back(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let workload = server.workload("nightly-report").await;
    let body =
        json!({ "role": "billing-read", "for": "45m", "scope": { "region": ["us"] }, "reason": "month end" });
    let asked = workload.post("/requests", body).await.ok(201)["request"].clone();
    let reference = asked["reference"].as_str().unwrap();
    let path = format!("/requests/{reference}");
    let dana = server.sign_in("dana").await;
    let api = server.api_with(&dana).await;
    let _ = dana.get(&path).await.expect(404);
    api.get(&path).await.refused(404, "not_found");
    api.post(&format!("{path}/withdraw"), json!({})).await.refused(404, "not_found");

    let text = server.catalogue_text();
    let handed_on = text.replacen("owners = [\"sam@hall.test\"]", "owners = [\"dana@hall.test\"]", 1);
    assert_ne!(text, handed_on);
    server.apply(&handed_on).await;
    assert_eq!(steps::request(&server, reference).await.state, RequestState::Pending);

    // She reads it, is offered it on the page, and does it; whoever decides does not.
    assert_eq!(api.get(&path).await.ok(200)["can_withdraw"], true);
    let _ = dana.get(&path).await.expect(200).form(&format!("{path}/withdraw"));
    let bo = server.api("bo").await;
    assert_eq!(bo.get(&path).await.ok(200)["can_withdraw"], false);
    bo.post(&format!("{path}/withdraw"), json!({})).await.refused(403, "duty_needed");
    assert_eq!(api.post(&format!("{path}/withdraw"), json!({})).await.ok(200)["state"], "withdrawn");
    assert_eq!(api.post(&format!("{path}/withdraw"), json!({})).await.ok(200)["state"], "withdrawn");
    server.stop().await;
}
