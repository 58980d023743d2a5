//! Accounts that somebody removed by hand, or that a target lost when it was itself put back from a copy.
use chrono::TimeDelta;
use hallpass_domain::credential::CredentialState;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::world::World;

use crate::bed::{Store, target};
use crate::parts::{clocked, row};

async fn told(world: &World, kind: &str) -> usize {
    let filter = AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() };
    world.broker.store.events(&filter, None, 10).await.expect("events").len()
}

/// Its end is over and nothing has removed it yet (the target was down, removals were held): that it is gone is told as
/// for any other, and its end stays where it was.
async fn missing_when_overdue(store: Store) {
    let cluster = target().await;
    let (_bed, clock, world, second) = clocked(store, cluster).await;
    let login = world.login(&world.grant("db-read", "1h").await.expect("a grant")).await.expect("a login");
    let due_at = login.credential.due_at;
    clock.forward(TimeDelta::hours(2));
    let superuser = cluster.superuser("postgres").await;
    let drop = format!("DROP ROLE {}", login.credential.external_name);
    superuser.batch_execute(&drop).await.expect("removed by hand");

    for server in [Some(&world), second.as_ref().map(|s| &s.world), Some(&world)].into_iter().flatten() {
        let report = server.broker.step_compare_targets().await;
        assert_eq!(report.error, None);
    }
    let after = row(&world, login.credential.id).await;
    assert_eq!((after.state, after.due_at), (CredentialState::Revoking, due_at));
    assert_eq!(after.last_error.as_deref(), Some("missing"));
    assert_eq!(told(&world, "credential.missing").await, 1, "told, once");
    assert_eq!(told(&world, "credential.revoking").await, 1);

    // It ends like any other: verified absent, and the finding is closed by that.
    let id = world.target("db").await.expect("the target");
    let _ = world.broker.revoke_at(id).await;
    hallpass_tests::wait::eventually("it is revoked", || async {
        (row(&world, login.credential.id).await.state == CredentialState::Revoked).then_some(())
    })
    .await;
    assert_eq!(world.broker.step_compare_targets().await.error, None);
    assert_eq!(world.broker.store.open_findings(10).await.expect("findings"), vec![]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_when_overdue_on_sqlite() {
    missing_when_overdue(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_when_overdue_on_postgres() {
    missing_when_overdue(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_when_overdue_seen_by_two_servers() {
    missing_when_overdue(Store::PostgresTwo).await;
}
