//! What operators do beside two running servers on one PostgreSQL database, with the programs themselves: new keys, a person
//! who is locked out. One of the two serves all the time.
use hallpass_tests::command::program;
use hallpass_tests::pg::Cluster;
use hallpass_tests::wait::eventually_within;

use crate::operators::{Installed, PASSWORD, Server, kids};
use crate::operators_dump::on;
use crate::parts::SOON;

/// Two installations of the program on one database; the second has the first one's key file.
pub(crate) async fn two(cluster: &Cluster) -> [Installed; 2] {
    cluster.databases(&["hallpass"]).await;
    let both = [on(cluster, "hallpass"), on(cluster, "hallpass")];
    both[0].init().await;
    hand_on(&both);
    both
}

/// The second gets the first one's key file.
fn hand_on([first, second]: &[Installed; 2]) {
    std::fs::copy(first.path("master.key"), second.path("master.key")).expect("the key");
}

async fn keys(at: &Installed) -> Vec<String> {
    kids(&at.browser().get("/oauth/jwks.json").await.expect(200).body)
}

/// One after the other, so that one of them always answers.
async fn restarted(both: &[Installed; 2], servers: [Server; 2]) -> [Server; 2] {
    let [first, second] = servers;
    first.stop().await;
    assert!(both[1].signs_in(PASSWORD).await, "the other one serves");
    let first = both[0].serve().await;
    second.stop().await;
    assert!(both[0].signs_in(PASSWORD).await, "the other one serves");
    [first, both[1].serve().await]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_change_beneath_two_servers() {
    let _ = tokio::task::spawn_blocking(program).await.expect("the command is built");
    let cluster = tokio::task::spawn_blocking(Cluster::start).await.expect("a cluster");
    let both = two(&cluster).await;
    let mut servers = [both[0].serve().await, both[1].serve().await];
    let first = keys(&both[0]).await;
    assert_eq!(keys(&both[1]).await, first);

    // Token keys: both servers publish the new ones by themselves.
    both[0].ok(&["keys", "rotate-tokens"]).await;
    for server in &both {
        eventually_within(SOON, "every server to publish the new keys", || async {
            let now = keys(server).await;
            (now.len() == 4 && first.iter().all(|kid| now.contains(kid))).then_some(())
        })
        .await;
    }

    // The master key: nothing is sealed with it before every server has it, and the old one goes last.
    both[0].ok(&["keys", "new-master"]).await;
    hand_on(&both);
    let why = both[0].refused(&["keys", "rewrap"]).await;
    assert!(why.contains("--servers-restarted"), "{why}");
    servers = restarted(&both, servers).await;
    let said = both[0].ok(&["keys", "rewrap", "--servers-restarted"]).await;
    assert!(said.contains("values are sealed again"), "{said}");
    both[0].ok(&["keys", "drop-old"]).await;
    hand_on(&both);
    servers = restarted(&both, servers).await;
    let second = keys(&both[0]).await;
    assert_eq!(keys(&both[1]).await, second);

    // Somebody who is locked out: the one-time password holds at both, the old one at none.
    let said = both[1].ok(&["recover", "ada@ops.test"]).await;
    let once = said.trim().rsplit(": ").next().expect("a password").to_owned();
    for server in &both {
        assert!(!server.signs_in(PASSWORD).await, "the old password is gone");
    }
    assert!(both[0].signs_in(&once).await);
    for server in servers {
        server.stop().await;
    }
    tokio::task::spawn_blocking(move || drop(cluster)).await.expect("its end");
}
