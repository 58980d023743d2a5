//! Faults: what is answered while the store cannot be written, and that it recovers by itself.
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use futures_util::future::join_all;
use hallpass_domain::ports::audit_log::{AuditLog as _, LoggedEvent};
use hallpass_domain::ports::catalogue::CatalogueReads as _;
use hallpass_domain::ports::credentials::{Claim, Credentials as _};
use hallpass_domain::ports::grants::Grants as _;
use hallpass_domain::ports::store::{CommitError, Store as _};
use hallpass_domain::transition::Transition;
use hallpass_store::{BackupError, Schema, StoreNotice, open};
use hallpass_tests::pg::Cluster;
use hallpass_tests::proxy::{Proxy, Upstream};
use hallpass_tests::wait::eventually;

use super::bed::{Bed, outsider, sqlite3};
use super::samples::{World, after, change, commit, event, now, put};

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
    let mut changes = store.changes();
    let waiting = tokio::spawn({
        let (store, transition) = (store.clone(), change([put!(Grant, grant)]));
        async move { store.commit(transition).await }
    });
    let stuck = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'hallpassd %'";
    let pid: i32 = eventually("a COMMIT that waits", || async {
        outside.query_opt(stuck, &[]).await.unwrap().map(|row| row.get(0))
    })
    .await;
    outside.execute("SELECT pg_terminate_backend($1)", &[&pid]).await.unwrap();
    waiting.await.unwrap().expect("it is recorded");
    let told = changes.try_recv().expect("told here as any other commit");
    assert!(matches!(told, StoreNotice::Committed(told) if told.local && told.grants == [grant.id]));
    assert_eq!(store.grant(grant.id).await.unwrap(), Some(grant));
    outside.batch_execute("ALTER SYSTEM RESET synchronous_standby_names").await.unwrap();
    cluster.reload();
    eventually("writes work again", || async { store.probe().await.ok() }).await;
}

/// COMMIT never arrives: the answer is "no", and it is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_commit_that_was_not_done_is_answered_as_not_done() {
    let cluster = cluster(&[]).await;
    let proxy = Proxy::start(cluster.address()).await;
    let url =
        cluster.url("hallpass").replace(&format!(":{}/", cluster.port()), &format!(":{}/", proxy.port()));
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

/// What is done to the log and to the table of legal moves by something that is not Hallpass; each must be refused.
const FORGERIES: [&str; 15] = [
    "DELETE FROM audit_events",
    "UPDATE audit_events SET kind = 'grant.ended'",
    "UPDATE audit_events SET data = '{}'",
    "UPDATE audit_events SET at = '2020-01-01'",
    "UPDATE audit_events SET private = '{\"name\": \"other\"}'",
    "UPDATE audit_events SET leaf_index = leaf_index + 1",
    "UPDATE audit_events SET leaf_index = NULL, leaf_hash = NULL",
    "UPDATE audit_events SET commitment = leaf_hash",
    "UPDATE audit_events SET leaf_hash = commitment",
    "DELETE FROM audit_subjects",
    "UPDATE audit_nodes SET hash = '\\x00'",
    "DELETE FROM audit_nodes",
    "UPDATE audit_head SET size = 0",
    "UPDATE state_moves SET to_state = 'active'",
    "DELETE FROM state_moves",
];
/// A person's data is erased; the leaf stays.
const ERASE: &str = "UPDATE audit_events SET private = NULL, salt = NULL";

/// One sealed event with a subject.
async fn sealed(bed: &Bed) -> LoggedEvent {
    let submitted = event("request.submitted", &[("request", "r1".to_owned())]);
    bed.store.commit(Transition::new(now()).event(submitted)).await.unwrap();
    let seal = super::audit::next_seal(&bed.store, 10).await;
    bed.store.seal(seal).await.unwrap();
    bed.store.sealed_events(0, 1).await.unwrap().remove(0)
}

