//! A PostgreSQL login from the ask to its proven end, on a real cluster, in real time.
use chrono::TimeDelta;
use hallpass_client::Client;
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::{CredentialState, Issued, IssuedLogin};
use hallpass_client::wire::grants::{AtTargetState, EndReason, GrantState};
use hallpass_client::wire::requests::{NewRequest, RequestOutcome};
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::database::{self, Backend};
use hallpass_tests::logs;
use hallpass_tests::pg::Cluster;
use hallpass_tests::server::{Setup, TestServer};
use hallpass_tests::wait::eventually;

use crate::steps;

on_all!(a_login_works_and_is_gone_at_its_end);
mod down {
    use super::*;
    on_all!(a_dead_target_delays_no_other_and_is_cleaned_when_it_is_back);

    async fn a_dead_target_delays_no_other_and_is_cleaned_when_it_is_back(backend: Backend) {
        let spare = spare().await;
        let shared = database::target().await;
        let targets = vec![("orders-db".to_owned(), shared), ("spare-db".to_owned(), spare)];
        let server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await;
        let (client, approver) = (server.client_as(&server.api("dana").await), server.sign_in("ana").await);
        let (dead, _) = login(&server, &client, &approver, "spare-db-read", "5s").await;
        let (other, _) = login(&server, &client, &approver, "orders-db-read", "5s").await;
        tokio::task::spawn_blocking(|| spare.stop()).await.unwrap();

        // The other target's login is gone and checked while the dead one is still being tried.
        let ended = eventually("the other login is gone", || async {
            let grant = client.grant(&other.grant_id).await.unwrap();
            (grant.state == GrantState::Ended).then_some(grant)
        })
        .await;
        let lag = TimeDelta::milliseconds(ended.at_target.lag_ms.unwrap());
        assert!(lag < TimeDelta::seconds(5), "not delayed: {lag}");
        let grant = client.grant(&dead.grant_id).await.unwrap();
        assert_eq!((grant.state, grant.end_reason), (GrantState::Ending, Some(EndReason::Expired)));
        assert_eq!(grant.at_target.state, AtTargetState::Revoking, "it is not called gone");
        let credential = eventually("a failed attempt is shown", || async {
            let credential = client.credential(&dead.id).await.unwrap();
            (credential.trouble.as_deref() == Some("down")).then_some(credential)
        })
        .await;
        assert_eq!(credential.state, CredentialState::Revoking);
        assert!(credential.may_still_work.is_some(), "people see what may still work: {credential:?}");
        assert_eq!(credential.verified_at, None);
        assert_eq!(client.credential(&other.id).await.unwrap().state, CredentialState::Revoked);

        // Nothing new there meanwhile; with a clear answer.
        let error = client.issue(&dead.grant_id, None).await.unwrap_err();
        assert_eq!(error.code(), "not_active");

        tokio::task::spawn_blocking(|| spare.start_again()).await.unwrap();
        let back = server.now();
        let grant = eventually("it completes once the target is back", || async {
            let grant = client.grant(&dead.grant_id).await.unwrap();
            (grant.state == GrantState::Ended).then_some(grant)
        })
        .await;
        assert!(grant.verified_at.unwrap() - back < TimeDelta::seconds(15), "within seconds of its return");
        assert!(!exists(spare, &dead.user).await);
        sent(&server).await;
        server.stop().await;
    }
}

/// Whether it works now is what the target says now, not what was so when it was made.
mod now {
    use super::*;
    use hallpass_client::wire::grants::WorksState;
    on_all!(what_works_now_is_asked_now);

    async fn what_works_now_is_asked_now(backend: Backend) {
        let spare = spare().await;
        let targets = vec![("spare-db".to_owned(), spare)];
        let server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await;
        let (client, approver) = (server.client_as(&server.api("dana").await), server.sign_in("ana").await);
        let (login, _) = login(&server, &client, &approver, "spare-db-read", "1h").await;
        let says = async |state: WorksState, words: &str| {
            eventually(words, || async {
                let works = client.grant(&login.grant_id).await.unwrap().works;
                (works.state == state && works.detail.contains(words)).then_some(())
            })
            .await;
        };
        says(WorksState::Works, "The target accepts it").await;

        let superuser = spare.superuser("postgres").await;
        superuser.batch_execute(&format!("ALTER ROLE {} NOLOGIN", login.user)).await.unwrap();
        says(WorksState::Fails, "does not accept it any more").await;
        superuser.batch_execute(&format!("ALTER ROLE {} LOGIN", login.user)).await.unwrap();
        says(WorksState::Works, "The target accepts it").await;

        tokio::task::spawn_blocking(|| spare.stop()).await.unwrap();
        says(WorksState::Fails, "cannot be reached right now").await;
        tokio::task::spawn_blocking(|| spare.start_again()).await.unwrap();
        says(WorksState::Works, "The target accepts it").await;
        client.end(&login.grant_id, &hallpass_client::api::new_key()).await.unwrap();
        eventually("it is over", || async {
            (client.grant(&login.grant_id).await.unwrap().state == GrantState::Ended).then_some(())
        })
        .await;
        sent(&server).await;
        server.stop().await;
    }
}

