//! The reports page: what it counts is what there is, however much of it is shown.
use chrono::TimeDelta;
use hallpass_domain::credential::{Credential, CredentialState, Plan, external_name};
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::{CredentialId, FindingId, TargetId};
use hallpass_domain::role::CredentialKind;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;

on_all!(
    the_heading_counts_what_is_overdue_and_not_what_is_shown,
    findings_are_listed_newest_first_page_by_page
);

/// A login of a grant whose end was an hour ago. Nothing is at any target: more than a hundred real ones take minutes.
pub(crate) fn overdue(server: &TestServer, grant: &Grant) -> Credential {
    let (now, id) = (server.now(), CredentialId::new(server.now()));
    let due = now - TimeDelta::hours(1);
    Credential {
        id,
        grant_id: grant.id,
        target_id: grant.target_id,
        kind: CredentialKind::PostgresqlLogin,
        state: CredentialState::Revoking,
        external_name: external_name("test", id),
        plan: Plan::PostgresqlLogin {
            database: "orders".to_owned(),
            groups: Vec::new(),
            connection_limit: 1,
        },
        not_after: due,
        create_deadline: due,
        due_at: due,
        intended_at: due - TimeDelta::hours(1),
        live_at: None,
        probe: None,
        denied_at: None,
        sessions_ended_at: None,
        sessions_cut: None,
        removed_at: None,
        verified_at: None,
        attempts: 3,
        next_attempt_at: now + TimeDelta::hours(1),
        last_error: Some("down".to_owned()),
        alerted_at: Some(now),
        claimed_by: None,
        claimed_until: None,
        fence: 1,
        external_oid: None,
        version: 1,
    }
}

async fn the_heading_counts_what_is_overdue_and_not_what_is_shown(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ada) = (server.sign_in("dana").await, server.sign_in("ada").await);
    let grant = steps::granted(&server, &dana, "billing-read", "1h").await;
    let words = ada.get("/reports").await.expect(200).words();
    assert!(words.contains("Due and not yet verified gone 0"), "{words}");

    let all: Vec<Credential> = (0..103).map(|_| overdue(&server, &grant)).collect();
    let commit = async |changed: &dyn Fn(&Credential) -> Credential| {
        let changes = all.iter().map(|c| Change::Credential(Box::new(changed(c))));
        let transition = changes.fold(Transition::new(server.now()), Transition::with);
        server.broker().commit(transition).await.expect("they are written");
    };
    commit(&|c| Credential { state: CredentialState::Intended, ..c.clone() }).await;
    commit(&|c| Credential { version: 2, ..c.clone() }).await;
    let words = ada.get("/reports").await.expect(200).words();
    assert!(words.contains("Due and not yet verified gone 103"), "{words}");
    assert!(words.contains("103 Overdue at targets"), "{words}");
    assert!(words.contains("The 100 that wait longest are shown."), "{words}");

    let gone = Some(server.now());
    commit(&|c| Credential {
        state: CredentialState::Revoked,
        denied_at: gone,
        sessions_ended_at: gone,
        removed_at: gone,
        verified_at: gone,
        version: 3,
        ..c.clone()
    })
    .await;
    let words = ada.get("/reports").await.expect(200).words();
    assert!(words.contains("Nothing is overdue.") && !words.contains("are shown"), "{words}");
    server.stop().await;
}

/// An account that differs, seen so many seconds from now. Nothing is at any target.
pub(crate) fn finding(server: &TestServer, target_id: TargetId, seconds: i64) -> Finding {
    let at = server.now() + TimeDelta::seconds(seconds);
    Finding {
        id: FindingId::new(at),
        target_id,
        // By name they are in the other order.
        external_name: format!("hp_test_{:03}", 999 - seconds),
        external_oid: Some(1),
        credential_id: Some(CredentialId::new(at)),
        groups: Vec::new(),
        kind: FindingKind::Changed,
        differences: vec!["has CREATEDB".to_owned()],
        first_seen_at: at,
        changed_at: at,
        removing_since: None,
        confirmed_by: None,
        trouble: None,
        attempts: 0,
        next_attempt_at: at + TimeDelta::hours(1),
        closed_at: None,
        version: 1,
    }
}

async fn findings_are_listed_newest_first_page_by_page(backend: Backend) {
    const ALL: usize = 120;
    let server = TestServer::start(backend).await;
    let ada = server.sign_in("ada").await;
    let target = server.broker().store.catalogue().await.unwrap().targets.keys().next().copied().unwrap();
    let all: Vec<Finding> = (0..120).map(|seconds| finding(&server, target, seconds)).collect();
    let commit = async |findings: Vec<Finding>| {
        let changes = findings.into_iter().map(|f| Change::Finding(Box::new(f)));
        let transition = changes.fold(Transition::new(server.now()), Transition::with);
        server.broker().commit(transition).await.expect("they are written");
    };
    commit(all.clone()).await;
    let newest: Vec<String> = all.iter().rev().map(|f| f.external_name.clone()).collect();

    // The page: each leads to the next, the last one back to the first.
    let (mut shown, mut path, mut pages) = (Vec::new(), "/reports".to_owned(), 0);
    loop {
        let page = ada.get(&path).await.expect(200);
        let words = page.words();
        assert!(words.contains(&format!("not as our records say {ALL}")), "{words}");
        shown.extend(words.split_whitespace().filter(|w| w.starts_with("hp_test_")).map(str::to_owned));
        pages += 1;
        assert_eq!(page.body.contains("href=\"/reports#findings\""), pages > 1, "{:?}", page.links());
        match page.links().into_iter().find(|l| l.starts_with("/reports?")) {
            Some(next) => path = next,
            None => break,
        }
    }
    // Each name stands in its row, and nowhere else.
    assert_eq!((shown, pages), (newest.clone(), 3));

    // The API, as other lists.
    let api = server.api_with(&ada).await;
    let (mut listed, mut after) = (Vec::new(), String::new());
    loop {
        let page = api.get(&format!("/admin/findings?limit=50{after}")).await.ok(200);
        let items = page["items"].as_array().unwrap();
        listed.extend(items.iter().map(|f| f["account"].as_str().unwrap().to_owned()));
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(listed, newest);
    api.get("/admin/findings?after=x").await.refused(422, "bad_cursor");

    // A page whose cursor is none begins again, as the audit page does.
    assert!(ada.get("/reports?before=x").await.expect(200).words().contains(&newest[0]));
    let closed = Some(server.now() + TimeDelta::hours(1));
    commit(all.into_iter().map(|f| Finding { closed_at: closed, version: 2, ..f }).collect()).await;
    assert!(!ada.get("/reports").await.expect(200).words().contains("not as our records say"));
    server.stop().await;
}