async fn still_the_same_leaf(bed: &Bed, before: &LoggedEvent) {
    let after = bed.store.sealed_events(0, 1).await.unwrap().remove(0);
    assert!(after.event.is_erased() && !before.event.is_erased());
    assert_eq!(after.event.leaf_hash(), before.event.leaf_hash());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_refuses_outsiders_on_postgres() {
    let bed = Bed::postgres().await;
    let before = sealed(&bed).await;
    let outside = outsider(&bed.database()).await;
    for sql in FORGERIES.into_iter().chain(["TRUNCATE audit_events"]) {
        let refused = outside.batch_execute(sql).await.expect_err(sql);
        assert!(refused.as_db_error().unwrap().message().starts_with("hallpass: "), "{sql}: {refused:?}");
    }
    outside.batch_execute(ERASE).await.unwrap();
    still_the_same_leaf(&bed, &before).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_log_refuses_outsiders_on_sqlite() {
    let bed = Bed::sqlite().await;
    let before = sealed(&bed).await;
    for sql in FORGERIES {
        let sql = sql.replace("'2020-01-01'", "at + 1").replace("'\\x00'", "x'00'");
        let refused = sqlite3(&path(&bed), &sql).expect_err(&sql);
        assert!(refused.contains("hallpass: "), "{sql}: {refused}");
    }
    sqlite3(&path(&bed), ERASE).unwrap();
    still_the_same_leaf(&bed, &before).await;
}

/// Two servers that look for work at the same time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_never_claim_the_same() {
    let bed = Bed::postgres().await;
    let other = open(&bed.url, Schema::Expect).await.unwrap();
    let w = World::make(&bed.store).await;
    let grant = w.grant();
    let credentials = (0..60).map(|_| {
        let mut credential = w.credential(&grant);
        credential.due_at = now();
        put!(Credential, credential)
    });
    commit(&bed.store, [put!(Grant, grant)].into_iter().chain(credentials)).await;
    let claims = (0..30).map(|n| {
        let store = if n % 2 == 0 { bed.store.clone() } else { other.clone() };
        let target = w.database.id;
        tokio::spawn(async move {
            let claim = Claim { owner: "w", now: now(), until: after(60), limit: 4 };
            store.claim_due(target, claim).await.unwrap()
        })
    });
    let claimed: Vec<_> = join_all(claims).await.into_iter().flat_map(Result::unwrap).collect();
    let ids: BTreeSet<_> = claimed.iter().map(|c| c.id).collect();
    assert_eq!((claimed.len(), ids.len()), (60, 60));
    assert!(claimed.iter().all(|c| c.fence == 1));
}

/// TLS as the rule: the server's certificate and name are checked against the authority that was named.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_is_known_by_its_certificate() {
    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    let authority = || {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
    };
    let (right, wrong) = (authority(), authority());
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, pem: String| {
        let path = dir.path().join(name);
        std::fs::write(&path, pem).unwrap();
        path.display().to_string()
    };
    let (right_file, wrong_file) = (file("right.pem", right.pem()), file("wrong.pem", wrong.pem()));
    let key = KeyPair::generate().unwrap();
    let certificate =
        CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &right).unwrap();
    let cluster = cluster(&[]).await;
    cluster.write("server.crt", &certificate.pem());
    cluster.write("server.key", &key.serialize_pem());
    cluster.superuser("postgres").await.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    cluster.reload();
    let url = |host: &str, ca: &str| {
        format!("{}?sslmode=verify-full&sslrootcert={ca}", cluster.url("hallpass").replace("127.0.0.1", host))
    };
    let store = eventually("the server to speak TLS", || async {
        open(&url("localhost", &right_file), Schema::Migrate).await.ok()
    })
    .await;
    World::make(&store).await;
    let sessions = "SELECT count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) WHERE ssl AND application_name LIKE 'hallpassd %'";
    let secured: i64 = cluster.superuser("hallpass").await.query_one(sessions, &[]).await.unwrap().get(0);
    assert!(secured >= 2, "the writer and the listener at least: {secured}");
    for (host, ca) in [("localhost", &wrong_file), ("127.0.0.1", &right_file)] {
        let refused = open(&url(host, ca), Schema::Expect).await.unwrap_err().to_string();
        assert!(refused.contains("certificate"), "{host}: {refused}");
    }
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

/// Set in the process that has a mount name space of its own, in which anybody may mount.
const INSIDE: &str = "HALLPASS_TEST_IN_A_NAME_SPACE";

/// Every answer given while the disk fills up and empties again is true.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_takes_no_commits_until_there_is_room() {
    if std::env::var_os(INSIDE).is_none() {
        let this = std::env::current_exe().unwrap();
        let mut again = Command::new("unshare");
        again.args(["--map-root-user", "--mount"]).arg(this).args(["--exact", "--nocapture"]);
        again.arg("faults::a_full_disk_takes_no_commits_until_there_is_room").env(INSIDE, "yes");
        let ran = tokio::task::spawn_blocking(move || again.output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned() + &String::from_utf8_lossy(&ran.stderr);
        assert!(ran.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mounted =
        Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "tmpfs"]).arg(dir.path()).status();
    assert!(mounted.is_ok_and(|status| status.success()), "a disk of its own");
    let unmount = Unmount(dir.path().to_owned());
    let url = format!("sqlite:{}/h.db", dir.path().display());
    let store = open(&url, Schema::Migrate).await.unwrap();
    let w = World::make(&store).await;
    let (mut done, mut refused) = (Vec::new(), Vec::new());
    for round in 0..3 {
        let ballast = dir.path().join(format!("ballast-{round}"));
        assert!(std::fs::write(&ballast, vec![0; 4 << 20]).is_err(), "the disk is full now");
        let before = refused.len();
        for _ in 0..200 {
            let grants: Vec<_> = (0..3).map(|_| w.grant()).collect();
            let outcomes = join_all(grants.iter().map(|g| store.commit(change([put!(Grant, g)])))).await;
            for (grant, outcome) in grants.into_iter().zip(outcomes) {
                match &outcome {
                    Ok(()) => done.push(grant.id),
                    refusal => {
                        assert!(is_unavailable(refusal), "{refusal:?}");
                        refused.push(grant.id);
                    }
                }
            }
            if refused.len() > before {
                break;
            }
        }
        assert!(refused.len() > before, "at some commit the disk was full");
        store.catalogue().await.expect("reads go on");
    }
    for round in 0..3 {
        std::fs::remove_file(dir.path().join(format!("ballast-{round}"))).unwrap();
    }
    commit(&store, [put!(Grant, w.grant())]).await;
    for reopened in [false, true] {
        let store = if reopened {
            open(&format!("{url}-copy"), Schema::Expect).await.unwrap()
        } else {
            store.backup(&dir.path().join("h.db-copy")).await.unwrap();
            store.clone()
        };
        for id in &done {
            assert!(store.grant(*id).await.unwrap().is_some(), "answered as done");
        }
        for id in &refused {
            assert!(store.grant(*id).await.unwrap().is_none(), "answered as not done");
        }
    }
    drop(store);
    drop(unmount);
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
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
    for file in [path(&bed), path(&bed).with_extension("db-wal"), to.clone()] {
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "{}: for its owner alone", file.display());
    }
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
