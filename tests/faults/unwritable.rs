//! A store that cannot be written: nothing is issued, tokens answer inactive, what is due is still removed at its target,
//! and all of it is recorded once the store is back.
use std::path::PathBuf;
use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_broker::Caller;
use hallpass_broker::credentials::login::IssuedLogin;
use hallpass_broker::credentials::token::IssuedToken;
use hallpass_domain::credential::CredentialState;
use hallpass_tests::outsider::Outsider;
use hallpass_tests::pg::Cluster;
use hallpass_tests::process::{children, signal};
use hallpass_tests::proxy::{Proxy, Upstream};
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{DATABASE, REQUESTER, World};
use hallpassd::compose::Given;
use secrecy::ExposeSecret as _;

use crate::bed::{Bed, Second, Store, started, target};
use crate::ledger::Ledger;
use crate::parts::{Mailbox, MovedClock, SOON, gone, is_there, row};

/// A server with a token that lives on, and a login whose grant ends soon.
struct Scene {
    world: World,
    token: IssuedToken,
    login: IssuedLogin,
    requester: Caller,
    _running: hallpass_tests::world::Running,
    _second: Option<Second>,
    _session: tokio_postgres::Client,
}

async fn scene(bed: &Bed) -> Scene {
    let given = Given { notifier: Some(Arc::new(Mailbox::default())), ..Given::default() };
    let world = World::open(&bed.place, given.clone()).await.expect("a server");
    let running = world.run();
    let second = bed.beside(given).await;
    let reading = world.grant("api-read", "10m").await.expect("a grant");
    let token = world.token(&reading).await.expect("a token");
    let grant = world.grant("db-read", "4s").await.expect("a grant");
    let login = world.login(&grant).await.expect("a login");
    let session = target()
        .await
        .connect(&login.credential.external_name, login.password.expose_secret(), DATABASE)
        .await
        .expect("a session");
    session.batch_execute("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE").await.expect("a lock");
    assert!(world.is_active(&token).await);
    let requester = world.caller(REQUESTER).await.expect("the requester");
    Scene { world, token, login, requester, _running: running, _second: second, _session: session }
}

impl Scene {
    /// While the store is gone.
    async fn fails_closed_and_removes(&self) {
        eventually_within(SOON, "tokens to answer inactive", || async {
            (!self.world.is_active(&self.token).await).then_some(())
        })
        .await;
        eventually_within(SOON, "the store to be known as gone", || async {
            self.world.broker.may_issue().is_err().then_some(())
        })
        .await;
        let refusal = self
            .world
            .broker
            .issue_token(&self.requester, self.token.record.grant_id)
            .await
            .expect_err("nothing is issued");
        assert_eq!(refusal.code, "store_unavailable");
        assert!(!self.world.is_active(&self.token).await);
        // Nobody can write it down, and still it goes.
        gone(target().await, &self.login.credential.external_name).await;
    }

    /// Once it is back.
    async fn goes_on_and_records(&self) {
        eventually_within(SOON, "the token to be active again", || async {
            self.world.is_active(&self.token).await.then_some(())
        })
        .await;
        let done = eventually_within(SOON, "the end to be recorded", || async {
            Some(row(&self.world, self.login.credential.id).await)
                .filter(|c| c.state == CredentialState::Revoked)
        })
        .await;
        // It was seen gone before that could be recorded, and the record says when.
        assert!(done.removed_at < done.verified_at, "{done:?}");
        let grant = self.world.grant("db-read", "1m").await.expect("asking works again");
        self.world.login(&grant).await.expect("issuing works again");
        eventually_within(SOON, "everything to be sealed", || async {
            (self.world.broker.store.unsealed_tail().await.expect("the log").0 == 0).then_some(())
        })
        .await;
        let ledger = Ledger::read(&self.world.broker).await;
        ledger.rows_and_events_agree("the store was gone");
        ledger.ends_are_kept("the store was gone");
    }
}

/// Somebody else holds the write lock of the SQLite file, and does not let go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_locked_by_another_program() {
    let bed = Bed::new(Store::Sqlite, &[("db", target().await.port())]).await;
    let scene = scene(&bed).await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    outsider.sql("BEGIN IMMEDIATE").await;
    scene.fails_closed_and_removes().await;
    outsider.sql("COMMIT").await;
    scene.goes_on_and_records().await;
}

/// The file is moved away, as by a careless restore: SQLite would go on writing to it for nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_file_is_gone() {
    let bed = Bed::new(Store::Sqlite, &[("db", target().await.port())]).await;
    let scene = scene(&bed).await;
    let file = bed.place.sqlite().expect("a file");
    let away: PathBuf = bed.place.data.join("away.db");
    std::fs::rename(&file, &away).expect("moved away");
    scene.fails_closed_and_removes().await;
    std::fs::rename(&away, &file).expect("put back");
    scene.goes_on_and_records().await;
}

