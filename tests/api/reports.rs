//! The reports page: what it counts is what there is, however much of it is shown.
use chrono::TimeDelta;
use hallpass_domain::credential::{Credential, CredentialState, Plan, external_name};
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::role::CredentialKind;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;

on_both!(the_heading_counts_what_is_overdue_and_not_what_is_shown);

/// A login of a grant whose end was an hour ago. Nothing is at any target: more than a hundred real ones take minutes.
fn overdue(server: &TestServer, grant: &Grant) -> Credential {
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
