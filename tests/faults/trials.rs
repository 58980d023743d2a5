//! A trial of a target that is cut off when its throw-away account has just been made.
use std::time::Duration;

use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::wait::eventually_within;

use crate::bed::{Bed, Store, server, target};
use crate::parts::is_there;
use crate::restored::open;

/// No checkpoint outside can tell whether the database is the newest, so the targets are asked; the account of the trial has
/// its row, and is no sign of a restored backup. It is proven gone, and nobody was signed out for it.
async fn no_sign_of_a_restored_backup(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    let mut killed = server(&bed.place, &[("HALLPASS_FAILPOINT", "trial.create.after")]);
    assert!(matches!(killed.line().await, Some(Said::Ready { .. })));
    killed.tell(&Tell::Trials).await;
    assert!(killed.line::<Said>().await.is_none(), "{}", killed.log());
    killed.ended().await;
    let _ = std::fs::remove_file(bed.place.checkpoints());

    let world = open(&bed).await;
    let check = world.broker.store.open_checks(10).await.expect("checks").pop().expect("an open one");
    assert!(is_there(cluster, &check.account.external_name).await);
    assert!(world.broker.restored.get().is_none(), "it has its row");
    hallpassd::compose::restored::look_at_targets(&world.composed).await.expect("a look");
    assert!(world.broker.restored.get().is_none());
    let unknown = world.broker.unknown_at_targets().await.expect("a look");
    let unknown = unknown.into_iter().flat_map(|t| t.accounts.expect("a list"));
    assert!(!unknown.collect::<Vec<_>>().contains(&check.account.external_name));
    eventually_within(Duration::from_secs(60), "the trial to be over", || async {
        assert_eq!(world.broker.step_finish_checks().await.error, None);
        world.broker.store.open_checks(10).await.expect("checks").is_empty().then_some(())
    })
    .await;
    assert!(!is_there(cluster, &check.account.external_name).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sign_of_a_restored_backup_on_sqlite() {
    no_sign_of_a_restored_backup(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sign_of_a_restored_backup_on_postgres() {
    no_sign_of_a_restored_backup(Store::Postgres).await;
}
