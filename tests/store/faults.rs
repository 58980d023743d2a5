//! Faults: what is answered while the store cannot be written, and that it recovers by itself.
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use hallpass_domain::ports::audit_log::AuditLog as _;
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::ports::grants::Grants as _;
use hallpass_domain::ports::store::{CommitError, Store as _};
use hallpass_store::{BackupError, Schema, open};
use hallpass_tests::pg::Cluster;
use hallpass_tests::proxy::{Proxy, Upstream};
use hallpass_tests::wait::eventually;

use super::bed::{Bed, outsider};
use super::samples::{World, change, commit, put};

fn is_unavailable(outcome: &Result<(), CommitError>) -> bool {
    matches!(outcome, Err(CommitError::Unavailable(_)))
}

async fn cluster(settings: &'static [(&'static str, &'static str)]) -> Cluster {
    let cluster = tokio::task::spawn_blocking(move || Cluster::start_with(settings)).await.unwrap();
    cluster.databases(&["hallpass"]).await;
    cluster
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_comes_back_is_used_again() {
    let cluster = cluster(&[]).await;
    let store = open(&format!("{}?sslmode=disable", cluster.url("hallpass")), Schema::Migrate).await.unwrap();
    let w = World::make(&store).await;
    let grant = w.grant();
    commit(&store, [put!(Grant, grant)]).await;
    cluster.stop();
    let outcomes = join_all((0..5).map(|_| store.commit(change([put!(Grant, w.grant())])))).await;
    assert!(outcomes.iter().all(is_unavailable), "{outcomes:?}");
    assert!(store.probe().await.is_err());
    assert!(store.grant(grant.id).await.is_err());
    assert!(store.catalogue().await.is_err(), "a catalogue that cannot be checked is not given out");
    cluster.start_again();
    eventually("writes work again", || async { store.probe().await.ok() }).await;
    assert_eq!(store.grant(grant.id).await.unwrap(), Some(grant));
    commit(&store, [put!(Grant, w.grant())]).await;
}

/// COMMIT is done, its answer never comes: the writer finds the command recorded and answers so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_commit_that_was_done_is_answered_as_done() {
    let cluster = cluster(&[]).await;
    let store = open(&format!("{}?sslmode=disable", cluster.url("hallpass")), Schema::Migrate).await.unwrap();
    let w = World::make(&store).await;
    let outside = cluster.superuser("hallpass").await;
    // A standby that does not exist: a COMMIT is durable here and waits for it, unanswered.
    outside.batch_execute("ALTER SYSTEM SET synchronous_standby_names = 'ghost'").await.unwrap();
    cluster.reload();
    let shown = "SHOW synchronous_standby_names";
    eventually("the setting", || async {
        let now: String = outside.query_one(shown, &[]).await.unwrap().get(0);
        (now == "ghost").then_some(())
    })
    .await;
    let grant = w.grant();
    let waiting = tokio::spawn({
        let (store, transition) = (store.clone(), change([put!(Grant, grant)]));
        async move { store.commit(transition).await }
    });
    let stuck = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'hallpassd'";
    let pid: i32 = eventually("a COMMIT that waits", || async {
        outside.query_opt(stuck, &[]).await.unwrap().map(|row| row.get(0))
    })
    .await;
    outside.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    waiting.await.unwrap().expect("it is recorded");
    assert_eq!(store.grant(grant.id).await.unwrap(), Some(grant));
    outside.batch_execute("SET synchronous_commit = local; ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
    cluster.reload();
    eventually("writes work again", || async { store.probe().await.ok() }).await;
}

/// COMMIT never arrives: the answer is "no", and it is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_commit_that_was_not_done_is_answered_as_not_done() {
    let cluster = cluster(&[]).await;
    let proxy = Proxy::start(cluster.address()).await;
    let url = cluster.url("hallpass").replace(&format!(":{}/", cluster.port()), &format!(":{}/", proxy.port()));
    let store = open(&format!("{url}?sslmode=disable"), Schema::Migrate).await.unwrap();
    let w = World::make(&store).await;
    let outside = cluster.superuser("hallpass").await;
    proxy.upstream(Upstream::HoldFrom(b"COMMIT".to_vec()));
    let grant = w.grant();
    let waiting = tokio::spawn({
        let (store, transition) = (store.clone(), change([put!(Grant, grant)]));
        async move { store.commit(transition).await }
    });
    eventually("COMMIT on its way", || async { proxy.holds().then_some(()) }).await;
    let writer = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction'";
    assert_eq!(outside.query(writer, &[]).await.unwrap().len(), 1);
    let outcome = waiting.await.unwrap();
    assert!(is_unavailable(&outcome), "{outcome:?}");
    proxy.release();
    assert_eq!(store.grant(grant.id).await.unwrap(), None);
    eventually("writes work again", || async { store.probe().await.ok() }).await;
    commit(&store, [put!(Grant, grant)]).await;
}

