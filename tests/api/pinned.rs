//! What was approved is what is given: a role or workflow that changes after the ask, approvers who lose the right, and
//! a standing role that was revoked.
use hallpass_domain::grant::{EndReason, GrantState};
use hallpass_domain::request::{CloseCause, RequestState};
use hallpass_tests::database::{self, Backend};
use hallpass_tests::facts;
use hallpass_tests::mailbox::links;
use hallpass_tests::server::{Setup, TestServer};
use serde_json::json;

use crate::steps;

on_all!(
    a_role_made_wider_while_it_waits_is_not_given,
    text_and_durations_hurt_nobody,
    a_grant_gives_what_was_approved_and_no_more,
    approvals_of_who_lost_the_right_do_not_count,
    an_earlier_stage_opens_again,
    who_may_decide_by_now_is_asked_too,
    a_new_owner_counts_as_requester,
    a_revoked_standing_role_stays_revoked
);
mod logins {
    use super::*;
    on_all!(a_login_never_joins_a_group_that_was_not_approved);
}
mod once {
    use super::*;
    on_all!(one_key_issues_once_wherever_it_arrives);
}

/// The catalogue with one thing changed.
fn changed(server: &TestServer, from: &str, to: &str) -> String {
    let text = server.catalogue_text();
    assert!(text.contains(from), "{from}");
    text.replacen(from, to, 1)
}

/// The catalogue with a line of one role changed.
fn role_changed(server: &TestServer, role: &str, from: &str, to: &str) -> String {
    let text = server.catalogue_text();
    let start = text.find(&format!("[[roles]]\nname = \"{role}\"")).unwrap();
    let (before, after) = text.split_at(start);
    assert!(after.contains(from), "{from}");
    format!("{before}{}", after.replacen(from, to, 1))
}

async fn a_role_made_wider_while_it_waits_is_not_given(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    for (from, to) in [
        ("token_seconds = 900", "token_seconds = 3600"),
        ("tier = \"low\"", "tier = \"medium\""),
        ("workflow = \"one-of-oncall\"", "workflow = \"two-of-any\""),
    ] {
        let reference = steps::ask_because(&dana, "billing-read", "1h", &format!("to see {to}")).await;
        // The approver has the page open while an administrator changes the role.
        let form = ana.get(&format!("/r/{reference}")).await.expect(200).form(&format!("/r/{reference}"));
        server.apply(&role_changed(&server, "billing-read", from, to)).await;
        let answer = ana.send(&form.with("decision", "approve")).await.expect(409);
        assert!(answer.words().contains("The role changed"), "{}", answer.words());
        let request = steps::request(&server, &reference).await;
        assert_eq!(
            (request.state, request.closed_because),
            (RequestState::Lapsed, Some(CloseCause::RoleChanged)),
            "{to}"
        );
        assert!(server.broker().store.grant_of(request.id).await.unwrap().is_none());
        // The link in the approver's mail has its own page, before and after.
        let page = ana.get(&format!("/r/{reference}")).await.expect(200);
        assert!(page.words().contains("The role changed"), "{}", page.words());
        // Whoever asked is told, and asks again in one click: the form is filled in.
        server.settle().await;
        let mail = server.mailbox.newest("dana", "the role changed");
        let again = links(&mail, &server.base_url).into_iter().find(|l| l.contains("/request?")).unwrap();
        let page = dana.get(&again).await.expect(200);
        assert!(page.body.contains(&format!("to see {}", to.replace('"', "&#34;"))), "{}", page.body);
        let words = dana.get(&format!("/requests/{reference}")).await.expect(200).words();
        assert!(words.contains("the role changed after it was asked"), "{words}");
        assert!(server.mailbox.subjects("bo").iter().any(|s| s.contains("the role changed")));
        server.apply(&server.catalogue_text()).await;
    }
    server.stop().await;
}

async fn text_and_durations_hurt_nobody(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    for (from, to) in [
        ("purpose = \"Look up an invoice", "purpose = \"Look at an invoice"),
        ("usual = \"1h\"", "usual = \"2h\""),
        ("default = [\"eu\"]", "default = [\"us\"]"),
        ("max = \"8h\"\nusual = \"1h\"", "max = \"30m\"\nusual = \"30m\""),
    ] {
        let reference = steps::ask(&dana, "billing-read", "1h").await;
        server.apply(&role_changed(&server, "billing-read", from, to)).await;
        steps::approve(&ana, &reference).await;
        let grant = steps::grant(&server, &reference).await;
        let minutes = (grant.ends_at - grant.starts_at).num_minutes();
        assert_eq!(minutes, if to.contains("30m") { 30 } else { 60 }, "the stricter of then and now: {to}");
        server.apply(&server.catalogue_text()).await;
    }
    server
        .apply(&changed(&server, "title = \"Database on-call\"\napprovers", "title = \"On call\"\napprovers"))
        .await;
    server.stop().await;
}

