//! Other ways in which it is noticed than by a checkpoint at a start.
use hallpass_broker::access::FIRST_RUN_CLAIM;
use hallpass_tests::wait::eventually_within;

use super::bearers::Bearers;
use super::{Copy, all_published, closed, open, remove_by_hand};
use crate::bed::{Bed, Store, target};
use crate::parts::{SOON, is_there};

/// Without any checkpoint: an account at a target that is newer than the database shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_shows_it() {
    let cluster = target().await;
    let bed = Bed::new(Store::Sqlite, &[("db", cluster.port())]).await;
    let world = open(&bed).await;
    let bearers = Bearers::made(&world).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;
    let world = open(&bed).await;
    let unknown =
        world.login(&world.grant("db-read", "1h").await.expect("a grant")).await.expect("a login").credential;
    closed(world).await;
    std::fs::remove_file(bed.place.checkpoints()).expect("the checkpoints are lost, too");
    copy.put_back(&bed).await;
    let world = open(&bed).await;
    let restored = world.broker.restored.get().expect("known");
    assert_eq!((restored.found_in.as_str(), &restored.cited), ("target db", &None));
    assert_eq!(bearers.alive(&world).await, [false; 4]);
    assert!(is_there(cluster, &unknown.external_name).await);
    // Once confirmed it is no news any more.
    world.broker.confirm_restored().await.expect("confirmed");
    hallpassd::compose::restored::look_at_targets(&world.composed).await.expect("a look");
    assert!(world.broker.restored.get().is_none());
    remove_by_hand(&[&unknown.external_name]).await;
}

/// Beneath a running server: it notices by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_notices() {
    let bed = Bed::new(Store::Postgres, &[]).await;
    let world = open(&bed).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;
    let world = open(&bed).await;
    let bearers = Bearers::made(&world).await;
    all_published(&bed, &world).await;
    copy.put_back(&bed).await;
    eventually_within(SOON, "the store to be back", || async {
        hallpassd::compose::restored::look_outside(&world.composed).await.is_ok().then_some(())
    })
    .await;
    assert!(world.broker.restored.get().is_some());
    assert!(!world.is_active(&bearers.kept).await);
    let meta = world.broker.store.meta(FIRST_RUN_CLAIM).await;
    assert!(meta.is_ok());
}
