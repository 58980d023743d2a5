//! Holders who use what every login may do to stay, or to keep others from being served, against the whole server: their
//! access ends by the clock and by a person's decision, and it delays nobody else.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use hallpass_broker::credentials::login::IssuedLogin;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::Grant;
use hallpass_tests::pg::Cluster;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{ADMINISTRATOR, DATABASE, World};
use hallpassd::compose::Given;
use secrecy::ExposeSecret as _;
use tokio_postgres::Client;

use crate::bed::{Bed, Second, Store, own_target, own_target_with};
use crate::parts::{SOON, gone, is_there, row};

const ROW: &str = "BEGIN; ALTER ROLE CURRENT_USER PASSWORD 'x'";
const FILL: &str = "SELECT count(pg_advisory_lock(g)) FROM generate_series(1, 100000) g";
const SMALL: &[(&str, &str)] =
    &[("max_locks_per_transaction", "10"), ("max_connections", "60"), ("shared_buffers", "16MB")];
/// Longest time from the end of a grant to the refusal of new logins, beside whatever a holder does.
const AT_ONCE: TimeDelta = TimeDelta::seconds(2);

/// How access ends.
#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Expires,
    IsRevoked,
}

struct Stage {
    target: Cluster,
    world: World,
    _running: hallpass_tests::world::Running,
    _second: Option<Second>,
    _bed: Bed,
}

impl Stage {
    async fn on(target: Cluster, store: Store) -> Self {
        let bed = Bed::new(store, &[("db", target.port())]).await;
        let world = World::open(&bed.place, Given::default()).await.expect("a server");
        let running = world.run();
        let second = bed.beside(Given::default()).await;
        Self { target, world, _running: running, _second: second, _bed: bed }
    }

    async fn issue(&self, time: &str) -> (Grant, IssuedLogin) {
        let grant = self.world.grant("db-read", time).await.expect("a grant");
        let login = self.world.login(&grant).await.expect("a login");
        (grant, login)
    }

    async fn session(&self, login: &IssuedLogin, database: &str) -> Client {
        let name = &login.credential.external_name;
        self.target.connect(name, login.password.expose_secret(), database).await.expect("a session")
    }

    async fn revoke(&self, grant: &Grant) {
        let administrator = self.world.caller(ADMINISTRATOR).await.expect("the administrator");
        self.world
            .broker
            .revoke_grant(&administrator, grant.id, "he is not to be trusted")
            .await
            .expect("revoked");
    }

    async fn revoked(&self, login: &IssuedLogin) -> Credential {
        eventually_within(SOON, "the end to be recorded", || async {
            Some(row(&self.world, login.credential.id).await).filter(|c| c.state == CredentialState::Revoked)
        })
        .await
    }
}

/// The session is ended, now or soon.
async fn ends(session: &Client) {
    eventually_within(SOON, "a session to be ended", || async {
        let _ = session.simple_query("SELECT 1").await;
        session.is_closed().then_some(())
    })
    .await;
}

fn time(end: End) -> &'static str {
    if end == End::Expires { "4s" } else { "10m" }
}

