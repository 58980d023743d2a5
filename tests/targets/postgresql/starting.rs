//! Connections in start-up are in no list of sessions. A client can stay there for long after its login was checked
//! (`post_auth_delay` is a start-up option that every client may set), and in authentication as long as it likes to think.
use std::sync::Arc;

use hallpass_domain::ports::target::{Step, TargetConnector};
use hallpass_tests::wait::eventually;
use secrecy::ExposeSecret;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_postgres::Client;

use super::rig::{Admin, DATABASE, Postgres, connector};
use crate::rig::{Rig, revoke, step};

async fn hidden(superuser: &Client) -> i64 {
    superuser
        .query_one(
            "SELECT count(*) FROM pg_locks l WHERE locktype = 'virtualxid' AND NOT EXISTS
             (SELECT FROM pg_stat_activity a WHERE a.pid = l.pid AND (a.usesysid IS NOT NULL OR a.backend_type <> 'client backend'))",
            &[],
        )
        .await
        .expect("locks")
        .get(0)
}

/// A session that hid in start-up while its login was refused is found and ended with the others.
async fn hidden_sessions_end(admin: Admin) {
    let rig = Arc::new(Postgres::start(admin).await);
    let superuser = rig.cluster.superuser("postgres").await;
    let (credential, password) = rig.issue().await;
    let (task_rig, name) = (Arc::clone(&rig), credential.external_name.clone());
    let hiding = tokio::spawn(async move {
        task_rig
            .cluster
            .connect_with(&name, password.expose_secret(), DATABASE, "-c post_auth_delay=600")
            .await
    });
    eventually("a hidden connection", || async { (hidden(&superuser).await == 1).then_some(()) }).await;
    assert!(step(&*rig, Step::Deny, &credential).await.expect("denied").denied);
    eventually("its end", || async {
        step(&*rig, Step::EndSessions, &credential).await.expect("an answer").sessions_ended.then_some(())
    })
    .await;
    assert_eq!(hidden(&superuser).await, 0);
    if let Ok(client) = hiding.await.expect("the task") {
        assert!(client.simple_query("SELECT 1").await.is_err());
    }
    revoke(rig.connector(), &[credential]).await;
}

#[tokio::test]
async fn hidden_sessions_end_for_a_superuser() {
    hidden_sessions_end(Admin::Superuser).await;
}

#[tokio::test]
async fn hidden_sessions_end_for_createrole() {
    hidden_sessions_end(Admin::CreateRole).await;
}

/// One that comes out of hiding after the role was dropped is found by its oid; until then absence is not proven.
#[tokio::test]
async fn hidden_sessions_of_a_dropped_role() {
    let rig = Arc::new(Postgres::start(Admin::CreateRole).await);
    let superuser = rig.cluster.superuser("postgres").await;
    let (credential, password) = rig.issue().await;
    let (task_rig, name) = (Arc::clone(&rig), credential.external_name.clone());
    let hiding = tokio::spawn(async move {
        task_rig.cluster.connect_with(&name, password.expose_secret(), DATABASE, "-c post_auth_delay=3").await
    });
    eventually("a hidden connection", || async { (hidden(&superuser).await == 1).then_some(()) }).await;
    // A process that lost its memory, and was told by nobody to end sessions.
    let forgetful = connector(&rig.settings);
    let batch = std::slice::from_ref(&credential);
    for one in [Step::Deny, Step::Remove] {
        forgetful.step(one, batch).await.remove(0).expect("a step");
    }
    assert!(!rig.exists(&credential.external_name).await);
    let verified = forgetful.step(Step::VerifyAbsent, batch).await.remove(0).expect("an answer");
    assert!(verified.removed && !verified.verified_absent, "it may still come out");
    eventually("proof", || async {
        forgetful
            .step(Step::VerifyAbsent, batch)
            .await
            .remove(0)
            .expect("an answer")
            .verified_absent
            .then_some(())
    })
    .await;
    assert_eq!(hidden(&superuser).await, 0);
    if let Ok(client) = hiding.await.expect("the task") {
        assert!(client.simple_query("SELECT 1").await.is_err());
    }
}

/// Somebody who thinks long before answering the password question delays proof only where nothing is known about him,
/// and those who come after the login was refused delay nothing.
#[tokio::test]
async fn slow_strangers() {
    let rig = Postgres::start(Admin::Superuser).await;
    let superuser = rig.cluster.superuser("postgres").await;
    let (credential, _) = rig.issue().await;
    let slow = ask(&rig).await;
    eventually("a slow stranger", || async { (hidden(&superuser).await == 1).then_some(()) }).await;
    // All steps in one process: the stranger was shown not to be ours.
    revoke(rig.connector(), std::slice::from_ref(&credential)).await;

    let (credential, _) = rig.issue().await;
    let batch = std::slice::from_ref(&credential);
    for one in [Step::Deny, Step::EndSessions, Step::Remove] {
        rig.connector().step(one, batch).await.remove(0).expect("a step");
    }
    let forgetful = connector(&rig.settings);
    assert!(!forgetful.step(Step::VerifyAbsent, batch).await.remove(0).expect("an answer").verified_absent);
    let late = ask(&rig).await;
    eventually("two slow strangers", || async { (hidden(&superuser).await == 2).then_some(()) }).await;
    drop(slow);
    eventually("proof beside the later one", || async {
        forgetful
            .step(Step::VerifyAbsent, batch)
            .await
            .remove(0)
            .expect("an answer")
            .verified_absent
            .then_some(())
    })
    .await;
    assert_eq!(hidden(&superuser).await, 1);
    drop(late);
}

/// Begins a login and does not answer.
async fn ask(rig: &Postgres) -> TcpStream {
    let mut stream = TcpStream::connect(rig.cluster.address()).await.expect("connected");
    let mut body = 196_608u32.to_be_bytes().to_vec();
    body.extend_from_slice(b"user\0postgres\0database\0postgres\0\0");
    let length = u32::try_from(body.len() + 4).expect("short");
    stream.write_all(&length.to_be_bytes()).await.expect("sent");
    stream.write_all(&body).await.expect("sent");
    let mut question = [0u8; 1];
    stream.read_exact(&mut question).await.expect("a question");
    stream
}
