//! A trial of a target that is cut off: when its throw-away account has just been made, or before what that made is gone.
use std::time::Duration;

use futures_util::future::join_all;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::pg::Cluster;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{DATABASE, World};
use hallpassd::compose::Given;

use crate::bed::{Bed, Second, Store, each, own_target, server, target};
use crate::parts::is_there;
use crate::restored::open;

/// A server that is killed at a point of its first trial.
async fn cut_off_at(bed: &Bed, point: &str) {
    let mut killed = server(&bed.place, &[("HALLPASS_FAILPOINT", point)]);
    assert!(matches!(killed.line().await, Some(Said::Ready { .. })));
    killed.tell(&Tell::Trials).await;
    assert!(killed.line::<Said>().await.is_none(), "{}", killed.log());
    killed.ended().await;
}

/// By all servers at once: what one has in hand the other leaves alone.
async fn over(world: &World, second: &Option<Second>) {
    eventually_within(Duration::from_secs(60), "the trial to be over", || async {
        for report in join_all(each(world, second).map(|s| s.broker.step_finish_checks())).await {
            assert_eq!(report.error, None);
        }
        world.broker.store.open_checks(10).await.expect("checks").is_empty().then_some(())
    })
    .await;
}

/// No checkpoint outside can tell whether the database is the newest, so the targets are asked; the account of the trial has
/// its row, and is no sign of a restored backup. It is proven gone, and nobody was signed out for it.
async fn no_sign_of_a_restored_backup(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    cut_off_at(&bed, "trial.create.after").await;
    let _ = std::fs::remove_file(bed.place.checkpoints());

    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    let check = world.broker.store.open_checks(10).await.expect("checks").pop().expect("an open one");
    assert!(is_there(cluster, &check.account.external_name).await);
    for server in each(&world, &second) {
        assert!(server.broker.restored.get().is_none(), "it has its row");
        hallpassd::compose::restored::look_at_targets(&server.composed).await.expect("a look");
        assert!(server.broker.restored.get().is_none());
        let unknown = server.broker.unknown_at_targets().await.expect("a look");
        let unknown = unknown.into_iter().flat_map(|t| t.accounts.expect("a list"));
        assert!(!unknown.collect::<Vec<_>>().contains(&check.account.external_name));
    }
    over(&world, &second).await;
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_sign_of_a_restored_backup_to_two_servers() {
    no_sign_of_a_restored_backup(Store::PostgresTwo).await;
}

/// Large objects that trials of this installation made.
async fn made_by_trials(cluster: &Cluster, world: &World) -> i64 {
    let mark = format!("hallpass:v1:{}:%", world.broker.settings.instance);
    let all = "SELECT count(*) FROM pg_description WHERE classoid = 'pg_largeobject'::regclass AND description LIKE $1";
    cluster.superuser(DATABASE).await.query_one(all, &[&mark]).await.expect("large objects").get(0)
}

/// What a trial makes is taken away by who proves its account gone, whether that had handed it over or not.
async fn what_a_trial_made_is_taken_away(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    cut_off_at(&bed, "trial.use.after").await;
    cut_off_at(&bed, "trial.clean.before").await;
    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    assert!(made_by_trials(cluster, &world).await > 0, "nothing was left, so this shows nothing");
    over(&world, &second).await;
    assert_eq!(made_by_trials(cluster, &world).await, 0);
    assert_eq!(left(&world).await, [0, 0]);
}

/// How much was told to be left, of each trial.
async fn left(world: &World) -> Vec<u64> {
    let filter = AuditFilter { kind: Some("target.check_gone".to_owned()), ..AuditFilter::default() };
    let events = world.broker.store.events(&filter, None, 10).await.expect("events");
    events.iter().filter_map(|e| e.event.parts().data["left"].as_u64()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trial_made_is_taken_away_on_sqlite() {
    what_a_trial_made_is_taken_away(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trial_made_is_taken_away_on_postgres() {
    what_a_trial_made_is_taken_away(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trial_made_is_taken_away_by_two_servers() {
    what_a_trial_made_is_taken_away(Store::PostgresTwo).await;
}

/// Where it cannot be taken away that is told, and the trial is over nevertheless: its account is gone.
async fn what_a_trial_leaves_is_told(store: Store) {
    let cluster = own_target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    cut_off_at(&bed, "trial.clean.before").await;
    let superuser = cluster.superuser("postgres").await;
    superuser
        .batch_execute(&format!("ALTER DATABASE {DATABASE} ALLOW_CONNECTIONS false"))
        .await
        .expect("shut");
    let world = open(&bed).await;
    over(&world, &bed.second(Given::default()).await).await;
    assert_eq!(left(&world).await, [1], "told once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trial_leaves_is_told_on_sqlite() {
    what_a_trial_leaves_is_told(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trial_leaves_is_told_on_postgres() {
    what_a_trial_leaves_is_told(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_trial_leaves_is_told_by_two_servers() {
    what_a_trial_leaves_is_told(Store::PostgresTwo).await;
}