/// Holds the row of his account, in two databases, and comes back with the same as often as he is thrown out.
async fn holds_his_row(store: Store, end: End) {
    let stage = Arc::new(Stage::on(own_target().await, store).await);
    let (grant, login) = stage.issue(time(end)).await;
    let (other_grant, other) = stage.issue(time(end)).await;
    let theirs = stage.session(&other, DATABASE).await;
    let holding = stage.session(&login, DATABASE).await;
    holding.batch_execute(ROW).await.expect("everybody may");
    let waiting = stage.session(&login, "postgres").await;
    let waits = tokio::spawn(async move {
        let _ = waiting.batch_execute(ROW).await;
        waiting
    });
    let stop = Arc::new(AtomicBool::new(false));
    let returning = tokio::spawn({
        let (stage, stop) = (Arc::clone(&stage), Arc::clone(&stop));
        let (name, password) = (login.credential.external_name.clone(), login.password.clone());
        async move {
            let mut kept: Vec<Client> = Vec::new();
            while !stop.load(Ordering::SeqCst) {
                let entered = stage.target.connect(&name, password.expose_secret(), DATABASE).await;
                if let Ok(client) = entered {
                    let _ = tokio::time::timeout(Duration::from_millis(100), client.batch_execute(ROW)).await;
                    kept.push(client);
                }
                kept.retain(|client| !client.is_closed());
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            kept.len()
        }
    });
    if end == End::IsRevoked {
        stage.revoke(&grant).await;
        stage.revoke(&other_grant).await;
    }
    gone(&stage.target, &login.credential.external_name).await;
    gone(&stage.target, &other.credential.external_name).await;
    for login in [&login, &other] {
        let row = stage.revoked(login).await;
        assert!(row.denied_at.is_some_and(|at| at - row.due_at < AT_ONCE), "{row:?}");
    }
    for session in [&holding, &theirs, &waits.await.expect("the task")] {
        ends(session).await;
    }
    stop.store(true, Ordering::SeqCst);
    assert_eq!(returning.await.expect("the loop"), 0, "no session was kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_his_row_expires() {
    for store in Store::ALL {
        holds_his_row(store, End::Expires).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_holds_his_row_is_revoked() {
    for store in Store::ALL {
        holds_his_row(store, End::IsRevoked).await;
    }
}

/// Fills the table of locks, so that nobody at all can connect any more.
async fn fills_the_lock_table(store: Store, end: End) {
    let stage = Stage::on(own_target_with(SMALL).await, store).await;
    let (grant, login) = stage.issue(time(end)).await;
    let (other_grant, other) = stage.issue(time(end)).await;
    let theirs = stage.session(&other, DATABASE).await;
    let session = stage.session(&login, "postgres").await;
    session.simple_query(FILL).await.expect_err("until it is full");
    if end == End::IsRevoked {
        stage.revoke(&grant).await;
        stage.revoke(&other_grant).await;
    }
    ends(&session).await;
    ends(&theirs).await;
    for login in [&login, &other] {
        stage.revoked(login).await;
        assert!(!is_there(&stage.target, &login.credential.external_name).await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fills_the_lock_table_expires() {
    for store in Store::ALL {
        fills_the_lock_table(store, End::Expires).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_fills_the_lock_table_is_revoked() {
    for store in Store::ALL {
        fills_the_lock_table(store, End::IsRevoked).await;
    }
}

/// New logins cannot be refused, because somebody with power over the target has the account's row locked: sessions are
/// ended nevertheless, and when the row is free the rest follows.
async fn logins_cannot_be_refused(store: Store) {
    let stage = Stage::on(own_target().await, store).await;
    let (_, login) = stage.issue("4s").await;
    let session = stage.session(&login, DATABASE).await;
    let superuser = stage.target.superuser("postgres").await;
    superuser
        .batch_execute(&format!("BEGIN; ALTER ROLE {} CONNECTION LIMIT 7", login.credential.external_name))
        .await
        .expect("locked");
    ends(&session).await;
    let left = row(&stage.world, login.credential.id).await;
    assert!(left.state == CredentialState::Revoking && left.denied_at.is_none(), "{left:?}");
    assert!(left.sessions_ended_at.is_none(), "he could come in again: {left:?}");
    superuser.batch_execute("ROLLBACK").await.expect("free");
    gone(&stage.target, &login.credential.external_name).await;
    stage.revoked(&login).await;
}

/// Has made so many large objects that their hand-over takes long: only his own removal does.
async fn hoards(store: Store) {
    let stage = Stage::on(own_target().await, store).await;
    let (grant, login) = stage.issue("10m").await;
    let (other_grant, other) = stage.issue("10m").await;
    let theirs = stage.session(&other, DATABASE).await;
    let session = stage.session(&login, DATABASE).await;
    session
        .batch_execute("SELECT count(lo_create(0)) FROM generate_series(1, 40000)")
        .await
        .expect("a hoard");
    stage.revoke(&grant).await;
    eventually_within(SOON, "the hand-over to begin", || async {
        row(&stage.world, login.credential.id).await.sessions_ended_at
    })
    .await;
    ends(&session).await;
    stage.revoke(&other_grant).await;
    let row_of_other = stage.revoked(&other).await;
    ends(&theirs).await;
    assert!(row_of_other.denied_at.is_some_and(|at| at - row_of_other.due_at < AT_ONCE), "{row_of_other:?}");
    let hoarder = row(&stage.world, login.credential.id).await;
    assert_eq!(
        hoarder.state,
        CredentialState::Revoking,
        "the hoard was handed over first: this shows nothing"
    );
    let done = eventually_within(Duration::from_secs(300), "the hoard to be handed over", || async {
        Some(row(&stage.world, login.credential.id).await).filter(|c| c.state == CredentialState::Revoked)
    })
    .await;
    assert_eq!(done.attempts, 0, "progress is no failure");
    assert!(!is_there(&stage.target, &login.credential.external_name).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_where_logins_cannot_be_refused() {
    for store in Store::ALL {
        logins_cannot_be_refused(store).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_hoards_delays_nobody_else() {
    for store in Store::ALL {
        hoards(store).await;
    }
}
