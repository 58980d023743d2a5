//! Whatever a login did, all of it ends, and nothing outside changes.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use hallpass_domain::credential::Credential;
use hallpass_domain::ports::target::{Step, TargetError};
use hallpass_tests::wait::eventually;
use secrecy::ExposeSecret;
use tokio_postgres::Client;

use super::rig::{Admin, DATABASE, GROUP, Postgres, QUARANTINE, SECOND, ident};
use crate::rig::{Rig, revoke, step};

/// Statements of a holder who wants to stay.
const HOARD: &str = "
    CREATE TABLE public.hoard (id int PRIMARY KEY, what text); INSERT INTO public.hoard VALUES (1, 'kept');
    CREATE TEMPORARY TABLE mine (id int);
    CREATE TYPE public.mood AS ENUM ('sad', 'ok');
    CREATE VIEW public.peek AS SELECT what FROM public.orders;
    CREATE FUNCTION public.backdoor() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM public.orders';
    ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT ALL ON TABLES TO PUBLIC;
    GRANT SELECT ON public.hoard TO PUBLIC;
    SELECT lo_create(0);
    LISTEN anything; SELECT pg_advisory_lock(42); PREPARE again AS SELECT 1;";

async fn everything_ends(admin: Admin) {
    let rig = Postgres::start(admin).await;
    let before = rig.cluster.dump();
    let (credential, password) = rig.issue().await;
    let hoarder = rig.session(&credential, &password, SECOND).await;
    hoarder.batch_execute(HOARD).await.expect("things of its own in a second database");
    let here = rig.session(&credential, &password, DATABASE).await;
    here.batch_execute("CREATE TABLE public.here (id int); SELECT lo_create(0)")
        .await
        .expect("and in the first");
    let locker = rig.session(&credential, &password, DATABASE).await;
    locker.batch_execute("BEGIN; LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE").await.expect("a lock");
    let grouped = rig.session(&credential, &password, DATABASE).await;
    grouped.batch_execute(&format!("SET ROLE {}", ident(GROUP))).await.expect("the group's role");
    let busy = tokio::spawn(async move { grouped.batch_execute("SELECT pg_sleep(600)").await });

    // Two that come back at once, whenever they are thrown out, and keep what they get.
    let (stop, entered) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let cluster = Arc::new(rig);
    let loops: Vec<_> = (0..2)
        .map(|_| {
            let (rig, stop, entered) = (Arc::clone(&cluster), Arc::clone(&stop), Arc::clone(&entered));
            let (name, secret) = (credential.external_name.clone(), password.clone());
            tokio::spawn(async move {
                let mut kept = Vec::new();
                while !stop.load(Ordering::SeqCst) {
                    if let Ok(client) = rig.cluster.connect(&name, secret.expose_secret(), DATABASE).await {
                        entered.fetch_add(1, Ordering::SeqCst);
                        kept.push(client);
                    }
                    kept.retain(|client: &Client| !client.is_closed());
                    tokio::task::yield_now().await;
                }
                kept.len()
            })
        })
        .collect();
    let rig = cluster;
    eventually("the loops to get in", || async { (entered.load(Ordering::SeqCst) > 3).then_some(()) }).await;

    let removal = revoke(rig.connector(), std::slice::from_ref(&credential)).await.remove(0);

    let entries = entered.load(Ordering::SeqCst);
    assert!(!rig.works(&credential, &password).await);
    for session in [&hoarder, &here, &locker] {
        assert!(session.simple_query("SELECT 1").await.is_err());
    }
    assert!(busy.await.expect("the task").is_err());
    stop.store(true, Ordering::SeqCst);
    for one in loops {
        assert_eq!(one.await.expect("the loop"), 0, "no session was kept");
    }
    assert_eq!(entered.load(Ordering::SeqCst), entries, "nobody got in after absence was verified");
    let superuser = rig.cluster.superuser(DATABASE).await;
    superuser
        .batch_execute("SET lock_timeout = '2s'; LOCK TABLE public.orders")
        .await
        .expect("the lock is free");
    nobody_left(&superuser).await;

    for what in [
        "table public.hoard",
        "function public.backdoor()",
        "type public.mood",
        "large object",
        "view public.peek",
    ] {
        assert!(
            removal.left.iter().any(|l| l.contains(what) && l.ends_with(&format!(" in {SECOND}"))),
            "{what}: {:?}",
            removal.left
        );
    }
    // What it left belongs to the quarantine role, and can do nothing there.
    let second = rig.cluster.superuser(SECOND).await;
    let row = second
        .query_one(
            "SELECT (SELECT relowner::regrole::text FROM pg_class WHERE relname = 'hoard'),
                    (SELECT proowner::regrole::text FROM pg_proc WHERE proname = 'backdoor'),
                    (SELECT lomowner::regrole::text FROM pg_largeobject_metadata)",
            &[],
        )
        .await
        .expect("owners");
    for column in 0..3 {
        assert_eq!(row.get::<_, String>(column), ident(QUARANTINE));
    }
    second.batch_execute("SELECT public.backdoor()").await.expect_err("the function has no rights any more");
    // Nothing else differs from before.
    for database in [DATABASE, SECOND] {
        let client = rig.cluster.superuser(database).await;
        client.batch_execute(&format!("DROP OWNED BY {}", ident(QUARANTINE))).await.expect("cleaned");
    }
    assert_eq!(rig.cluster.dump(), before);
}