async fn a_grant_gives_what_was_approved_and_no_more(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "billing-read", "4h").await;
    let api = server.api_with(&dana).await;
    let path = format!("/grants/{}/credentials", grant.id);
    let lifetime = async |server: &TestServer| {
        let issued = api.post(&path, json!({})).await.ok(201);
        server.secrets.plant("an access token", issued["access_token"].as_str().unwrap());
        issued["expires_in"].as_i64().unwrap()
    };
    assert_eq!(lifetime(&server).await, 900);
    server.apply(&role_changed(&server, "billing-read", "token_seconds = 900", "token_seconds = 3600")).await;
    assert_eq!(lifetime(&server).await, 900, "more was not approved");
    server.apply(&role_changed(&server, "billing-read", "token_seconds = 900", "token_seconds = 60")).await;
    assert_eq!(lifetime(&server).await, 60, "less holds at once");
    // Another audience, or a scope that is not the role's any more: that is something else.
    for text in [
        changed(
            &server,
            "audience = \"https://billing.hall.test\"",
            "audience = \"https://other.hall.test\"",
        ),
        role_changed(
            &server,
            "billing-read",
            "allowed = [\"eu\", \"us\"]\ndefault = [\"eu\"]",
            "allowed = [\"us\"]\ndefault = [\"us\"]",
        ),
    ] {
        server.apply(&text).await;
        api.post(&path, json!({})).await.refused(409, "role_changed");
    }
    server.apply(&server.catalogue_text()).await;
    assert_eq!(lifetime(&server).await, 900);
    server.stop().await;
}

async fn approvals_of_who_lost_the_right_do_not_count(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let (dana, bo, cleo) =
        (server.sign_in("dana").await, server.sign_in("bo").await, server.sign_in("cleo").await);
    let reference = steps::ask(&dana, "billing-audit", "1h").await;
    steps::approve(&server.sign_in("ana").await, &reference).await;
    let without = changed(
        &server,
        "\"olga@hall.test\", \"ana@hall.test\", \"bo@hall.test\"",
        "\"olga@hall.test\", \"bo@hall.test\"",
    );
    server.apply(&without).await;
    steps::approve(&bo, &reference).await;
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Pending, "one of two");
    let words = dana.get(&format!("/requests/{reference}")).await.expect(200).words();
    assert!(words.contains("1 of 2 approved") && words.contains("Does not count any more"), "{words}");
    steps::approve(&cleo, &reference).await;
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Approved);
    server.stop().await;
}

async fn an_earlier_stage_opens_again(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let (dana, bo, cleo) =
        (server.sign_in("dana").await, server.sign_in("bo").await, server.sign_in("cleo").await);
    let reference = steps::ask(&dana, "billing-admin", "1h").await;
    steps::approve(&server.sign_in("ana").await, &reference).await;
    assert_eq!(steps::request(&server, &reference).await.stage, 1);
    let without = changed(
        &server,
        "\"olga@hall.test\", \"ana@hall.test\", \"bo@hall.test\"",
        "\"olga@hall.test\", \"bo@hall.test\"",
    );
    server.apply(&without).await;
    let request = steps::request(&server, &reference).await;
    assert_eq!((request.state, request.stage), (RequestState::Pending, 0), "its only approval fell away");
    assert_eq!(facts::events(&server, "request.stage_reopened", None).await, 1);
    let page = steps::decide(&bo, &reference, "approve", &[]).await.expect(200);
    assert!(page.words().contains("Your approval is recorded"), "{}", page.words());
    steps::approve(&cleo, &reference).await;
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Approved);
    server.stop().await;
}