mod unusable {
    use super::*;
    on_all!(a_login_that_does_not_work_is_never_given_out, a_target_that_refuses_is_told_once);

    async fn a_target_that_refuses_is_told_once(backend: Backend) {
        let spare = spare().await;
        let targets = vec![("spare-db".to_owned(), spare)];
        let server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await;
        let (client, approver) = (server.client_as(&server.api("dana").await), server.sign_in("ana").await);
        let grant = grant(&client, &approver, "spare-db-read", "1h").await;
        let superuser = spare.superuser("postgres").await;
        superuser.batch_execute("ALTER ROLE orders_read RENAME TO elsewhere").await.unwrap();
        let mark = logs::mark();
        for _ in 0..2 {
            let error = client.issue(&grant, Some(CredentialKind::PostgresqlLogin)).await.unwrap_err();
            assert_eq!((error.status(), error.code()), (Some(502), "target_refused"));
            // The log has the cause under the id that the caller was told.
            let (id, log) = (error.request_id().expect("an id"), logs::since(mark));
            let named = format!("{{\"request_id\":\"{id}\",");
            let cause = |line: &str| line.starts_with(&named) && line.contains("issuing at a target failed");
            assert!(log.lines().any(cause), "{id}: {log}");
        }
        // Its owner and the administrator learn why, once; the event has the class, each time.
        let mails = eventually("people are told", || async {
            let told = server.mailbox.recipients("refuses to make logins");
            (told.len() >= 2).then_some(told)
        })
        .await;
        assert_eq!(mails, ["ada", "ana"], "one mail to each, and to nobody else");
        let mail = server.mailbox.newest("ada", "spare-db refuses to make logins");
        let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("there is no group role orders_read"), "{words}");
        assert!(mail.text.contains("hp_") && !mail.text.contains("SCRAM"), "{}", mail.text);
        let filter = AuditFilter { kind: Some("credential.not_issued".to_owned()), ..AuditFilter::default() };
        let events = server.broker().store.events(&filter, None, 10).await.unwrap();
        assert_eq!(events.len(), 2);
        assert!(events.iter().all(|e| e.event.parts().data["class"] == "refused"));