async fn nobody_left(superuser: &Client) {
    let orphans: i64 = superuser
        .query_one(
            "SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND usename IS NULL",
            &[],
        )
        .await
        .expect("sessions")
        .get(0);
    assert_eq!(orphans, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_ends_for_a_superuser() {
    everything_ends(Admin::Superuser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_ends_for_createrole() {
    everything_ends(Admin::CreateRole).await;
}

/// What somebody else granted to the login on an object that we have no power over: the login ends, its removal waits for
/// The answer to the create was lost: the account is found by its mark, and its oid is told.
#[tokio::test]
async fn the_oid_is_told() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, password) = rig.issue().await;
    let _session = rig.open(&credential, &password).await;
    let unknown = Credential { external_oid: None, ..credential.clone() };
    let denied = step(&rig, Step::Deny, &unknown).await.expect("denied");
    assert_eq!(denied.external_oid, credential.external_oid);
    revoke(rig.connector(), &[unknown]).await;
}

/// The server is started again with prepared transactions: nobody could know when its logins were made.
async fn allow_prepared(rig: &Postgres) {
    rig.cluster.write("postgresql.auto.conf", "max_prepared_transactions = 5\n");
    rig.cluster.stop();
    rig.cluster.start_again();
}

/// A prepared transaction outlives its session and keeps its locks. Those that can be told to be of our logins are rolled
/// back: also the one that locks its login's row and belongs to the group that its maker became, and the one that keeps
/// another from being dropped.
#[tokio::test]
async fn prepared_transactions() {
    let rig = Postgres::start(Admin::Superuser).await;
    let (credential, password) = rig.issue().await;
    let (accomplice, his_password) = rig.issue().await;
    allow_prepared(&rig).await;
    let group = ident(GROUP);
    let session = rig.session(&credential, &password, DATABASE).await;
    for prepare in [
        "BEGIN; LOCK TABLE public.orders IN ACCESS EXCLUSIVE MODE; PREPARE TRANSACTION 'it''s mine'"
            .to_owned(),
        format!(
            "BEGIN; SAVEPOINT a; ALTER ROLE CURRENT_USER PASSWORD 'x'; RELEASE a; SET LOCAL ROLE {group}; PREPARE TRANSACTION 'row'"
        ),
    ] {
        session.batch_execute(&prepare).await.expect("prepared");
    }
    let session = rig.session(&accomplice, &his_password, SECOND).await;
    session
        .batch_execute(&format!(
            "BEGIN; CREATE TABLE public.bait (id int); GRANT SELECT ON public.bait TO {}; SET LOCAL ROLE {group}; PREPARE TRANSACTION 'bait'",
            ident(&credential.external_name)
        ))
        .await
        .expect("prepared");
    let refused = step(&rig, Step::Deny, &credential).await.expect_err("the row is locked");
    assert!(refused.to_string().contains("pg_prepared_xacts"), "{refused}");
    assert!(step(&rig, Step::EndSessions, &credential).await.expect("ended").sessions_ended);
    assert!(step(&rig, Step::Deny, &credential).await.expect("denied").denied);
    revoke(rig.connector(), &[credential, accomplice]).await;
    let superuser = rig.cluster.superuser(DATABASE).await;
    superuser
        .batch_execute("SET lock_timeout = '2s'; SELECT FROM public.orders")
        .await
        .expect("the lock is free");
}

/// What is prepared after SET ROLE and touches no role cannot be told to be a login's, and a colleague in the group could
/// commit it later. So nothing is given where that is possible, whoever our administrator is.
#[tokio::test]
async fn nothing_is_given_where_transactions_can_be_prepared() {
    for admin in [Admin::Superuser, Admin::CreateRole] {
        let rig = Postgres::unchecked(admin, &[("max_prepared_transactions", "5")]).await;
        let canary = rig.connector().canary(&rig.intend().await).await.expect("the canary runs");
        assert!(
            matches!(&canary.problems[..], [one] if one.contains("max_prepared_transactions")),
            "{:?}",
            canary.problems
        );
        let late = rig.intend().await;
        let made = rig.connector().create(&late, &crate::rig::password()).await;
        assert!(
            matches!(&made, Err(TargetError::Refused(why)) if why.contains("max_prepared_transactions")),
            "{made:?}"
        );
        assert!(!rig.exists(&late.external_name).await);
    }
}

/// Where our administrator may not roll it back, nothing is said to be gone.
#[tokio::test]
async fn prepared_transactions_out_of_reach() {
    let rig = Postgres::start(Admin::CreateRole).await;
    let (credential, password) = rig.issue().await;
    allow_prepared(&rig).await;
    let session = rig.session(&credential, &password, DATABASE).await;
    session.batch_execute("BEGIN; SELECT lo_create(0); PREPARE TRANSACTION 'again'").await.expect("prepared");
    for one in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        let seen = step(&rig, one, &credential).await.expect("an answer");
        assert!(!seen.removed && !seen.verified_absent, "{one:?}");
    }
    let superuser = rig.cluster.superuser(DATABASE).await;
    superuser.batch_execute("ROLLBACK PREPARED 'again'").await.expect("by a superuser");
    revoke(rig.connector(), &[credential]).await;
}