async fn who_may_decide_by_now_is_asked_too(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let without = changed(
        &server,
        "\"olga@hall.test\", \"ana@hall.test\", \"bo@hall.test\"",
        "\"olga@hall.test\", \"bo@hall.test\"",
    );
    server.apply(&without).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-read", "1h").await;
    server.settle().await;
    let asked = server.mailbox.recipients("Approve?");
    assert!(!asked.is_empty() && !asked.contains(&"ana".to_owned()), "{asked:?}");
    // She comes on call while it waits: she is asked, and nobody again, however often it is looked at.
    server.apply(&server.catalogue_text()).await;
    server.broker().end_what_may_not_be().await.unwrap();
    server.settle().await;
    let mut wanted = asked.clone();
    wanted.push("ana".to_owned());
    wanted.sort();
    assert_eq!(server.mailbox.recipients("Approve?"), wanted);
    assert_eq!(facts::events(&server, "request.approvers_asked", None).await, 1);
    steps::approve(&server.sign_in("ana").await, &reference).await;
    assert_eq!(steps::request(&server, &reference).await.state, RequestState::Approved);
    server.stop().await;
}

async fn a_new_owner_counts_as_requester(backend: Backend) {
    let mut server = TestServer::start(backend).await;
    let workload = server.workload("nightly-report").await;
    let body = json!({ "role": "billing-read", "for": "1h", "reason": "the nightly report" });
    let asked = workload.post("/requests", body).await.ok(201);
    let reference = asked["request"]["reference"].as_str().unwrap().to_owned();
    let ana = server.sign_in("ana").await;
    let _ = ana.get(&format!("/r/{reference}")).await.expect(200).form(&format!("/r/{reference}"));
    let owners = changed(
        &server,
        "title = \"Nightly report\"\nowners = [\"sam@hall.test\"]",
        "title = \"Nightly report\"\nowners = [\"sam@hall.test\", \"ana@hall.test\"]",
    );
    server.apply(&owners).await;
    let page = ana.get(&format!("/r/{reference}")).await.expect(200);
    assert!(page.words().contains("This is your own request"), "{}", page.words());
    let digest = steps::request(&server, &reference).await.digest;
    let api = server.api_with(&ana).await;
    api.post(&format!("/requests/{reference}/decisions"), json!({ "verdict": "approve", "digest": digest }))
        .await
        .refused(403, "own_request");
    server.stop().await;
}

async fn a_revoked_standing_role_stays_revoked(backend: Backend) {
    let server = TestServer::start(backend).await;
    let secret = server.secret("nightly-report").to_owned();
    let fetch = async |server: &TestServer| {
        let fields = [("grant_type", "client_credentials"), ("scope", "status-read")];
        server.nobody().oauth("token", Some(("nightly-report", &secret)), &fields).await
    };
    let first = fetch(&server).await.ok(200);
    let token = first["access_token"].as_str().unwrap().to_owned();
    server.secrets.plant("a workload's token", &token);
    let grant = facts::grants(server.broker().store.as_ref()).await.pop().unwrap();
    assert_eq!(grant.request_id, None);
    let (ada, sam) = (server.sign_in("ada").await, server.sign_in("sam").await);
    let api = server.api_with(&ada).await;
    api.post(&format!("/grants/{}/revoke", grant.id), json!({ "reason": "it was broken into" }))
        .await
        .ok(200);
    assert!(!steps::is_active(&server, "billing-api", &token).await);
    // The next call does not bring it back, and says why.
    let refused = fetch(&server).await;
    assert_eq!(
        (refused.status, refused.json["error"].as_str()),
        (400, Some("unauthorized_client")),
        "{}",
        refused.text
    );
    assert!(refused.text.contains("An administrator must lift"), "{}", refused.text);
    let workload = server.workload("nightly-report").await;
    assert_eq!(workload.get("/roles/status-read").await.ok(200)["state"], "eligible");
    let words = sam.get(&format!("/grants/{}", grant.id)).await.expect(200).words();
    assert!(words.contains("does not get this role any more"), "{words}");
    let listed = api.get("/admin/catalogue/workloads").await.ok(200).to_string();
    assert!(listed.contains(&format!("\"grant_id\":\"{}\"", grant.id)), "{listed}");
    // Only an administrator lifts it; once.
    let lift = format!("/grants/{}/lift", grant.id);
    server.api_with(&sam).await.post(&lift, json!({})).await.refused(403, "duty_needed");
    let form = ada.get(&format!("/grants/{}", grant.id)).await.expect(200).form(&lift);
    let _ = ada.send(&form).await.expect(303);
    api.post(&lift, json!({})).await.refused(409, "not_active");
    for kind in ["grant.standing_blocked", "grant.standing_lifted"] {
        assert_eq!(facts::events(&server, kind, None).await, 1, "{kind}");
    }
    let again = fetch(&server).await.ok(200);
    server.secrets.plant("a workload's token", again["access_token"].as_str().unwrap());
    // It has a receipt like any other grant, which says that nobody was asked.
    let words = sam.get(&format!("/grants/{}/receipt", grant.id)).await.expect(200).words();
    assert!(words.contains("no request: a standing role"), "{words}");
    let stored = server.broker().store.grant(grant.id).await.unwrap().unwrap();
    assert_eq!(stored.end_reason, Some(EndReason::Revoked));
    assert_ne!(stored.state, GrantState::Active);
    server.stop().await;
}

