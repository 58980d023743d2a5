//! A target behind a slow network: what arrives past its deadline leaves nothing behind.
use std::sync::Arc;

use hallpass_domain::credential::CredentialState;
use hallpass_tests::proxy::{Proxy, Upstream};
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use crate::bed::{Bed, Store, target};
use crate::ledger::Ledger;
use crate::parts::{SOON, is_there};

/// The create is held back until after its deadline, and then let go; or its answer is lost.
async fn a_create_arrives_late(store: Store, answer_lost: bool) {
    let target = target().await;
    let proxy = Proxy::start(target.address()).await;
    let bed = Bed::new(store, &[("db", proxy.port())]).await;
    let world = Arc::new(World::open(&bed.place, Given::default()).await.expect("a server"));
    let _running = world.run();
    let grant = world.grant("db-read", "3s").await.expect("a grant");
    proxy.upstream(Upstream::HoldFrom(b"CREATE ROLE".to_vec()));
    let asking = tokio::spawn({
        let (world, grant) = (Arc::clone(&world), grant.clone());
        async move { world.login(&grant).await }
    });
    eventually_within(SOON, "the create to be held", || async { proxy.holds().then_some(()) }).await;
    let intended = world.broker.store.credentials_of(grant.id).await.expect("the store").remove(0);
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
    eventually_within(SOON, "verified absence", || async {
        let row = world.broker.store.credential(intended.id).await.expect("the store").expect("the row");
        (row.state == CredentialState::Revoked).then_some(())
    })
    .await;
    assert!(!is_there(target, &intended.external_name).await);
    eventually_within(SOON, "everything to be sealed", || async {
        (world.broker.store.unsealed_tail().await.expect("the log").0 == 0).then_some(())
    })
    .await;
    Ledger::read(&world.broker).await.rows_and_events_agree("a create was late");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_past_its_deadline_leaves_nothing() {
    a_create_arrives_late(Store::Sqlite, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_create_whose_answer_is_lost_is_removed() {
    a_create_arrives_late(Store::Postgres, true).await;
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
