//! A backup that is put back under a running server, with a catalogue that is older than the one in its memory: once an
//! operator confirms, it issues again.
use hallpass_broker::admin::By;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::World;
use hallpassd::compose::Given;

use super::{Copy, all_published, open, remove_by_hand, sealed};
use crate::bed::{Bed, Store, each, target};
use crate::parts::{SOON, gone};

/// Joins after the copy was taken.
const NEWCOMER: &str = "\n[[people]]\nemail = \"kai@faults.test\"\nname = \"Kai Frost\"\n";

async fn revision(world: &World) -> i64 {
    world.broker.catalogue().await.expect("a catalogue").revision
}

/// Decisions rest on the catalogue that was seen: one that is newer than the database's would conflict for ever.
async fn it_issues_again(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    let world = open(&bed).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;

    let world = open(&bed).await;
    let _running = world.run();
    let second = bed.beside(Given::default()).await;
    let copied = revision(&world).await;
    let with_newcomer = bed.place.catalogue() + NEWCOMER;
    let applied =
        world.broker.apply_catalogue(By::System("demo"), &with_newcomer, false, &World::secrets()).await;
    assert!(applied.is_ok(), "{:?}", applied.err().map(|_| "the catalogue is refused"));
    assert!(revision(&world).await > copied);
    let grant = world.grant("api-read", "1h").await.expect("a grant");
    let token = world.token(&grant).await.expect("a token");
    let unknown = world.login(&world.grant("db-read", "1h").await.expect("a grant")).await.expect("a login");
    sealed(&bed, &world).await;

    copy.put_back_beneath(&bed).await;
    eventually_within(SOON, "a running server to notice", || async {
        let looked = hallpassd::compose::restored::look_outside(&world.composed).await;
        (looked.is_ok() && world.broker.restored.is_on()).then_some(())
    })
    .await;
    for server in each(&world, &second) {
        eventually_within(SOON, "every server to know, and the store to be written again", || async {
            (server.broker.restored.is_on() && server.broker.may_sign_in().is_ok()).then_some(())
        })
        .await;
        assert!(!server.is_active(&token).await);
        let revised = || async { (revision(server).await == copied).then_some(()) };
        eventually_within(SOON, "the catalogue to be the copy's", revised).await;
    }
    let filter = AuditFilter { kind: Some("log.restored".to_owned()), ..AuditFilter::default() };
    assert_eq!(world.broker.store.events(&filter, None, 10).await.expect("events").len(), 1, "one restore");

    world.broker.confirm_restored().await.expect("confirmed");
    for server in each(&world, &second).chain(each(&world, &second)) {
        eventually_within(SOON, "every server to know that it was confirmed", || async {
            (!server.broker.restored.is_on()).then_some(())
        })
        .await;
        let grant = server.grant("api-read", "1h").await.expect("a grant");
        let token = server.token(&grant).await.expect("a token");
        assert!(world.is_active(&token).await);
        let grant = server.grant("db-read", "2s").await.expect("a grant");
        let login = server.login(&grant).await.expect("a login");
        gone(cluster, &login.credential.external_name).await;
    }
    remove_by_hand(&[&unknown.credential.external_name]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_issues_again_on_sqlite() {
    it_issues_again(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_issues_again_on_postgres() {
    it_issues_again(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_servers_issue_again() {
    it_issues_again(Store::PostgresTwo).await;
}
