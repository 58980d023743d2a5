//! Clocks that jump by two days. Database time is carried by the server's own clock; here the test takes the samples.
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_adapters::clock::{DatabaseClock, Observed};
use hallpass_domain::credential::CredentialState;
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::clock::{Clock as _, Trust};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use crate::bed::{Bed, Second, Store, each, target};
use crate::parts::{Mailbox, SOON, gauge, gone, is_there, row, time, told, trouble, turns};

/// A server whose clock is fed by the test, and its mailbox; both also those of the second server, where there is one.
async fn with_clock(bed: &Bed) -> (World, Arc<DatabaseClock>, Arc<Mailbox>, Option<Second>) {
    let clock = Arc::new(DatabaseClock::new(time(target().await).await, Instant::now()));
    let mailbox = Arc::new(Mailbox::default());
    let given = Given { clock: Some(clock.clone()), notifier: Some(mailbox.clone()), ..Given::default() };
    let world = World::open(&bed.place, given.clone()).await.expect("a server");
    let second = bed.beside(given).await;
    (world, clock, mailbox, second)
}

async fn two_days_forward(store: Store) {
    let target = target().await;
    let bed = Bed::new(store, &[("db", target.port())]).await;
    let (world, clock, mailbox, _second) = with_clock(&bed).await;
    let _running = world.run();
    let grant = world.grant("db-read", "1h").await.expect("a grant");
    let login = world.login(&grant).await.expect("a login");
    let name = login.credential.external_name.clone();
    let reading = world.grant("api-read", "1h").await.expect("a grant");
    let token = world.token(&reading).await.expect("a token");
    let pending = world.ask("api-read", "1h").await.expect("a request");
    assert!(world.is_active(&token).await);

    let jump = time(target).await + TimeDelta::days(2);
    assert!(matches!(clock.observe(jump, Instant::now()), Observed::Jumped(_)));
    // Use is denied at once …
    assert!(!world.is_active(&token).await);
    assert!(world.login(&grant).await.is_err() && world.token(&reading).await.is_err());
    assert_eq!(clock.trust(), Trust::HoldBulk);
    // … people are told …
    assert!(gauge(&world, "hallpass_clock_jump_held").await > 0.5);
    assert!(gauge(&world, "hallpass_clock_skew_seconds").await > 172_000.0);
    told(&mailbox, "jumped forward by", 1).await;
    turns(&world).await;
    assert!(trouble(&world, "lapse").is_some_and(|t| t.contains("jumped forward")));
    told(&mailbox, "jumped forward by", 1).await;
    // … and nothing is destroyed, nor lapsed.
    assert_eq!(row(&world, login.credential.id).await.state, CredentialState::Live);
    assert!(is_there(target, &name).await);
    assert_eq!(
        world.broker.store.grant(grant.id).await.expect("the store").expect("the grant").state,
        GrantState::Active
    );
    assert!(world.approve(&pending).await.is_err(), "decided after its time");

    // The jump was a mistake: nothing was lost by it.
    assert_eq!(clock.observe(time(target).await, Instant::now()), Observed::TakenBack);
    assert!(gauge(&world, "hallpass_clock_jump_held").await < 0.5);
    eventually_within(SOON, "lapsing goes on", || async { trouble(&world, "lapse").is_none().then_some(()) })
        .await;
    assert!(world.is_active(&token).await);
    world.approve(&pending).await.expect("the request is as it was");
    turns(&world).await;

    // The jump is real: samples agree with it, and after half a minute it is the time.
    let start = Instant::now();
    let confirmed = eventually_within(Duration::from_secs(70), "the jump to be confirmed", || async {
        let observed =
            clock.observe(jump + TimeDelta::from_std(start.elapsed()).expect("a short test"), Instant::now());
        if observed != Observed::Confirmed {
            assert!(is_there(target, &name).await, "removed while the jump was held");
        }
        (observed == Observed::Confirmed).then(|| start.elapsed())
    })
    .await;
    told(&mailbox, "jumped forward by", 2).await;
    assert!(confirmed >= Duration::from_secs(29) && confirmed <= Duration::from_secs(61), "{confirmed:?}");
    gone(target, &name).await;
    eventually_within(SOON, "the ends to be recorded", || async {
        (row(&world, login.credential.id).await.state == CredentialState::Revoked).then_some(())
    })
    .await;

    // And back again by two days: what has ended stays so, and nothing is issued.
    clock.observe(time(target).await, Instant::now());
    assert_eq!(clock.trust(), Trust::NoIssuing);
    assert!(!world.is_active(&token).await);
    assert_eq!(world.token(&reading).await.expect_err("no token").code, "clock_skew");
    told(&mailbox, "Issuing has stopped", 1).await;
    assert!(gauge(&world, "hallpass_clock_skew_seconds").await < -172_000.0);
    assert!(world.login(&grant).await.is_err());
    assert_eq!(row(&world, login.credential.id).await.state, CredentialState::Revoked);
    assert!(!is_there(target, &name).await);
}

