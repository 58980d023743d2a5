//! A target behind a slow network: what arrives past its deadline leaves nothing behind.
use std::sync::Arc;

use hallpass_broker::credentials::login::IssuedLogin;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::refusal::Refusal;
use hallpass_tests::pg::Cluster;
use hallpass_tests::proxy::{Proxy, Upstream};
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{REQUESTER, World};
use hallpassd::compose::Given;
use tokio::task::JoinHandle;

use crate::bed::{Bed, Store, started, target};
use crate::ledger::Ledger;
use crate::parts::{SOON, is_there};

/// Asks for a login whose create is held back on its way; the asking, and the row ahead of the account.
async fn held(
    proxy: &Proxy,
    world: &Arc<World>,
    grant: &Grant,
) -> (JoinHandle<Result<IssuedLogin, Refusal>>, Credential) {
    proxy.upstream(Upstream::HoldFrom(b"CREATE ROLE".to_vec()));
    let asking = tokio::spawn({
        let (world, grant) = (Arc::clone(world), grant.clone());
        async move { world.login(&grant).await }
    });
    eventually_within(SOON, "the create to be held", || async { proxy.holds().then_some(()) }).await;
    let intended = world.broker.store.credentials_of(grant.id).await.expect("the store").remove(0);
    (asking, intended)
}

