//! A row that cannot be read: its own grant waits for somebody to mend it, the others end.
use chrono::TimeDelta;
use futures_util::future::join_all;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::world::World;

use crate::bed::{Store, each, target};
use crate::parts::clocked;

async fn state(world: &World, grant: &Grant) -> GrantState {
    world.broker.store.grant(grant.id).await.expect("the store").expect("the grant").state
}

async fn a_credential_that_cannot_be_read(store: Store) {
    let cluster = target().await;
    let (bed, clock, world, second) = clocked(store, cluster).await;
    let (spoilt, sound) =
        (world.grant("db-read", "1h").await.unwrap(), world.grant("db-read", "1h").await.unwrap());
    let login = world.login(&spoilt).await.expect("a login");
    world.login(&sound).await.expect("a login");
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let name = &login.credential.external_name;
    outsider.sql(&format!("UPDATE credentials SET probe = '7' WHERE external_name = '{name}'")).await;

    clock.forward(TimeDelta::hours(2));
    let turns = each(&world, &second).map(|server| server.broker.step_expire_grants());
    let reports = join_all(turns).await;
    assert!(reports.iter().all(|report| report.error.is_some()), "{reports:?}");
    assert_eq!(reports.iter().map(|report| report.done).sum::<u64>(), 1, "{reports:?}");
    assert_eq!(
        (state(&world, &spoilt).await, state(&world, &sound).await),
        (GrantState::Active, GrantState::Ending)
    );
    outsider.sql(&format!("UPDATE credentials SET probe = NULL WHERE external_name = '{name}'")).await;
    let last = each(&world, &second).last().expect("a server");
    assert_eq!(last.broker.step_expire_grants().await.error, None);
    assert_eq!(state(&world, &spoilt).await, GrantState::Ending);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_cannot_be_read_on_sqlite() {
    a_credential_that_cannot_be_read(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_cannot_be_read_on_postgres() {
    a_credential_that_cannot_be_read(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_credential_that_cannot_be_read_by_two_servers() {
    a_credential_that_cannot_be_read(Store::PostgresTwo).await;
}