/// Two days back while access is live: it still ends when it should, by the server's own count of time.
async fn two_days_back(store: Store) {
    let target = target().await;
    let bed = Bed::new(store, &[("db", target.port())]).await;
    let (world, clock, mailbox, _second) = with_clock(&bed).await;
    let _running = world.run();
    let ended = world.grant("db-read", "1s").await.expect("a grant");
    let live = world.grant("db-read", "5s").await.expect("a grant");
    let login = world.login(&live).await.expect("a login");
    eventually_within(SOON, "the first to end", || async {
        let grant = world.broker.store.grant(ended.id).await.expect("the store").expect("the grant");
        (grant.state == GrantState::Ended).then_some(())
    })
    .await;
    clock.observe(time(target).await - TimeDelta::days(2), Instant::now());
    assert_eq!(clock.trust(), Trust::NoIssuing);
    assert_eq!(world.login(&live).await.expect_err("no login").code, "clock_skew");
    told(&mailbox, "Issuing has stopped", 1).await;
    gone(target, &login.credential.external_name).await;
    eventually_within(SOON, "the end to be recorded", || async {
        (row(&world, login.credential.id).await.state == CredentialState::Revoked).then_some(())
    })
    .await;
    let first = world.broker.store.grant(ended.id).await.expect("the store").expect("the grant");
    assert_eq!(first.state, GrantState::Ended);
}

/// A restart while the database's clock is two days behind: the stored mark holds.
async fn restarted_behind_the_mark(store: Store) {
    let target = target().await;
    let bed = Bed::new(store, &[("db", target.port())]).await;
    let world = World::open(&bed.place, Given::default()).await.expect("a server");
    let grant = world.grant("api-read", "1h").await.expect("a grant");
    let token = world.token(&grant).await.expect("a token");
    drop(world);
    let mark = (time(target).await + TimeDelta::days(2)).to_rfc3339();
    let mut outsider = Outsider::connect(&bed.place.database).await;
    outsider.sql("DELETE FROM meta WHERE key = 'clock.high_water'").await;
    outsider.sql(&format!("INSERT INTO meta (key, value) VALUES ('clock.high_water', '{mark}')")).await;
    let world = World::open(&bed.place, Given::default()).await.expect("a server");
    let second = bed.second(Given::default()).await;
    for server in each(&world, &second) {
        assert!(!server.is_active(&token).await, "a token whose hour has passed");
        let asked = server.grant("api-read", "1h").await.map(drop);
        let refused = asked.and(server.token(&grant).await.map(drop)).expect_err("no token");
        assert_eq!(refused.code, "clock_skew");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_forward_on_sqlite() {
    two_days_forward(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_forward_on_postgres() {
    two_days_forward(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_forward_beside_another_server() {
    two_days_forward(Store::PostgresTwo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_back_on_sqlite() {
    two_days_back(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_back_on_postgres() {
    two_days_back(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_days_back_beside_another_server() {
    two_days_back(Store::PostgresTwo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_behind_the_mark_on_all() {
    for store in Store::ALL {
        restarted_behind_the_mark(store).await;
    }
}