        // Mended at the target, the next one is made at once.
        superuser.batch_execute("ALTER ROLE elsewhere RENAME TO orders_read").await.unwrap();
        let Issued::PostgresqlLogin(login) = client.issue(&grant, None).await.unwrap() else {
            panic!("a token for a database")
        };
        server.secrets.plant("a login's password", &login.password);
        client.end(&grant, &hallpass_client::api::new_key()).await.unwrap();
        eventually("it is over", || async {
            (client.grant(&grant).await.unwrap().state == GrantState::Ended).then_some(())
        })
        .await;
        sent(&server).await;
        assert_eq!(server.mailbox.recipients("refuses to make logins"), ["ada", "ana"]);
        server.stop().await;
    }

    async fn a_login_that_does_not_work_is_never_given_out(backend: Backend) {
        let spare = spare().await;
        let targets = vec![("spare-db".to_owned(), spare)];
        let server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await;
        let dana = server.sign_in("dana").await;
        let (client, approver) =
            (server.client_as(&server.api_with(&dana).await), server.sign_in("ana").await);
        let grant = grant(&client, &approver, "spare-db-read", "1h").await;
        let superuser = spare.superuser("postgres").await;
        superuser.batch_execute("REVOKE CONNECT ON DATABASE orders FROM PUBLIC").await.unwrap();

        // Said by the API, with what the target answered and what to do.
        let error = client.issue(&grant, Some(CredentialKind::PostgresqlLogin)).await.unwrap_err();
        assert_eq!((error.status(), error.code()), (Some(502), "login_does_not_work"));
        let said = error.to_string();
        assert!(said.contains("permission denied for database") && said.contains("GRANT CONNECT"), "{said}");
        // And by the portal, beside the way to try again.
        let page = dana.get(&format!("/grants/{grant}")).await.expect(200);
        let form = page.form(&format!("/grants/{grant}/credentials"));
        let answer = dana.submit(&form).await.expect(502);
        assert!(answer.words().contains("GRANT CONNECT"), "{}", answer.words());
        assert!(!answer.body.contains("Shown this one time"));

        // It stays to be seen why, and nothing of either is left at the target.
        let held = client.grant(&grant).await.unwrap();
        assert_eq!(held.works.state, hallpass_client::wire::grants::WorksState::Fails);
        assert!(held.works.detail.contains("permission denied"), "{:?}", held.works);
        assert_eq!(held.credentials.len(), 2);
        let probe = held.credentials[0].probe.clone().expect("it was tried");
        assert!(!probe.works && probe.what_to_do.is_some());
        for credential in &held.credentials {
            assert_ne!(credential.state, CredentialState::Live);
            eventually("it is gone", || async {
                let state = client.credential(&credential.id).await.unwrap().state;
                (state == CredentialState::Revoked).then_some(())
            })
            .await;
            assert!(!exists(spare, &credential.name).await);
        }
        let filter = AuditFilter { kind: Some("credential.unusable".to_owned()), ..AuditFilter::default() };
        assert_eq!(server.broker().store.events(&filter, None, 10).await.unwrap().len(), 2);
        sent(&server).await;
        assert_eq!(server.mailbox.recipients("do not work"), ["ada", "ana"], "told once");
        let mail = server.mailbox.newest("ana", "Logins at spare-db do not work");
        let words = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("permission denied for database"), "{words}");

        // Mended, the next one works, and how it was found is shown.
        superuser.batch_execute("GRANT CONNECT ON DATABASE orders TO PUBLIC").await.unwrap();
        let Issued::PostgresqlLogin(login) = client.issue(&grant, None).await.unwrap() else {
            panic!("a token for a database")
        };
        server.secrets.plant("a login's password", &login.password);
        let probe = login.probe.expect("it was tried");
        assert!(probe.works && probe.answer.is_none());
        let held = client.grant(&grant).await.unwrap();
        assert_eq!(held.works.state, hallpass_client::wire::grants::WorksState::Works);
        assert_eq!(held.works.checked_at, Some(probe.at));
        for path in
            [format!("/grants/{grant}"), "/access".to_owned(), format!("/credentials/{}/watch", login.id)]
        {
            let words = dana.get(&path).await.expect(200).words();
            let told = ["login with it worked", "The target accepts it"];
            assert!(told.iter().any(|told| words.contains(told)), "{path}: {words}");
        }
        client.end(&grant, &hallpass_client::api::new_key()).await.unwrap();
        eventually("it is over", || async {
            (client.grant(&grant).await.unwrap().state == GrantState::Ended).then_some(())
        })
        .await;
        sent(&server).await;
        server.stop().await;
    }
}

/// A target of a test's own, which it may stop and change.
async fn spare() -> &'static Cluster {
    let spare: &'static Cluster =
        tokio::task::spawn_blocking(|| Box::leak(Box::new(Cluster::start()))).await.unwrap();
    database::make_target(spare).await;
    spare
}

/// Asks for a role and has it approved; the grant.
async fn grant(
    client: &Client,
    approver: &hallpass_tests::browserless::Browser,
    role: &str,
    length: &str,
) -> String {
    let new = NewRequest {
        role: role.to_owned(),
        length: Some(length.to_owned()),
        reason: "look at an order".to_owned(),
        ..NewRequest::default()
    };
    let RequestOutcome::Created { request } =
        client.ask(&new, &hallpass_client::api::new_key()).await.unwrap()
    else {
        panic!("nothing was asked")
    };
    steps::approve(approver, &request.reference).await;
    client.request(&request.reference, None).await.unwrap().grant.expect("a grant").id
}

/// Asks for a role, has it approved, and issues a login under it.
async fn login(
    server: &TestServer,
    client: &Client,
    approver: &hallpass_tests::browserless::Browser,
    role: &str,
    length: &str,
) -> (IssuedLogin, String) {
    let new = NewRequest {
        role: role.to_owned(),
        length: Some(length.to_owned()),
        reason: "look at an order".to_owned(),
        ..NewRequest::default()
    };
    let RequestOutcome::Created { request } =
        client.ask(&new, &hallpass_client::api::new_key()).await.unwrap()
    else {
        panic!("nothing was asked")
    };
    steps::approve(approver, &request.reference).await;
    let grant = client.request(&request.reference, None).await.unwrap().grant.expect("a grant");
    match client.issue(&grant.id, Some(CredentialKind::PostgresqlLogin)).await.unwrap() {
        Issued::PostgresqlLogin(login) => {
            server.secrets.plant("a login's password", &login.password);
            (login, request.reference)
        }
        Issued::AccessToken(_) => panic!("a token for a database"),
    }
}