/// Two servers whose batches touch the same rows the other way round.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_crossing_batches_all_get_answers() {
    let bed = Bed::postgres().await;
    let other = open(&bed.url, Schema::Expect).await.unwrap();
    let w = World::make(&bed.store).await;
    let grants: Vec<_> = (0..20).map(|_| w.grant()).collect();
    commit(&bed.store, grants.iter().map(|g| put!(Grant, g))).await;
    for round in 2..6 {
        let next = |n: usize| {
            let mut grant = grants[n].clone();
            grant.version = round;
            grant
        };
        let pair = |n: usize| change([put!(Grant, next(n)), put!(Grant, next(19 - n))]);
        let here = join_all((0..10).map(|n| bed.store.commit(pair(n))));
        let there = join_all((0..10).map(|n| other.commit(pair(19 - n))));
        let (here, there) = tokio::join!(here, there);
        for n in 0..10 {
            assert!(here[n].is_ok() != there[n].is_ok(), "{n}: {:?} {:?}", here[n], there[n]);
            let lost = if here[n].is_ok() { &there[n] } else { &here[n] };
            assert!(matches!(lost, Err(CommitError::Conflict(_))), "{lost:?}");
        }
    }
}

/// What is not Hallpass cannot rewrite the log either.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_refuses_outsiders() {
    let bed = Bed::postgres().await;
    World::make(&bed.store).await;
    let seal = super::audit::next_seal(&bed.store, 10).await;
    bed.store.seal(seal).await.unwrap();
    let outside = outsider(&bed.database()).await;
    for sql in [
        "DELETE FROM audit_events",
        "TRUNCATE audit_events",
        "UPDATE audit_events SET kind = 'grant.ended'",
        "UPDATE audit_events SET data = '{}'",
        "UPDATE audit_events SET at = at + interval '1 second'",
        "UPDATE audit_events SET private = '{\"name\": \"other\"}'",
        "UPDATE audit_events SET leaf_index = leaf_index + 1",
        "UPDATE audit_events SET leaf_index = NULL, leaf_hash = NULL",
        "UPDATE audit_events SET commitment = leaf_hash",
        "DELETE FROM audit_subjects",
        "UPDATE audit_nodes SET hash = '\\x00'",
        "DELETE FROM audit_nodes",
        "UPDATE audit_head SET size = 0",
        "UPDATE state_moves SET to_state = 'active'",
        "DELETE FROM state_moves",
    ] {
        let refused = outside.batch_execute(sql).await.unwrap_err();
        assert!(refused.as_db_error().unwrap().message().starts_with("hallpass: "), "{sql}: {refused:?}");
    }
    // A person's data can be erased; the leaf stays.
    let before = bed.store.sealed_events(0, 1).await.unwrap().remove(0);
    outside.batch_execute("UPDATE audit_events SET private = NULL, salt = NULL").await.unwrap();
    let after = bed.store.sealed_events(0, 1).await.unwrap().remove(0);
    assert!(after.event.is_erased() && !before.event.is_erased());
    assert_eq!(after.event.leaf_hash(), before.event.leaf_hash());
}

