//! A target whose address changes while a login is made there, on two servers. A removal that went to the new address would
//! find nothing, and call it verified.
use std::sync::Arc;

use hallpass_broker::admin::{ApplyError, By};
use hallpass_broker::{Broker, Caller};
use hallpass_domain::target::TargetSettings;
use hallpass_tests::database::{self, Backend, Database, cluster};
use hallpass_tests::server::{Setup, TestServer, target_secrets};
use hallpass_tests::wait::eventually;
use tokio_postgres::Client;

use crate::steps;

/// The target's address in the catalogue now.
async fn address(broker: &Broker) -> String {
    let catalogue = broker.store.catalogue().await.unwrap();
    let settings = catalogue.targets.values().find_map(|t| match &t.settings {
        TargetSettings::Postgresql(p) => Some(p.host.clone()),
        TargetSettings::Oauth(_) => None,
    });
    settings.expect("the target")
}

/// A statement of one of the servers waits for what `somebody` holds.
async fn waits(somebody: &Client, statement: &str) {
    eventually("a statement to wait", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity
             WHERE datname = current_database() AND wait_event_type = 'Lock' AND query ILIKE $1";
        let row = somebody.query_one(waiting, &[&statement]).await.unwrap();
        (row.get::<_, i64>(0) > 0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_does_not_change_under_a_login() {
    let target = database::target().await;
    let server = TestServer::with(Setup {
        real_time: true,
        targets: vec![("orders-db".to_owned(), target)],
        ..Setup::on(Backend::PostgresTwo)
    })
    .await;
    let Database::Server(name) = &server.database else { unreachable!() };
    let (mut holds, looks) = (cluster().await.superuser(name).await, cluster().await.superuser(name).await);
    let dana = server.sign_in("dana").await;
    let ada = Caller::Human(server.human(&server.sign_in("ada").await).await);
    let holder = Caller::Human(server.human(&dana).await);
    let brokers: Vec<Arc<Broker>> = server.nodes.iter().map(|n| Arc::clone(&n.composed.broker)).collect();
    let before = address(&brokers[0]).await;
    let socket = target.socket_dir().display().to_string();
    let moved = server.catalogue_text().replace(&format!("host = {before:?}"), &format!("host = {socket:?}"));
    let apply = async || brokers[0].apply_catalogue(By::Person(&ada), &moved, false, &target_secrets()).await;

    // The change is decided, its commit waits, and the login is made meanwhile.
    let grant = steps::granted(&server, &dana, "orders-db-read", "1h").await.id;
    let held = holds.transaction().await.unwrap();
    held.batch_execute("SELECT FROM catalogue_revision FOR SHARE").await.unwrap();
    let (applied, login) = tokio::join!(Box::pin(apply()), async {
        waits(&looks, "%catalogue_revision%").await;
        let login = brokers[1].issue_login(&holder, grant).await;
        held.rollback().await.unwrap();
        login.expect("a login").taken()
    });
    match applied {
        Err(ApplyError::Mistakes(all)) => {
            assert!(all.iter().any(|m| m.what.contains("address would change")), "{all:?}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!((address(&brokers[1]).await, login.connection.host), (before.clone(), before));
    // Nor for a local command, unless it says that the server is the same one.
    let by = async |by: By<'static>| brokers[0].apply_catalogue(by, &moved, false, &target_secrets()).await;
    assert!(matches!(Box::pin(by(By::System("demo"))).await, Err(ApplyError::Mistakes(_))));
    Box::pin(by(By::SameServers("demo"))).await.expect("the server is the same");
    let (back, secrets) = (server.catalogue_text(), target_secrets());
    let back = brokers[0].apply_catalogue(By::SameServers("demo"), &back, false, &secrets);
    Box::pin(back).await.expect("and back");
    brokers[1].release_grant(&holder, grant).await.unwrap();
    eventually("it is proven gone", || async {
        (brokers[0].store.count_unrevoked(grant).await.unwrap() == 0).then_some(())
    })
    .await;

    // The login is decided, its commit waits, and the address changes meanwhile: it is decided again, and is not what was
    // approved any more. Asked again, it is made at the new one.
    let grant = steps::granted(&server, &dana, "orders-db-read", "1h").await.id;
    let held = holds.transaction().await.unwrap();
    held.execute("SELECT FROM grants WHERE id = $1 FOR UPDATE", &[&grant.0]).await.unwrap();
    let (login, ()) = tokio::join!(brokers[1].issue_login(&holder, grant), async {
        waits(&looks, "%grants%").await;
        Box::pin(apply()).await.expect("nothing is there");
        held.rollback().await.unwrap();
    });
    assert_eq!(login.expect_err("another server than the one approved").code, "role_changed");
    brokers[1].release_grant(&holder, grant).await.unwrap();
    let grant = steps::granted(&server, &dana, "orders-db-read", "1h").await.id;
    let login = brokers[1].issue_login(&holder, grant).await.expect("a login").taken();
    assert_eq!((address(&brokers[1]).await, login.connection.host), (socket.clone(), socket));
    brokers[1].release_grant(&holder, grant).await.unwrap();
    eventually("it is proven gone", || async {
        (brokers[0].store.count_unrevoked(grant).await.unwrap() == 0).then_some(())
    })
    .await;
    server.stop_without_mail().await;
}
