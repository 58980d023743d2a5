//! Notices: this process at once, other servers by the database.
use std::time::Instant;

use hallpass_domain::ports::store::Store as _;
use hallpass_store::{Committed, Schema, StoreNotice, open};
use hallpass_tests::wait::eventually;

use super::bed::{Bed, outsider};
use super::samples::{World, commit, now, put, revocation};

fn committed(notice: StoreNotice) -> Committed {
    match notice {
        StoreNotice::Committed(committed) => (*committed).clone(),
        StoreNotice::Missed => panic!("nothing was missed"),
    }
}

pub(crate) async fn local_commits_are_told_before_their_answer(bed: &Bed) {
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    let mut token = w.token(&grant);
    let mut changes = bed.store.changes();
    commit(&bed.store, [put!(Grant, grant), put!(Token, token), put!(Mail, w.mail())]).await;
    let told = committed(changes.try_recv().expect("told before the answer"));
    assert_eq!(
        (told.grants, told.tokens.len(), told.mails, told.events, told.local),
        (vec![grant.id], 0, true, true, true)
    );
    assert!(!told.catalogue && !told.requests && !told.credentials);
    (token.revoked_at, token.version) = (Some(now()), 2);
    commit(
        &bed.store,
        [revocation(&token), put!(Credential, w.credential(&grant)), put!(Request, w.request())],
    )
    .await;
    let told = committed(changes.try_recv().unwrap());
    assert_eq!(
        (told.tokens, told.credentials, told.requests, told.mails),
        (vec![token.id], true, true, false)
    );
    // What came to nothing is not told.
    let mut stale = grant.clone();
    stale.version = 9;
    assert!(bed.store.commit(super::samples::change([put!(Grant, stale)])).await.is_err());
    assert!(changes.try_recv().is_err());
}

pub(crate) async fn the_clock_and_the_probe(bed: &Bed) {
    let first = bed.store.database_time().await.unwrap();
    bed.store.probe().await.unwrap();
    let second = bed.store.database_time().await.unwrap();
    assert!(second >= first && first.timestamp() > 1_700_000_000);
    assert_eq!(first.timestamp_subsec_nanos() % 1_000, 0, "whole microseconds");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_server_hears_and_knows_that_it_hears() {
    let bed = Bed::postgres().await;
    let w = World::make(&bed.store).await;
    let other = open(&bed.url, Schema::Expect).await.unwrap();
    let began = Instant::now();
    eventually("a sign of life", || async { other.last_heard().filter(|at| *at > began) }).await;
    let mut changes = other.changes();
    let grants: Vec<_> = (0..400).map(|_| w.grant()).collect();
    commit(&bed.store, grants.iter().map(|g| put!(Grant, g))).await;
    let mut heard = Vec::new();
    while heard.len() < grants.len() {
        let told = committed(changes.recv().await.unwrap());
        assert!(!told.local);
        heard.extend(told.grants);
    }
    heard.sort();
    assert_eq!(heard, grants.iter().map(|g| g.id).collect::<Vec<_>>());

    // Words of another version are passed over.
    let outside = outsider(&bed.database()).await;
    outside.batch_execute("NOTIFY hallpass, 'stranger x:1 g:zz ?'").await.unwrap();
    let passed_over = committed(changes.recv().await.unwrap());
    assert_eq!(passed_over, Committed::default());

    // The listener is cut off: it comes back and says that something may have been missed.
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE '%NOTIFY hallpass%' AND pid <> pg_backend_pid()";
    eventually("both listeners cut", || async {
        (outside.query(cut, &[]).await.unwrap().len() >= 2).then_some(())
    })
    .await;
    loop {
        if changes.recv().await.unwrap() == StoreNotice::Missed {
            break;
        }
    }
    let back = Instant::now();
    eventually("it hears again", || async { other.last_heard().filter(|at| *at > back) }).await;
    let mut changes = other.changes();
    commit(&bed.store, [put!(Mail, w.mail())]).await;
    assert!(committed(changes.recv().await.unwrap()).mails);
}

#[tokio::test]
async fn on_sqlite_nobody_else_need_be_heard() {
    let bed = Bed::sqlite().await;
    let before = Instant::now();
    assert!(bed.store.last_heard().unwrap() >= before && !bed.store.is_shared());
}
