//! A login's end and its grant's end at the same instant: each moves the same row, and neither may leave it to wait for
//! the other's lease.
use hallpass_domain::credential::CredentialState;
use hallpass_tests::wait::eventually_within;

use crate::bed::{Store, target};
use crate::parts::{SOON, clocked, is_there, row};

/// Each has some logins, so that the two meet in the middle of them.
const ROUNDS: usize = 5;
const LOGINS: usize = 8;

/// Nothing runs beside it: a row that a claim left behind would be taken up again after the lease of 30 s, and this waits
/// for less.
async fn a_claim_meets_the_end_of_the_grant(store: Store) {
    let target = target().await;
    let (_bed, clock, world, second) = clocked(store, target).await;
    let ends = second.as_ref().map_or(&world, |s| &s.world);
    let database = world.target("db").await.expect("the target");
    for _ in 0..ROUNDS {
        let mut logins = Vec::new();
        for _ in 0..LOGINS {
            let grant = world.grant("db-read", "10m").await.expect("a grant");
            logins.push(world.login(&grant).await.expect("a login").credential);
        }
        clock.forward(chrono::TimeDelta::minutes(11));
        let (_, expired) = tokio::join!(world.broker.revoke_at(database), ends.broker.step_expire_grants());
        assert_eq!(expired.error, None);
        for login in logins {
            eventually_within(SOON, "an end without waiting for a lease", || async {
                let _ = world.broker.revoke_at(database).await;
                (row(&world, login.id).await.state == CredentialState::Revoked).then_some(())
            })
            .await;
            assert!(!is_there(target, &login.external_name).await);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_meets_the_end_of_the_grant_on_sqlite() {
    a_claim_meets_the_end_of_the_grant(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_meets_the_end_of_the_grant_on_postgres() {
    a_claim_meets_the_end_of_the_grant(Store::Postgres).await;
}

/// One server claims what another one's turn ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_claim_meets_the_end_of_the_grant_at_another_server() {
    a_claim_meets_the_end_of_the_grant(Store::PostgresTwo).await;
}
