//! Holders who use what every login may do to keep what they were given, or to keep others from being served.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Step, TargetError};
use hallpass_tests::wait::eventually;
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio_postgres::Client;

use super::rig::{Admin, DATABASE, Postgres, SECOND, ident};
use crate::rig::{Rig, revoke, step};

/// Nobody needs a privilege for it: the account's row is locked until the end of the transaction.
const ROW: &str = "BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'x'";
/// Takes locks until there is room for none; those that it got are kept.
const FILL: &str = "SELECT count(pg_advisory_lock(g)) FROM generate_series(1, 100000) g";
/// A cluster whose table of locks is soon full.
pub(super) const SMALL: [(&str, &str); 3] =
    [("max_locks_per_transaction", "10"), ("max_connections", "40"), ("shared_buffers", "16MB")];

/// Comes in again and again, sends `what`, and keeps what it has.
fn returning(
    rig: &Arc<Postgres>,
    credential: &Credential,
    password: &SecretString,
    what: &'static str,
    stop: &Arc<AtomicBool>,
    entered: &Arc<AtomicUsize>,
) -> JoinHandle<usize> {
    let (rig, stop, entered) = (Arc::clone(rig), Arc::clone(stop), Arc::clone(entered));
    let (name, password) = (credential.external_name.clone(), password.clone());
    tokio::spawn(async move {
        let mut kept: Vec<Client> = Vec::new();
        while !stop.load(Ordering::SeqCst) {
            if let Ok(client) = rig.cluster.connect(&name, password.expose_secret(), DATABASE).await {
                entered.fetch_add(1, Ordering::SeqCst);
                let _ = tokio::time::timeout(Duration::from_secs(1), client.batch_execute(what)).await;
                kept.push(client);
            }
            kept.retain(|client| !client.is_closed());
            tokio::task::yield_now().await;
        }
        kept.len()
    })
}

/// The session is ended: the client's end has heard of it, or soon does.
async fn thrown_out(session: &Client) {
    eventually("a session to be ended", || async {
        let _ = tokio::time::timeout(Duration::from_secs(1), session.simple_query("SELECT 1")).await;
        session.is_closed().then_some(())
    })
    .await;
}

