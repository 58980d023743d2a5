//! A new master key while the trial of a target is not over: what it needs to take its account away is sealed again, too.
use std::time::Duration;

use hallpass_adapters::sealing;
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::pg::Cluster;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{Place, World};
use hallpassd::compose::{Given, rewrap};

use crate::bed::{Bed, Store, each, server, target};
use crate::restored::{closed, open};

/// Names of accounts of an installation at a target.
async fn accounts(cluster: &Cluster, world: &World) -> Vec<String> {
    let like = format!("hp\\_{}\\_%", world.broker.settings.instance);
    let superuser = cluster.superuser("postgres").await;
    let rows = superuser.query("SELECT rolname FROM pg_roles WHERE rolname LIKE $1", &[&like]).await;
    rows.expect("roles").iter().map(|row| row.get(0)).collect()
}

async fn a_trial_outlives_the_old_key(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[]).await;
    // Killed when the throw-away account of a new target has just been made: the target is in no catalogue.
    let with = Place { targets: vec![("db".to_owned(), cluster.port())], ..bed.place.clone() };
    let mut killed = server(&bed.place, &[("HALLPASS_FAILPOINT", "trial.create.after")]);
    assert!(matches!(killed.line().await, Some(Said::Ready { .. })));
    killed.tell(&Tell::Apply { catalogue: with.catalogue() }).await;
    let said = killed.line::<Said>().await;
    assert!(said.is_none(), "killed before it has an answer: {said:?}\n{}", killed.log());
    killed.ended().await;

    let key = bed.place.data.join("master.key");
    sealing::add_to_file(&key).expect("a new key before the old one");
    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    let check = world.broker.store.open_checks(10).await.expect("checks").pop().expect("an open one");
    let left = accounts(cluster, &world).await;
    assert_eq!(left, [check.account.external_name.as_str()], "its account is there");
    let (store, sealer) = (world.broker.store.as_ref(), &world.composed.sealer);
    assert!(!rewrap::is_finished(store, sealer).await.expect("a look"));
    assert!(rewrap::run(store, sealer, world.broker.now()).await.expect("sealed again") > 0);
    for server in each(&world, &second) {
        let (store, sealer) = (server.broker.store.as_ref(), &server.composed.sealer);
        assert!(rewrap::is_finished(store, sealer).await.expect("a look"));
        assert_eq!(rewrap::run(store, sealer, server.broker.now()).await.expect("nothing is left"), 0);
    }
    drop(second);
    closed(world).await;
    sealing::keep_newest(&key).expect("the new key alone");

    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    let finishes = each(&world, &second).last().expect("a server");
    eventually_within(Duration::from_secs(60), "the trial to be over", || async {
        assert_eq!(finishes.broker.step_finish_checks().await.error, None);
        world.broker.store.open_checks(10).await.expect("checks").is_empty().then_some(())
    })
    .await;
    assert_eq!(accounts(cluster, &world).await, Vec::<String>::new());
    let over = world.broker.store.target_check(check.account.id).await.expect("a look").expect("the check");
    assert_eq!(over.target.sealed_secret, None, "no copy of our password is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_outlives_the_old_key_on_sqlite() {
    a_trial_outlives_the_old_key(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_outlives_the_old_key_on_postgres() {
    a_trial_outlives_the_old_key(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trial_outlives_the_old_key_under_two_servers() {
    a_trial_outlives_the_old_key(Store::PostgresTwo).await;
}