/// The create is held back until after its deadline, and then let go; or its answer is lost.
async fn a_create_arrives_late(store: Store, answer_lost: bool) {
    let target = target().await;
    let proxy = Proxy::start(target.address()).await;
    let bed = Bed::new(store, &[("db", proxy.port())]).await;
    let world = Arc::new(World::open(&bed.place, Given::default()).await.expect("a server"));
    let _running = world.run();
    let _second = bed.beside(Given::default()).await;
    let grant = world.grant("db-read", "3s").await.expect("a grant");
    let (asking, intended) = held(&proxy, &world, &grant).await;
    assert_eq!(intended.state, CredentialState::Intended, "the row is there before the account");
    if answer_lost {
        proxy.deafen();
    } else {
        eventually_within(SOON, "the deadline", || async {
            (world.broker.now() > intended.create_deadline).then_some(())
        })
        .await;
    }
    proxy.release();
    let refusal = asking.await.expect("the task").expect_err("no login");
    assert!(["target_slow", "target_down", "grant_over"].contains(&refusal.code), "{refusal:?}");
    if answer_lost {
        // It may have been created; nobody has its secret.
        proxy.hear();
    }
    gone(&world, target, intended.id, "a create was late").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_past_its_deadline_leaves_nothing() {
    for store in Store::ALL {
        a_create_arrives_late(store, false).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_whose_answer_is_lost_is_removed() {
    for store in Store::ALL {
        a_create_arrives_late(store, true).await;
    }
}

/// The issuer gave up and the account is being made absent when, still before its deadline, the create lands after all.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_that_lands_after_its_issuer_gave_up_is_removed() {
    let target = target().await;
    let proxy = Proxy::start(target.address()).await;
    let bed = Bed::new(Store::Sqlite, &[("db", proxy.port())]).await;
    let world = World::open(&bed.place, Given::default()).await.expect("a server");
    let _running = world.run();
    let grant = world.grant("db-read", "10m").await.expect("a grant");
    proxy.upstream(Upstream::HoldFrom(b"CREATE ROLE".to_vec()));
    assert_eq!(world.login(&grant).await.expect_err("no answer").code, "target_down");
    let looked = eventually_within(SOON, "a look that finds nothing", || async {
        let row = world.broker.store.credentials_of(grant.id).await.expect("the store").remove(0);
        row.removed_at.is_some().then_some(row)
    })
    .await;
    // Nothing is there, and that is no proof: the create can still land.
    assert_eq!(looked.state, CredentialState::Revoking);
    assert!(world.broker.now() < looked.create_deadline, "the create can land no more: this shows nothing");
    proxy.release();
    eventually_within(SOON, "the create to land", || async {
        is_there(target, &looked.external_name).await.then_some(())
    })
    .await;
    eventually_within(SOON, "verified absence", || async {
        let row = world.broker.store.credential(looked.id).await.expect("the store").expect("the row");
        (row.state == CredentialState::Revoked).then_some(())
    })
    .await;
    assert!(!is_there(target, &looked.external_name).await);
}

/// Waits until a login is proven gone, and checks that what is recorded of it agrees.
async fn gone(world: &World, target: &Cluster, id: CredentialId, when: &str) -> Credential {
    let row = eventually_within(SOON, "verified absence", || async {
        let row = world.broker.store.credential(id).await.expect("the store").expect("the row");
        (row.state == CredentialState::Revoked).then_some(row)
    })
    .await;
    assert!(!is_there(target, &row.external_name).await);
    eventually_within(SOON, "everything to be sealed", || async {
        (world.broker.store.unsealed_tail().await.expect("the log").0 == 0).then_some(())
    })
    .await;
    Ledger::read(&world.broker).await.rows_and_events_agree(when);
    row
}

/// Whoever asked is gone before the create is done, as the HTTP API is once it has answered "too slow": what was made never
/// goes live.
async fn nobody_waits_for_the_create(store: Store) {
    let target = target().await;
    let proxy = Proxy::start(target.address()).await;
    let bed = Bed::new(store, &[("db", proxy.port())]).await;
    let world = Arc::new(World::open(&bed.place, Given::default()).await.expect("a server"));
    let _running = world.run();
    let _second = bed.beside(Given::default()).await;
    let grant = world.grant("db-read", "1h").await.expect("a grant");
    let (asking, intended) = held(&proxy, &world, &grant).await;
    asking.abort();
    assert!(asking.await.is_err_and(|e| e.is_cancelled()), "it had not answered yet");
    proxy.release();
    let row = gone(&world, target, intended.id, "nobody took the login").await;
    assert_eq!(row.live_at, None, "nobody had its password");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_create_on_sqlite() {
    nobody_waits_for_the_create(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_create_on_postgres() {
    nobody_waits_for_the_create(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_create_beside_another_server() {
    nobody_waits_for_the_create(Store::PostgresTwo).await;
}

/// Whoever asked is gone after it was decided that the login goes live, and before he has it: it goes live, and is removed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_the_commit() {
    let (target, stores) = (target().await, started(&[]).await);
    let proxy = Proxy::start(target.address()).await;
    let bed = Bed::on(&stores, &[("db", proxy.port())]).await;
    let database = bed.place.database.rsplit('/').next().and_then(|d| d.split('?').next()).expect("a name");
    let world = Arc::new(World::open(&bed.place, Given::default()).await.expect("a server"));
    let _running = world.run();
    let grant = world.grant("db-read", "1h").await.expect("a grant");
    let (asking, intended) = held(&proxy, &world, &grant).await;
    let (mut holder, looks) = (stores.superuser(database).await, stores.superuser(database).await);
    let held = holder.transaction().await.expect("a transaction");
    held.execute("SELECT FROM grants WHERE id = $1 FOR UPDATE", &[&grant.id.0]).await.expect("the lock");
    proxy.release();
    eventually_within(SOON, "the commit to wait", || async {
        let waiting = "SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%grants%'";
        (!looks.query(waiting, &[]).await.expect("the activity").is_empty()).then_some(())
    })
    .await;
    asking.abort();
    assert!(asking.await.is_err_and(|e| e.is_cancelled()), "it had not answered yet");
    held.rollback().await.expect("the lock is let go");
    let row = gone(&world, target, intended.id, "nobody took the login").await;
    assert!(row.live_at.is_some(), "it was refused before: this shows nothing");
}

/// It was issued, and whoever should hand it on was dropped before he had: a connection that broke while the answer was made.
async fn nobody_hands_it_on(store: Store) {
    let target = target().await;
    let bed = Bed::new(store, &[("db", target.port())]).await;
    let world = World::open(&bed.place, Given::default()).await.expect("a server");
    let _running = world.run();
    let _second = bed.beside(Given::default()).await;
    let grant = world.grant("db-read", "1h").await.expect("a grant");
    let caller = world.caller(REQUESTER).await.expect("the requester");
    drop(world.broker.issue_login(&caller, grant.id).await.expect("a login"));
    let row = world.broker.store.credentials_of(grant.id).await.expect("the store").remove(0);
    gone(&world, target, row.id, "nobody took the login").await;
    // What somebody has stays.
    let login = world.login(&grant).await.expect("a login");
    let row = world.broker.store.credential(login.credential.id).await.expect("the store").expect("the row");
    assert_eq!(row.state, CredentialState::Live);
    world.broker.release_grant(&caller, grant.id).await.expect("it ends");
    gone(&world, target, row.id, "nobody took the login").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hands_it_on_on_sqlite() {
    nobody_hands_it_on(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hands_it_on_on_postgres() {
    nobody_hands_it_on(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hands_it_on_beside_another_server() {
    nobody_hands_it_on(Store::PostgresTwo).await;
}
