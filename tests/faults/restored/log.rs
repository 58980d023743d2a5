//! A log that does not fit the checkpoints beside it: events were cut off, or they are another's.
use hallpass_tests::outsider::Outsider;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use super::{all_published, closed, open};
use crate::bed::{Bed, Store, each};

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
        Store::Postgres | Store::PostgresTwo => {
            vec!["ALTER TABLE audit_head DISABLE TRIGGER USER".to_owned()]
        }
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
    let world = open(&bed).await;
    // A second server has no checkpoints of its own that could tell: it goes by what the first has recorded.
    let second = bed.second(Given::default()).await;
    for server in each(&world, &second) {
        let restored = server.broker.restored.get().expect("noticed");
        assert!(restored.why.contains("events were cut off"), "{restored:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_on_sqlite() {
    events_cut_off(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_on_postgres() {
    events_cut_off(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_under_two_servers() {
    events_cut_off(Store::PostgresTwo).await;
}

/// Checkpoints of another log beside the database.
async fn another_logs_checkpoints_are_refused(store: Store) {
    let (bed, other) = (Bed::new(store, &[]).await, Bed::new(store, &[]).await);
    for one in [&bed, &other] {
        let world = open(one).await;
        all_published(one, &world).await;
        closed(world).await;
    }
    std::fs::copy(other.place.checkpoints(), bed.place.checkpoints()).expect("copied");
    let refused = World::open(&bed.place, Given::default()).await.err().expect("a refusal").to_string();
    assert!(refused.contains("another log"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_logs_checkpoints_are_refused_on_both() {
    for store in Store::BOTH {
        another_logs_checkpoints_are_refused(store).await;
    }
}