fn path(bed: &Bed) -> PathBuf {
    PathBuf::from(bed.url.strip_prefix("sqlite:").unwrap())
}

/// SQLite would go on writing to a file that has lost its name.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_gone_takes_no_commits() {
    let bed = Bed::sqlite().await;
    let w = World::make(&bed.store).await;
    let (file, aside) = (path(&bed), path(&bed).with_extension("aside"));
    std::fs::rename(&file, &aside).unwrap();
    let outcome = bed.store.commit(change([put!(Grant, w.grant())])).await;
    assert!(is_unavailable(&outcome), "{outcome:?}");
    assert!(bed.store.probe().await.is_err());
    std::fs::rename(&aside, &file).unwrap();
    commit(&bed.store, [put!(Grant, w.grant())]).await;
}

/// A writer from outside holds the file for longer than the busy time-out allows: no commit, then commits again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_no_commits_until_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(dir.path()).status();
    if !mounted.is_ok_and(|status| status.success()) {
        // Needs root; the run as root covers it.
        return;
    }
    let unmount = scopeguard(dir.path().to_owned());
    let store = open(&format!("sqlite:{}/h.db", dir.path().display()), Schema::Migrate).await.unwrap();
    let w = World::make(&store).await;
    let ballast = dir.path().join("ballast");
    let filled = std::fs::write(&ballast, vec![0; 4 << 20]);
    assert!(filled.is_err(), "the disk is full now");
    let mut full = None;
    for _ in 0..200 {
        let outcome = store.commit(change([put!(Grant, w.grant())])).await;
        if outcome.is_err() {
            full = Some(outcome);
            break;
        }
    }
    assert!(full.as_ref().is_some_and(is_unavailable), "{full:?}");
    let outcomes = join_all((0..5).map(|_| store.commit(change([put!(Grant, w.grant()), put!(Mail, w.mail())])))).await;
    assert!(outcomes.iter().all(is_unavailable), "{outcomes:?}");
    store.catalogue().await.expect("reads go on");
    std::fs::remove_file(&ballast).unwrap();
    commit(&store, [put!(Grant, w.grant())]).await;
    drop(store);
    drop(unmount);
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn scopeguard(path: PathBuf) -> Unmount {
    Unmount(path)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_whole_and_made_while_serving() {
    let bed = Bed::sqlite().await;
    let w = World::make(&bed.store).await;
    let to = path(&bed).with_extension("copy");
    let writing = async {
        for _ in 0..30 {
            commit(&bed.store, [put!(Grant, w.grant()), put!(Request, w.request())]).await;
        }
    };
    let (made, ()) = tokio::join!(bed.store.backup(&to), writing);
    made.unwrap();
    assert!(matches!(bed.store.backup(&to).await, Err(BackupError::Exists(_))));
    let copy = open(&format!("sqlite:{}", to.display()), Schema::Expect).await.unwrap();
    assert_eq!(*copy.catalogue().await.unwrap(), *bed.store.catalogue().await.unwrap());
    let (events, _) = copy.unsealed_tail().await.unwrap();
    assert!((1..=31).contains(&events));
    commit(&copy, [put!(Grant, w.grant())]).await;
    let server = Bed::postgres().await;
    assert_eq!(server.store.backup(&to.with_extension("x")).await, Err(BackupError::Server));
}

/// Whoever stops waiting stops nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_goes_away_stops_nobody() {
    for bed in [Bed::sqlite().await, Bed::postgres().await] {
        let w = World::make(&bed.store).await;
        for _ in 0..20 {
            let going = bed.store.commit(change([put!(Grant, w.grant())]));
            let _ = tokio::time::timeout(Duration::from_micros(50), going).await;
        }
        commit(&bed.store, [put!(Grant, w.grant())]).await;
    }
}