async fn a_login_never_joins_a_group_that_was_not_approved(backend: Backend) {
    let cluster = database::target().await;
    let superuser = cluster.superuser("postgres").await;
    let owners = format!("orders_owners_{}", uuid::Uuid::new_v4().simple());
    let sql = format!("CREATE ROLE {owners} NOLOGIN; GRANT {owners} TO hallpass_admin WITH ADMIN OPTION");
    superuser.batch_execute(&sql).await.unwrap();
    let targets = vec![("orders-db".to_owned(), cluster)];
    let mut server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "orders-db-read", "30m").await;
    let api = server.api_with(&dana).await;
    let path = format!("/grants/{}/credentials", grant.id);
    let groups = async |server: &TestServer| {
        let login = api.post(&path, json!({})).await.ok(201);
        server.secrets.plant("a login's password", login["password"].as_str().unwrap());
        let rows = superuser
            .query(
                "SELECT g.rolname::text FROM pg_auth_members m JOIN pg_roles g ON g.oid = m.roleid JOIN pg_roles u ON u.oid = m.member WHERE u.rolname = $1 ORDER BY 1",
                &[&login["user"].as_str().unwrap()],
            )
            .await
            .unwrap();
        rows.iter().map(|r| r.get::<_, String>(0)).collect::<Vec<_>>()
    };
    assert_eq!(groups(&server).await, ["orders_read"]);
    let role = |groups: &str| changed(&server, "groups = [\"orders_read\"]", groups);
    let (wider, other) = (
        role(&format!("groups = [\"orders_read\", \"{owners}\"]")),
        role(&format!("groups = [\"{owners}\"]")),
    );
    server.apply(&wider).await;
    assert_eq!(groups(&server).await, ["orders_read"], "the group that came later was not approved");
    server.apply(&other).await;
    api.post(&path, json!({})).await.refused(409, "role_changed");
    // Asked anew, it gives what the role is now.
    let now = steps::granted(&server, &dana, "orders-db-read", "29m").await;
    let path = format!("/grants/{}/credentials", now.id);
    let login = api.post(&path, json!({})).await.ok(201);
    server.secrets.plant("a login's password", login["password"].as_str().unwrap());
    for grant in [grant, now] {
        api.post(&format!("/grants/{}/end", grant.id), json!({})).await.ok(200);
    }
    hallpass_tests::wait::eventually("both are gone", || async {
        let all = facts::grants(server.broker().store.as_ref()).await;
        all.iter().all(|g| g.state == GrantState::Ended).then_some(())
    })
    .await;
    superuser.batch_execute(&format!("DROP ROLE {owners}")).await.unwrap();
    hallpass_tests::wait::eventually("every mail is sent", || async {
        (server.broker().store.outbox_age().await.unwrap().1 == 0).then_some(())
    })
    .await;
    server.stop().await;
}

/// Sent to all servers at once, again and again, one key gives one secret.
async fn one_key_issues_once_wherever_it_arrives(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "billing-read", "4h").await;
    let api = server.api_with(&dana).await;
    let path = format!("/grants/{}/credentials", grant.id);
    for round in 0..20_usize {
        let key = format!("issue-{round}");
        let all = (0..6).map(|_| api.post_once(&path, &key, json!({})));
        let mut issued = 0;
        for answer in futures_util::future::join_all(all).await {
            match (answer.status, answer.code()) {
                (201, _) => {
                    issued += 1;
                    let token = answer.json["access_token"].as_str().unwrap().to_owned();
                    server.secrets.plant("an access token", &token);
                }
                (409, "in_flight" | "issued_not_retrievable") => {}
                other => panic!("{other:?}: {}", answer.text),
            }
        }
        assert_eq!(issued, 1, "round {round}");
        let tokens = server.broker().store.tokens_of(grant.id, 100).await.unwrap();
        assert_eq!(tokens.len(), round + 1);
        api.post_once(&path, &key, json!({})).await.refused(409, "issued_not_retrievable");
    }
    server.stop().await;
}