/// One session holds the row, one waits for it in a second database, and others come back with the same as often as they
/// are thrown out. The refusal of new logins succeeds, at once and for everybody in the batch.
async fn holders_of_their_row(admin: Admin) {
    let rig = Arc::new(Postgres::start(admin).await);
    let (credential, password) = rig.issue().await;
    let (other, other_password) = rig.issue().await;
    let holding = rig.session(&credential, &password, DATABASE).await;
    holding.batch_execute(ROW).await.expect("everybody may change his own password");
    let waiting = rig.session(&credential, &password, SECOND).await;
    let waits = tokio::spawn(async move {
        let _ = waiting.batch_execute(ROW).await;
        waiting
    });
    let (stop, entered) = (Arc::default(), Arc::default());
    let loops: Vec<_> =
        (0..3).map(|_| returning(&rig, &credential, &password, ROW, &stop, &entered)).collect();
    eventually("the loops to get in", || async { (entered.load(Ordering::SeqCst) >= 3).then_some(()) }).await;

    let batch = [credential.clone(), other.clone()];
    let denied = rig.connector().step(Step::Deny, &batch).await;
    assert!(denied.iter().all(|d| d.as_ref().is_ok_and(|r| r.denied)), "{denied:?}");
    assert!(!rig.works(&credential, &password).await && !rig.works(&other, &other_password).await);
    let ended = rig.connector().step(Step::EndSessions, &batch).await;
    assert!(ended.iter().all(|d| d.as_ref().is_ok_and(|r| r.sessions_ended)), "{ended:?}");
    for session in [&holding, &waits.await.expect("the task")] {
        thrown_out(session).await;
    }
    stop.store(true, Ordering::SeqCst);
    for one in loops {
        assert_eq!(one.await.expect("the loop"), 0, "no session was kept");
    }
    revoke(rig.connector(), &batch).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_of_their_row_for_a_superuser() {
    holders_of_their_row(Admin::Superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn holders_of_their_row_for_createrole() {
    holders_of_their_row(Admin::CreateRole).await;
}

/// No lock that a login can take stands in the way of anybody: advisory locks in the maintenance database (one of these
/// was our lane once), and the lock that COMMENT takes on a role before it looks at rights.
#[tokio::test(flavor = "multi_thread")]
async fn locks_that_anybody_can_take() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (holder, password) = rig.issue().await;
    let mut sessions = Vec::new();
    for database in ["postgres", DATABASE] {
        let session = rig.session(&holder, &password, database).await;
        session
            .batch_execute(
                "BEGIN; SELECT pg_advisory_lock(1751215212, 1885434739), pg_advisory_lock(g) FROM generate_series(1, 1000) g;
                 DO $$ BEGIN EXECUTE format('COMMENT ON ROLE %I IS NULL', current_user); EXCEPTION WHEN insufficient_privilege THEN NULL; END $$",
            )
            .await
            .expect("locks");
        sessions.push(session);
    }
    // His grant goes on: others are made and end beside him.
    let (other, other_password) = rig.issue().await;
    let session = rig.session(&other, &other_password, DATABASE).await;
    session.batch_execute("SELECT lo_create(0)").await.expect("something of its own");
    revoke(rig.connector(), &[other]).await;
    revoke(rig.connector(), &[holder]).await;
}

/// When the table of locks is full no new connection comes in, not even a superuser's. Who filled it and is due is thrown
/// out all the same, by a connection that was there before.
async fn fillers_of_the_lock_table(admin: Admin) {
    let rig = Postgres::start_with(admin, &SMALL).await;
    let (filler, password) = rig.issue().await;
    let (other, _) = rig.issue().await;
    let session = rig.session(&filler, &password, SECOND).await;
    let full = session.simple_query(FILL).await.expect_err("until it is full");
    assert_eq!(full.code().map(tokio_postgres::error::SqlState::code), Some("53200"), "{full}");
    assert!(
        rig.cluster.connect("postgres", hallpass_tests::pg::PASSWORD, "postgres").await.is_err(),
        "nobody comes in: otherwise this shows nothing"
    );
    // Sessions end whether or not new logins could be refused.
    assert!(step(&rig, Step::EndSessions, &filler).await.expect("ended").sessions_ended);
    thrown_out(&session).await;
    revoke(rig.connector(), &[filler, other]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fillers_of_the_lock_table_for_a_superuser() {
    fillers_of_the_lock_table(Admin::Superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fillers_of_the_lock_table_for_createrole() {
    fillers_of_the_lock_table(Admin::CreateRole).await;
}

/// One whose grant goes on fills it: he loses his sessions, and others are made and end in the meantime.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_lock_table_keeps_nobody_else_in() {
    let rig = Postgres::start_with(Admin::CreateRole, &SMALL).await;
    let (filler, password) = rig.issue().await;
    let (other, other_password) = rig.issue().await;
    let theirs = rig.session(&other, &other_password, DATABASE).await;
    theirs.batch_execute("SELECT lo_create(0)").await.expect("something of its own");
    let fill = async || {
        let session = rig.session(&filler, &password, DATABASE).await;
        session.simple_query(FILL).await.expect_err("until it is full");
        session
    };
    let first = fill().await;
    assert!(step(&rig, Step::Deny, &other).await.expect("denied").denied);
    thrown_out(&first).await;
    let _second = fill().await;
    revoke(rig.connector(), &[other]).await;
    thrown_out(&theirs).await;
    let third = rig.intend().await;
    let _third = fill().await;
    let third = rig.issued(third, &crate::rig::password()).await;
    revoke(rig.connector(), &[third, filler]).await;
}

/// One whose grant goes on fills it as often as he is thrown out: others are made and end in the meantime all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_table_that_is_filled_again_keeps_nobody_else_in() {
    let rig = Arc::new(Postgres::start_with(Admin::CreateRole, &SMALL).await);
    let (filler, password) = rig.issue().await;
    // Now, while the superuser comes in by whose clock they are made.
    let mut others = Vec::new();
    for _ in 0..5 {
        let mut other = rig.intend().await;
        other.create_deadline += chrono::TimeDelta::minutes(2);
        others.push(other);
    }
    let (stop, entered) = (Arc::default(), Arc::default());
    let loops: Vec<_> = (0..2).map(|_| returning(&rig, &filler, &password, FILL, &stop, &entered)).collect();
    eventually("the loops to get in", || async { (entered.load(Ordering::SeqCst) >= 2).then_some(()) }).await;
    for other in others {
        let other = rig.issued(other, &crate::rig::password()).await;
        revoke(rig.connector(), &[other]).await;
    }
    assert!(entered.load(Ordering::SeqCst) > 5, "he came back");
    stop.store(true, Ordering::SeqCst);
    for one in loops {
        let _kept = one.await.expect("the loop");
    }
    revoke(rig.connector(), &[filler]).await;
}

/// Somebody whose grant goes on has a GRANT to the login in an open transaction: the login cannot be dropped meanwhile.
/// That is told, holds up no other of the batch, and ends with him.
#[tokio::test(flavor = "multi_thread")]
async fn accomplices() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, _) = rig.issue().await;
    let (accomplice, password) = rig.issue().await;
    let session = rig.session(&accomplice, &password, DATABASE).await;
    session
        .batch_execute(&format!(
            "CREATE TABLE public.bait (id int); BEGIN; GRANT SELECT ON public.bait TO {}",
            ident(&credential.external_name)
        ))
        .await
        .expect("a grant that is not committed");
    let mut batch = vec![credential.clone()];
    for _ in 0..5 {
        batch.push(rig.issue().await.0);
    }
    for one in [Step::Deny, Step::EndSessions, Step::Drop] {
        let answers = rig.connector().step(one, &batch).await;
        if one == Step::Drop {
            assert!(
                matches!(&answers[0], Err(TargetError::Refused(why)) if why.contains("lock")),
                "{answers:?}"
            );
            assert!(answers[1..].iter().all(|a| a.as_ref().is_ok_and(|r| r.removed)), "{answers:?}");
        }
    }
    batch.push(accomplice);
    revoke(rig.connector(), &batch).await;
}

/// An administrator of the target who rebuilds a shared catalogue waits for our open connection a second or two, and no
/// login waits behind him for longer.
#[tokio::test(flavor = "multi_thread")]
async fn the_open_way_in_steps_aside() {
    let rig = Postgres::start(Admin::Superuser).await;
    let (credential, _) = rig.issue().await;
    let superuser = rig.cluster.superuser("postgres").await;
    let rebuild = superuser.batch_execute("SET lock_timeout = '20s'; REINDEX TABLE pg_catalog.pg_authid");
    rebuild.await.expect("it gets its lock");
    revoke(rig.connector(), &[credential]).await;
}
