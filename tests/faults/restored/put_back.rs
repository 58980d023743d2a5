//! A backup that is put back while the server is stopped: what was revoked stays dead, what the copy does not know is left
//! alone until an operator confirms, and the log goes on under a new name.
use hallpass_broker::credentials::login::IssuedLogin;
use hallpass_domain::credential::CredentialState;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{REQUESTER, World};
use hallpassd::compose::Given;
use secrecy::ExposeSecret as _;

use super::bearers::Bearers;
use super::{Copy, all_published, closed, open, remove_by_hand, sealed};
use crate::bed::{Bed, Store, each, target};
use crate::ledger::{left_is_published, log_verifies};
use crate::parts::{SOON, gone, is_there, row};

/// Everything at once, as it happens: a copy, work that it does not know, the copy put back.
async fn a_copy_is_put_back(store: Store) {
    let cluster = target().await;
    let bed = Bed::new(store, &[("db", cluster.port())]).await;
    let world = open(&bed).await;
    let bearers = Bearers::made(&world).await;
    let due = world.login(&world.grant("db-read", "12s").await.expect("a grant")).await.expect("a login");
    let ended_later =
        world.login(&world.grant("db-read", "1h").await.expect("a grant")).await.expect("a login");
    all_published(&bed, &world).await;
    assert_eq!(bearers.alive(&world).await, [true; 4]);
    let copy = Copy::taken(&bed, world).await;

    // What the copy does not know: a token and a login were revoked, another login was made.
    let world = open(&bed).await;
    let requester = world.caller(REQUESTER).await.expect("the requester");
    let text = bearers.revoked.token.expose_secret();
    assert!(world.broker.revoke_token(&requester, text).await.expect("revoked"));
    let unknown =
        world.login(&world.grant("db-read", "1h").await.expect("a grant")).await.expect("a login").credential;
    {
        let _running = world.run();
        world.broker.release_grant(&requester, ended_later.credential.grant_id).await.expect("released");
        gone(cluster, &ended_later.credential.external_name).await;
        sealed(&bed, &world).await;
    }
    let old_vkey = world.broker.log_signer.verifier().to_string();
    log_verifies("before", &world.broker, &old_vkey, &bed.place.checkpoints()).await;
    closed(world).await;
    let old_notes = std::fs::read_to_string(bed.place.checkpoints()).expect("notes");
    let kids = |world: &World| {
        let keys = world.broker.signer.published(world.broker.now());
        keys.into_iter().map(|k| k.kid).collect::<Vec<_>>()
    };

    copy.put_back(&bed).await;
    // Started, and stopped before anything was published: it is still known, and the old log's checkpoints are no others'.
    closed(open(&bed).await).await;
    let world = open(&bed).await;
    let restored = world.broker.restored.get().expect("it is known as a restored backup");
    assert!(restored.found_in.contains("checkpoints.txt"), "{restored:?}");
    let running = world.run();
    let second = bed.beside(Given::default()).await;
    for server in each(&world, &second) {
        assert_eq!(server.broker.restored.get().as_deref(), Some(&*restored), "one restore");
        assert_eq!(bearers.alive(server).await, [false; 4]);
        // Nothing is issued, on either way.
        let grant = server.grant("api-read", "1h").await.expect("people may still ask and approve");
        assert_eq!(server.token(&grant).await.expect_err("no token").code, "restored");
        let grant = server.grant("db-read", "1h").await.expect("a grant");
        assert_eq!(server.login(&grant).await.expect_err("no login").code, "restored");
    }
    // Targets are only looked at: not even what is due is removed.
    eventually_within(SOON, "the login to be overdue", || async {
        (world.broker.now() > due.credential.due_at + chrono::Duration::seconds(2)).then_some(())
    })
    .await;
    assert!(is_there(cluster, &due.credential.external_name).await, "held until somebody confirms");
    assert!(is_there(cluster, &unknown.external_name).await, "not ours to touch");
    for server in each(&world, &second) {
        assert_eq!(server.broker.step_compare_targets().await.done, 0);
        assert!(is_there(cluster, &unknown.external_name).await);
    }

    // The log goes on under a new name, and its first event cites the old checkpoint.
    sealed(&bed, &world).await;
    let first = world.broker.store.sealed_events(restored.size_here, 1).await.expect("events");
    let first = first.first().expect("a first event of the new log").event.parts();
    assert_eq!(first.kind, "log.restored");
    let cited = first.data["checkpoint"].as_str().expect("a note");
    assert!(old_notes.contains(cited), "it cites what was published");
    assert_eq!(first.data["vkey_before"], old_vkey);
    let new_vkey = world.broker.log_signer.verifier().to_string();
    assert_ne!(new_vkey, old_vkey);
    let kids_now = kids(&world);

    // An operator looks, and confirms.
    let seen = world.broker.unknown_at_targets().await.expect("a look");
    let seen = seen.iter().find(|t| t.target == "db").expect("the target").accounts.clone().expect("a list");
    assert!(seen.contains(&unknown.external_name), "{seen:?}");
    world.broker.confirm_restored().await.expect("confirmed");
    assert_eq!(world.broker.confirm_restored().await.expect_err("once").code, "not_restored");
    gone(cluster, &due.credential.external_name).await;
    for server in each(&world, &second) {
        eventually_within(SOON, "every server to know that it was confirmed", || async {
            server.broker.restored.get().is_none().then_some(())
        })
        .await;
        assert_eq!(bearers.alive(server).await, [false; 4], "what died stays dead");
    }
    // What the copy thinks live and was revoked since comes back as a row only, and ends as one.
    assert_eq!(row(&world, ended_later.credential.id).await.state, CredentialState::Live);
    world.broker.step_compare_targets().await;
    eventually_within(SOON, "the row to end", || async {
        Some(row(&world, ended_later.credential.id).await.state).filter(|s| *s == CredentialState::Revoked)
    })
    .await;
    for server in each(&world, &second) {
        let grant = server.grant("api-read", "1h").await.expect("a grant");
        let token = server.token(&grant).await.expect("a token");
        assert!(each(&world, &second).last().expect("a server").is_active(&token).await);
        login_works(server).await;
    }
    sealed(&bed, &world).await;
    drop((running, second));
    new_log_verifies(&world, &bed, &new_vkey).await;
    closed(world).await;

    // As it was left, it starts, and nothing is noticed again.
    let world = open(&bed).await;
    assert!(world.broker.restored.get().is_none());
    assert_eq!((world.broker.log_signer.verifier().to_string(), kids(&world)), (new_vkey, kids_now.clone()));
    closed(world).await;

    // The same copy, put back once more: it is from before the new log.
    copy.put_back(&bed).await;
    let world = open(&bed).await;
    let again = world.broker.restored.get().expect("known again");
    assert_ne!(again.origin, restored.origin);
    assert!(kids(&world).iter().all(|kid| !kids_now.contains(kid)));
    assert_eq!(bearers.alive(&world).await, [false; 4]);
    remove_by_hand(&[&unknown.external_name]).await;
}

async fn login_works(world: &World) {
    let IssuedLogin { credential, .. } =
        world.login(&world.grant("db-read", "2s").await.expect("a grant")).await.expect("a login");
    gone(target().await, &credential.external_name).await;
}

/// The new log verifies from its first event to its last, those of the backup included, with its own key.
async fn new_log_verifies(world: &World, bed: &Bed, vkey: &str) {
    left_is_published(&world.broker, &bed.place.checkpoints()).await;
    let notes = std::fs::read_to_string(bed.place.checkpoints()).expect("notes");
    let origin = vkey.split('+').next().expect("a name");
    let at = notes.find(&format!("{origin}\n")).expect("a checkpoint of the new log");
    let own = bed.place.data.join("new-log.txt");
    std::fs::write(&own, &notes[at..]).expect("written");
    log_verifies("after", &world.broker, vkey, &own).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_put_back_on_sqlite() {
    a_copy_is_put_back(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_put_back_on_postgres() {
    a_copy_is_put_back(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_put_back_under_two_servers() {
    a_copy_is_put_back(Store::PostgresTwo).await;
}
