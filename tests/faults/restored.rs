//! A database that is older than what was published of it.
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use crate::bed::{Bed, Store};
use crate::ledger::published;
use crate::parts::SOON;

async fn all_published(bed: &Bed, world: &World) {
    let _running = world.run();
    eventually_within(SOON, "everything to be published", || async {
        let head = world.broker.store.log_head().await.expect("the log");
        let sealed = world.broker.store.unsealed_tail().await.expect("the log").0 == 0;
        (sealed && published(&bed.place.checkpoints()).is_some_and(|p| p.unsigned_abs() == head.size))
            .then_some(())
    })
    .await;
}

async fn open(bed: &Bed) -> World {
    World::open(&bed.place, Given::default()).await.expect("a server")
}

/// A backup, put back after more was done: the server does not start on it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_copy_is_refused() {
    let bed = Bed::new(Store::Sqlite, &[]).await;
    let copy = bed.place.data.join("backup.db");
    let world = open(&bed).await;
    world.grant("api-read", "1h").await.expect("a grant");
    all_published(&bed, &world).await;
    world.composed.store.backup(&copy).await.expect("a copy");
    let grant = world.grant("api-read", "1h").await.expect("a grant that the copy does not know");
    world.token(&grant).await.expect("a token");
    all_published(&bed, &world).await;
    closed(world).await;
    // As it was left, it starts.
    closed(open(&bed).await).await;

    // The copy, with the key and what was published, on another machine.
    let restored = Bed::new(Store::Sqlite, &[]).await;
    std::fs::copy(&copy, restored.place.sqlite().expect("a file")).expect("restored");
    for name in ["master.key", "checkpoints.txt"] {
        std::fs::copy(bed.place.data.join(name), restored.place.data.join(name)).expect("taken along");
    }
    let refused = World::open(&restored.place, Given::default()).await.err().expect("a refusal").to_string();
    assert!(refused.contains("restored backup") && refused.contains("docs/operations.md"), "{refused}");
    // Nothing was changed by the try, and the newest still starts.
    open(&bed).await.grant("api-read", "1h").await.expect("it goes on");
}

/// Events that were cut off the end are the same to it, on either store.
async fn events_cut_off(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    world.grant("api-read", "1h").await.expect("a grant");
    all_published(&bed, &world).await;
    closed(world).await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    // The database's own rules refuse it; whoever owns the database can take them away.
    let rules: Vec<String> = match store {
        Store::Postgres => vec!["ALTER TABLE audit_head DISABLE TRIGGER USER".to_owned()],
        Store::Sqlite => {
            let triggers = outsider
                .sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_head'")
                .await;
            triggers.into_iter().flatten().flatten().map(|name| format!("DROP TRIGGER {name}")).collect()
        }
    };
    assert!(outsider.try_sql("UPDATE audit_head SET size = size - 1 WHERE id = 1").await.is_err());
    for rule in rules {
        outsider.sql(&rule).await;
    }
    outsider.sql("UPDATE audit_head SET size = size - 1 WHERE id = 1").await;
    let refused = World::open(&bed.place, Given::default()).await.err().expect("a refusal").to_string();
    assert!(refused.contains("events were cut off"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_on_sqlite() {
    events_cut_off(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_on_postgres() {
    events_cut_off(Store::Postgres).await;
}

/// Checkpoints of another log beside the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_logs_checkpoints_are_refused() {
    let (bed, other) = (Bed::new(Store::Sqlite, &[]).await, Bed::new(Store::Sqlite, &[]).await);
    for one in [&bed, &other] {
        let world = open(one).await;
        all_published(one, &world).await;
        closed(world).await;
    }
    std::fs::copy(other.place.checkpoints(), bed.place.checkpoints()).expect("copied");
    let refused = World::open(&bed.place, Given::default()).await.err().expect("a refusal").to_string();
    assert!(refused.contains("another log"), "{refused}");
}

/// A stopped server: its store is closed, so that the file is free.
async fn closed(world: World) {
    let left = std::sync::Arc::downgrade(&world.broker);
    drop(world);
    eventually_within(SOON, "the server to be gone", || async { (left.strong_count() == 0).then_some(()) })
        .await;
}