async fn exists(cluster: &Cluster, user: &str) -> bool {
    let superuser = cluster.superuser("postgres").await;
    !superuser.query("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&user]).await.unwrap().is_empty()
}

/// Waits until every mail has left.
async fn sent(server: &TestServer) {
    eventually("every mail is sent", || async {
        (server.broker().store.outbox_age().await.unwrap().1 == 0).then_some(())
    })
    .await;
}

async fn a_login_works_and_is_gone_at_its_end(backend: Backend) {
    let cluster = database::target().await;
    let targets = vec![("orders-db".to_owned(), cluster)];
    let server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await;
    let dana = server.sign_in("dana").await;
    let client = server.client_as(&server.api_with(&dana).await);
    let approver = server.sign_in("ana").await;
    let (login, _) = login(&server, &client, &approver, "orders-db-read", "4s").await;
    assert_eq!(
        (login.host.as_str(), login.port, login.database.as_str()),
        ("127.0.0.1", cluster.port(), "orders")
    );
    assert!(
        login.user.starts_with(&format!("hp_{}_", server.broker().settings.instance))
            && login.user.len() <= 63
    );

    // It works, for what was granted and nothing more.
    let session =
        cluster.connect(&login.user, &login.password, &login.database).await.expect("the login works");
    let count: i64 = session.query_one("SELECT count(*) FROM orders", &[]).await.expect("may read").get(0);
    assert_eq!(count, 40);
    let idle =
        cluster.connect(&login.user, &login.password, &login.database).await.expect("a second session");
    assert!(session.batch_execute("DELETE FROM orders").await.is_err(), "may not write");
    assert!(session.batch_execute("CREATE ROLE mine").await.is_err());
    let live = client.credential(&login.id).await.unwrap();
    assert_eq!((live.state, live.name.as_str()), (CredentialState::Live, login.user.as_str()));
    let watch = dana.get(&format!("/credentials/{}/watch", login.id)).await.expect(200).words();
    assert!(watch.contains(&login.user), "{watch}");
    // The password is told once: neither the grant's page nor the API has it again.
    let page = dana.get(&format!("/grants/{}", login.grant_id)).await.expect(200);
    assert!(page.body.contains(&login.user) && !page.body.contains(&login.password));

    // At its end everything ends by itself: the open session, new logins, the account.
    eventually("the open session is cut", || async {
        session.simple_query("SELECT 1").await.is_err().then_some(())
    })
    .await;
    assert!(server.now() >= login.expires_at, "not before its end");
    let grant = eventually("ended and checked", || async {
        let grant = client.grant(&login.grant_id).await.unwrap();
        (grant.state == GrantState::Ended).then_some(grant)
    })
    .await;
    assert_eq!((grant.end_reason, grant.at_target.state), (Some(EndReason::Expired), AtTargetState::Gone));
    assert!(cluster.connect(&login.user, &login.password, "orders").await.is_err());
    assert!(!exists(cluster, &login.user).await);
    let gone = client.credential(&login.id).await.unwrap();
    assert_eq!(gone.state, CredentialState::Revoked);
    let times = [gone.denied_at, gone.sessions_ended_at, gone.removed_at, gone.verified_at]
        .map(|t| t.expect("measured"));
    assert!(times.is_sorted() && times[0] >= login.expires_at, "{times:?}");
    // How late it was is measured, at the server that proved it gone.
    eventually("the lag to be measured", || async {
        let metrics = server.nobody().send(reqwest::Method::GET, "/metrics", &[], None).await.text;
        let count = metrics.lines().find_map(|l| l.strip_prefix("hallpass_revocation_lag_seconds_count "));
        (count == Some("1")).then_some(())
    })
    .await;
    // How many sessions that cut is told wherever the end is: to people, in the API, and as evidence.
    assert!(idle.simple_query("SELECT 1").await.is_err());
    assert_eq!(gone.sessions_cut, Some(2));
    let page = dana.get(&format!("/grants/{}", login.grant_id)).await.expect(200).words();
    assert!(page.contains("2 sessions ended and seen gone"), "{page}");
    let filter = AuditFilter { kind: Some("credential.revoked".to_owned()), ..AuditFilter::default() };
    let events = server.broker().store.events(&filter, None, 10).await.unwrap();
    let of = events.iter().map(|e| e.event.parts()).find(|e| e.subjects["credential"] == login.id);
    assert_eq!(of.expect("its event").data["sessions_cut"], 2);
    let receipt =
        server.api_with(&dana).await.get(&format!("/grants/{}/receipt", login.grant_id)).await.ok(200);
    assert!(receipt.to_string().contains("sessions_cut"), "{receipt}");
    let mail = eventually("the holder is told", || async {
        server.mailbox.to("dana").into_iter().find(|m| m.subject.contains("Ended and checked"))
    })
    .await;
    assert!(mail.text.contains("sessions dead") && mail.text.contains("verified"), "{}", mail.text);
    let watch = dana.get(&format!("/credentials/{}/watch", login.id)).await.expect(200).words();
    assert!(watch.contains("Ended and checked") && watch.contains("after the end"), "{watch}");
    assert!(watch.contains("2 sessions ended"), "{watch}");
    sent(&server).await;
    server.stop().await;
}
