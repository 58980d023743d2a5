//! A target that is down when its logins end, beside one that is not.
use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::{CredentialId, GrantId};
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{DATABASE, OWNER, REQUESTER, World};
use hallpassd::compose::Given;
use secrecy::ExposeSecret as _;

use crate::bed::{Bed, Store, own_target, target};
use crate::ledger::Ledger;
use crate::parts::{Mailbox, MovedClock, SOON, gone, is_there, row};

/// It stays `revoking`, people are alerted once it is a minute overdue, the other target is not delayed, and it is
/// complete within seconds of the target's return.
async fn a_target_is_down_at_the_end(store: Store) {
    let (dead, other) = (own_target().await, target().await);
    let bed = Bed::new(store, &[("dead", dead.port()), ("other", other.port())]).await;
    let (clock, mailbox) = (MovedClock::at(&dead).await, Arc::new(Mailbox::default()));
    let given = Given { clock: Some(clock.clone()), notifier: Some(mailbox.clone()), ..Given::default() };
    let world = World::open(&bed.place, given.clone()).await.expect("a server");
    let _running = world.run();
    let _second = bed.beside(given).await;
    let grants = [
        world.grant("dead-read", "3s").await.expect("a grant"),
        world.grant("other-read", "3s").await.expect("a grant"),
    ];
    let (ours, theirs) =
        (world.login(&grants[0]).await.expect("a login"), world.login(&grants[1]).await.expect("a login"));
    let (name, other_name) = (ours.credential.external_name.clone(), theirs.credential.external_name.clone());
    let _session = dead.connect(&name, ours.password.expose_secret(), DATABASE).await.expect("a session");
    dead.stop();

    gone(other, &other_name).await;
    eventually_within(SOON, "the other target's login to be revoked", || async {
        (row(&world, theirs.credential.id).await.state == CredentialState::Revoked).then_some(())
    })
    .await;
    let left = eventually_within(SOON, "the target to be found down", || async {
        Some(row(&world, ours.credential.id).await).filter(|c| c.last_error.is_some())
    })
    .await;
    assert_eq!(
        (left.state, left.last_error.as_deref(), left.attempts, left.alerted_at),
        (CredentialState::Revoking, Some("down"), 0, None)
    );
    assert!(mailbox.to(OWNER, "").is_empty(), "nobody is alerted in the first minute");

    clock.forward(TimeDelta::seconds(61));
    eventually_within(SOON, "an alert", || async { (!mailbox.to(OWNER, "").is_empty()).then_some(()) }).await;
    let left = row(&world, ours.credential.id).await;
    assert!(left.state == CredentialState::Revoking && left.alerted_at.is_some(), "{left:?}");
    let grant = world.broker.store.grant(grants[0].id).await.expect("the store").expect("the grant");
    assert_eq!(grant.state, GrantState::Ending);

    dead.start_again();
    assert!(is_there(&dead, &name).await, "it was there all the time");
    gone(&dead, &name).await;
    let done = eventually_within(SOON, "the end to be recorded", || async {
        Some(row(&world, ours.credential.id).await).filter(|c| c.state == CredentialState::Revoked)
    })
    .await;
    assert!(done.verified_at.is_some());
    eventually_within(SOON, "the all-clear", || async { (mailbox.to(OWNER, "").len() == 2).then_some(()) })
        .await;
    eventually_within(SOON, "everything to be sealed", || async {
        (world.broker.store.unsealed_tail().await.expect("the log").0 == 0).then_some(())
    })
    .await;
    let ledger = Ledger::read(&world.broker).await;
    ledger.rows_and_events_agree("a target was down");
    assert_eq!(ledger.count("credential.overdue", "credential", ours.credential.id), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_down_at_the_end_on_sqlite() {
    a_target_is_down_at_the_end(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_down_at_the_end_on_postgres() {
    a_target_is_down_at_the_end(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_is_down_at_the_end_beside_another_server() {
    a_target_is_down_at_the_end(Store::PostgresTwo).await;
}

/// More than the reconcilers read at once hang at a dead target. What ends elsewhere ends and is told all the same, and
/// people get one alert, not hundreds.
async fn hundreds_hang_at_a_dead_target(store: Store) {
    let (dead, other) = (own_target().await, target().await);
    let bed = Bed::new(store, &[("dead", dead.port()), ("other", other.port())]).await;
    let (clock, mailbox) = (MovedClock::at(&dead).await, Arc::new(Mailbox::default()));
    let given = Given { clock: Some(clock.clone()), notifier: Some(mailbox.clone()), ..Given::default() };
    let world = World::open(&bed.place, given.clone()).await.expect("a server");
    let grant = world.grant("dead-read", "3s").await.expect("a grant");
    let login = world.login(&grant).await.expect("a login").credential;
    dead.stop();
    copy(&world, &grant, &login, 520).await;
    clock.forward(TimeDelta::seconds(30));
    let _running = world.run();
    let _second = bed.beside(given).await;
    eventually_within(SOON, "their grants to be ending", || async {
        let filter = GrantFilter { states: vec![GrantState::Active], ..GrantFilter::default() };
        world.broker.store.grants(&filter, Page::first(1)).await.expect("the store").is_empty().then_some(())
    })
    .await;

    let theirs = world.grant("other-read", "2s").await.expect("a grant");
    let _login = world.login(&theirs).await.expect("a login");
    eventually_within(SOON, "a grant elsewhere to be ended and checked", || async {
        let grant = world.broker.store.grant(theirs.id).await.expect("the store").expect("the grant");
        (grant.state == GrantState::Ended).then_some(())
    })
    .await;
    eventually_within(SOON, "the holder to be told", || async {
        (mailbox.to(REQUESTER, "ended and checked").len() == 1).then_some(())
    })
    .await;

    clock.forward(TimeDelta::seconds(61));
    eventually_within(SOON * 3, "all of them to be alerted", || async {
        let before = world.broker.now() - TimeDelta::seconds(60);
        let untold = world.broker.store.overdue_untold(before, 1).await.expect("the store");
        untold.is_empty().then_some(())
    })
    .await;
    eventually_within(SOON, "the alerts to be sent", || async {
        (mailbox.to(OWNER, "failed to revoke").len() >= 3).then_some(())
    })
    .await;
    let alerts = mailbox.to(OWNER, "failed to revoke");
    assert!(alerts.len() < 15, "{} mails", alerts.len());
    // A row that moved beside it is told on its own; the most are told together.
    assert!(alerts.iter().any(|a| a.text.contains("more, on the reports page")), "{}", alerts[0].text);

    dead.start_again();
    eventually_within(2 * SOON, "all of them to be verified gone", || async {
        let left = world.broker.store.count_overdue(world.broker.now()).await.expect("the store");
        (left == 0).then_some(())
    })
    .await;
    eventually_within(SOON, "the all-clear", || async {
        (!mailbox.to(OWNER, "resolved").is_empty()).then_some(())
    })
    .await;
    let clear = mailbox.to(OWNER, "resolved");
    assert!(clear.len() < 15, "{} mails", clear.len());
}

/// The same login under the same grant, so many times more.
async fn copy(world: &World, grant: &Grant, login: &Credential, times: usize) {
    let now = world.broker.now();
    for n in 0..times {
        let copy = Grant { id: GrantId::new(now), request_id: None, version: 1, ..grant.clone() };
        let id = CredentialId::new(now);
        let external_name = format!("{}_{n}", login.external_name);
        let (grant_id, state) = (copy.id, CredentialState::Intended);
        let first = Credential {
            id,
            grant_id,
            state,
            external_name,
            version: 1,
            live_at: None,
            external_oid: None,
            ..login.clone()
        };
        let live =
            Credential { state: CredentialState::Live, live_at: login.live_at, version: 2, ..first.clone() };
        let made = Transition::new(now)
            .with(Change::Grant(Box::new(copy)))
            .with(Change::Credential(Box::new(first)));
        world.broker.store.commit(made).await.expect("a copy");
        let issued = Transition::new(now).with(Change::Credential(Box::new(live)));
        world.broker.store.commit(issued).await.expect("a copy that is live");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_hang_at_a_dead_target_on_sqlite() {
    hundreds_hang_at_a_dead_target(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_hang_at_a_dead_target_on_postgres() {
    hundreds_hang_at_a_dead_target(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hundreds_hang_at_a_dead_target_beside_another_server() {
    hundreds_hang_at_a_dead_target(Store::PostgresTwo).await;
}
