//! Other ways in which it is noticed than by a checkpoint at a start.
use hallpass_broker::access::FIRST_RUN_CLAIM;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;
use hallpassd::compose::outside::judge;
use hallpassd::compose::restored::enter;

use super::bearers::Bearers;
use super::{Copy, all_published, closed, open, remove_by_hand};
use crate::bed::{Bed, Store, each, target};
use crate::parts::{SOON, is_there};

/// Without any checkpoint: an account at a target that is newer than the database shows it.
async fn a_target_shows_it(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
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
    let second = bed.second(Given::default()).await;
    for server in each(&world, &second) {
        let restored = server.broker.restored.get().expect("known");
        assert_eq!((restored.found_in.as_str(), &restored.cited), ("target db", &None));
        assert_eq!(bearers.alive(server).await, [false; 4]);
    }
    assert!(is_there(cluster, &unknown.external_name).await);
    // Once confirmed it is no news any more, to nobody.
    world.broker.confirm_restored().await.expect("confirmed");
    for server in each(&world, &second) {
        server.broker.step_look_restored().await.expect("looked");
        hallpassd::compose::restored::look_at_targets(&server.composed).await.expect("a look");
        assert!(server.broker.restored.get().is_none());
    }
    remove_by_hand(&[&unknown.external_name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_shows_it_on_all() {
    for store in Store::ALL {
        a_target_shows_it(store).await;
    }
}

/// Beneath running servers: each notices by itself, or hears it of another.
async fn a_running_server_notices(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;
    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    let bearers = Bearers::made(&world).await;
    all_published(&bed, &world).await;
    copy.put_back_beneath(&bed).await;
    eventually_within(SOON, "the store to be back", || async {
        hallpassd::compose::restored::look_outside(&world.composed).await.is_ok().then_some(())
    })
    .await;
    for server in each(&world, &second) {
        // The last look of the second one to a database that is gone fails, and is taken again.
        eventually_within(SOON, "every server to look", || async {
            server.broker.step_look_restored().await.ok()
        })
        .await;
        assert!(server.broker.restored.get().is_some());
        assert!(!server.is_active(&bearers.kept).await);
    }
    let meta = world.broker.store.meta(FIRST_RUN_CLAIM).await;
    assert!(meta.is_ok());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_notices_on_all() {
    for store in Store::ALL {
        a_running_server_notices(store).await;
    }
}

/// Two servers judged the same database; one records that it is a restored one. What the other has in hand is evidence
/// against the log as it was, and records nothing more: the log would go on from itself, and what was published would be
/// nobody's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_judged_before_one_recorded_it() {
    let bed = Bed::new(Store::Postgres, &[]).await;
    let world = open(&bed).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;
    let world = open(&bed).await;
    world.grant("api-read", "1h").await.expect("what the copy does not know");
    all_published(&bed, &world).await;
    copy.put_back(&bed).await;
    let broker = &world.broker;
    let (store, key) = (broker.store.as_ref(), broker.log_signer.verifier());
    let judged = eventually_within(SOON, "the store to be back", || async {
        judge(store, &broker.checkpoint_sinks, &key).await.ok()?.evidence
    })
    .await;
    let sealer = &world.composed.sealer;
    assert!(enter(store, sealer, judged.clone(), &key, broker.now()).await.expect("recorded"));
    assert!(!enter(store, sealer, judged, &key, broker.now()).await.expect("nothing to record"));
    drop(world);
    // And a third one, whose start looks again, finds the one restore.
    let world = open(&bed).await;
    let filter = AuditFilter { kind: Some("log.restored".to_owned()), ..AuditFilter::default() };
    let events = world.broker.store.events(&filter, None, 10).await.expect("events");
    assert_eq!(events.len(), 1, "recorded once");
    assert!(world.broker.restored.get().is_some());
}

/// What cannot be read may say that this is a restored backup: nothing is served before it was heard.
async fn nothing_starts_without_an_answer(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    all_published(&bed, &world).await;
    closed(world).await;
    let refused = async || World::open(&bed.place, Given::default()).await.err().expect("no start").0;

    // The place outside: a folder stands where the file was (for root, a file without permissions is readable).
    let (file, aside) = (bed.place.checkpoints(), bed.place.data.join("aside"));
    std::fs::rename(&file, &aside).expect("aside");
    std::fs::create_dir(&file).expect("a folder");
    let why = refused().await;
    assert!(why.contains("cannot be told") && why.contains("checkpoints.txt"), "{why}");
    std::fs::remove_dir(&file).expect("gone");
    std::fs::rename(&aside, &file).expect("back");

    // The record of a restore, which somebody spoilt.
    let mut outsider = Outsider::connect(&bed.place.database).await;
    outsider.sql("INSERT INTO meta (key, value) VALUES ('restored', 'no')").await;
    let why = refused().await;
    assert!(why.contains("damaged"), "{why}");
    outsider.sql("DELETE FROM meta WHERE key = 'restored'").await;
    assert!(open(&bed).await.broker.restored.get().is_none());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_starts_without_an_answer_on_both() {
    for store in Store::BOTH {
        nothing_starts_without_an_answer(store).await;
    }
}