/// A target takes the refusal of its logins and answers nothing; what is due at another goes all the same, a moment later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_target_delays_no_other_while_the_file_is_gone() {
    let proxy = Proxy::start(target().await.address()).await;
    let targets = [("silent", proxy.port()), ("other", target().await.port())];
    let bed = Bed::new(Store::Sqlite, &targets).await;
    let clock = MovedClock::at(target().await).await;
    let given = Given { clock: Some(clock.clone()), ..Given::default() };
    let world = World::open(&bed.place, given).await.expect("a server");
    let _running = world.run();
    let mut logins = Vec::new();
    for (role, time) in [("silent-read", "2m"), ("other-read", "4m")] {
        let grant = world.grant(role, time).await.expect("a grant");
        logins.push(world.login(&grant).await.expect("a login").credential);
    }
    let file = bed.place.sqlite().expect("a file");
    let away = bed.place.data.join("away.db");
    std::fs::rename(&file, &away).expect("moved away");
    eventually_within(SOON, "the store to be known as gone", || async {
        world.broker.may_issue().is_err().then_some(())
    })
    .await;

    proxy.upstream(Upstream::HoldFrom(b"NOLOGIN PASSWORD NULL".to_vec()));
    clock.forward(TimeDelta::minutes(2));
    eventually_within(SOON, "the refusal to be held", || async { proxy.holds().then_some(()) }).await;
    clock.forward(TimeDelta::minutes(2));
    // The silent target is not given up before a minute is over.
    gone(target().await, &logins[1].external_name).await;
    assert!(is_there(target().await, &logins[0].external_name).await);

    proxy.release();
    gone(target().await, &logins[0].external_name).await;
    std::fs::rename(&away, &file).expect("put back");
    for login in logins {
        eventually_within(SOON, "its end to be recorded", || async {
            (row(&world, login.id).await.state == CredentialState::Revoked).then_some(())
        })
        .await;
    }
}

/// The store's cluster is killed, and comes back; under one server, and under two, each of which removes what is due and has
/// something to record.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_is_killed() {
    for two in [false, true] {
        let cluster = started(&[]).await;
        let bed = Bed::on(&cluster, &[("db", target().await.port())]).await.with_two(two);
        let scene = scene(&bed).await;
        cluster.stop();
        scene.fails_closed_and_removes().await;
        cluster.start_again();
        scene.goes_on_and_records().await;
    }
}

/// The disk of the store's cluster is full, and with it the log of all its changes: it stops, and comes back when there is
/// room.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_of_the_database_is_full() {
    the_disk_is_full(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_of_the_database_is_full_under_two_servers() {
    the_disk_is_full(true).await;
}

async fn the_disk_is_full(two: bool) {
    let start = || Cluster::start_on_disk(96, &[("max_wal_size", "8MB"), ("min_wal_size", "2MB")]);
    let cluster = tokio::task::spawn_blocking(start).await.expect("a cluster");
    let bed = Bed::on(&cluster, &[("db", target().await.port())]).await.with_two(two);
    let scene = scene(&bed).await;
    let neighbour = cluster.superuser("postgres").await;
    cluster.fill();
    // What room was set aside before is used up by somebody else's work.
    let work = "SELECT pg_logical_emit_message(true, 'work', 'done'); SELECT pg_switch_wal()";
    eventually_within(SOON, "the log to find no room", || async {
        neighbour.simple_query(work).await.is_err().then_some(())
    })
    .await;
    assert!(cluster.log().contains("No space left on device"), "{}", cluster.log());
    scene.fails_closed_and_removes().await;
    cluster.make_room();
    scene.goes_on_and_records().await;
}

/// The store's cluster hangs: connections stay open and nothing is answered.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_database_hangs() {
    for two in [false, true] {
        let cluster = started(&[]).await;
        let bed = Bed::on(&cluster, &[("db", target().await.port())]).await.with_two(two);
        let scene = scene(&bed).await;
        let hung = Hung::hang(&cluster);
        scene.fails_closed_and_removes().await;
        drop(hung);
        scene.goes_on_and_records().await;
    }
}

/// A cluster all of whose processes are stopped; they go on when this is dropped, also when a test fails.
struct Hung(Vec<u32>);

impl Hung {
    fn hang(cluster: &Cluster) -> Self {
        let text = std::fs::read_to_string(cluster.socket_dir().join("data/postmaster.pid"))
            .expect("the postmaster's id");
        let postmaster: u32 =
            text.lines().next().and_then(|l| l.trim().parse().ok()).expect("the postmaster's id");
        signal(postmaster, "STOP");
        let mut all = vec![postmaster];
        all.extend(children(postmaster));
        let hung = Self(all);
        hung.0.iter().for_each(|pid| signal(*pid, "STOP"));
        hung
    }
}

impl Drop for Hung {
    fn drop(&mut self) {
        self.0.iter().for_each(|pid| signal(*pid, "CONT"));
    }
}
