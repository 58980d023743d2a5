//! What operators do to the store: seal it again under a new master key, erase a person, take a clock's mark back.
use futures_util::future::join_all;
use hallpass_adapters::sealing;
use hallpass_broker::access::{ACCOUNTS, TOTP_SEALED};
use hallpass_domain::Timestamp;
use hallpass_domain::ports::sealer::{SealedAt, Sealer as _};
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{REQUESTER, World};
use hallpassd::commands::clock;
use hallpassd::compose::{CLOCK_MARK, Given, rewrap};
use secrecy::{ExposeSecret as _, SecretString};

use crate::bed::{Bed, Store, each, target};
use crate::ledger::log_verifies;
use crate::parts::SOON;

async fn open(bed: &Bed) -> World {
    World::open(&bed.place, Given::default()).await.expect("a server")
}

async fn closed(world: World) {
    let left = std::sync::Arc::downgrade(&world.broker);
    drop(world);
    eventually_within(SOON, "the server to be gone", || async { (left.strong_count() == 0).then_some(()) })
        .await;
}

/// Everything that is sealed opens: the way to the target, a second factor, the keys (or the server would not be there).
async fn everything_opens(world: &World, seed: &str) {
    let catalogue = world.broker.catalogue().await.expect("the catalogue");
    let id = world.target("db").await.expect("the target");
    let connector = world.broker.targets.connector(&catalogue.targets[&id]).expect("a connector");
    connector.list_marked().await.expect("our password is right");
    let user = world.caller(REQUESTER).await.expect("the requester").user().expect("a person");
    let account = world.broker.store.account(user).await.expect("the store").expect("an account");
    let at = SealedAt { table: ACCOUNTS, row: &user.to_string(), column: TOTP_SEALED };
    let opened =
        world.composed.sealer.open(at, account.totp_sealed.as_deref().expect("a seed")).expect("opens");
    assert_eq!(opened.expose_secret(), seed);
}

async fn sealed_again(store: Store) {
    let bed = Bed::new(store, &[("db", target().await.port())]).await;
    let world = open(&bed).await;
    let (now, catalogue) = (world.broker.now(), world.broker.catalogue().await.expect("the catalogue"));
    let user = catalogue.users.values().find(|u| u.email.as_str() == REQUESTER).expect("the requester");
    let password = SecretString::from("an orange bicycle in the rain");
    let prepared = world.broker.prepare_account(user, &password, true, now).await.expect("an account");
    let uri = prepared.otpauth_uri.expect("a second factor");
    let (_, rest) = uri.expose_secret().split_once("secret=").expect("a seed");
    let seed = rest.split('&').next().expect("a seed").to_owned();
    let mut account = prepared.account;
    account.version = world.broker.store.account(user.id).await.expect("read").map_or(1, |a| a.version + 1);
    world.broker.commit(Transition::new(now).with(Change::Account(Box::new(account)))).await.expect("stored");
    everything_opens(&world, &seed).await;
    closed(world).await;

    let file = bed.place.data.join("master.key");
    let old = std::fs::read(&file).expect("the key");
    sealing::add_to_file(&file).expect("a new key");
    // Every server has the new key before anything is sealed with it.
    let world = open(&bed).await;
    let second = bed.beside(Given::default()).await;
    let rewrapped = async |server: &World| {
        rewrap::run(server.broker.store.as_ref(), &server.composed.sealer, server.broker.now()).await
    };
    let is_finished = async |s: &World| {
        rewrap::is_finished(s.broker.store.as_ref(), &s.composed.sealer).await.expect("read")
    };
    assert!(!is_finished(&world).await);
    // Cut off anywhere: what is done is done, and everything opens.
    for milliseconds in [0, 1, 2, 4, 8] {
        for server in each(&world, &second) {
            let cut_off = std::time::Duration::from_millis(milliseconds);
            let _ = tokio::time::timeout(cut_off, rewrapped(server)).await;
        }
        for server in each(&world, &second) {
            everything_opens(server, &seed).await;
        }
    }
    // To the end, by all at once.
    for done in join_all(each(&world, &second).map(rewrapped)).await {
        done.expect("to the end");
    }
    for server in each(&world, &second) {
        assert!(is_finished(server).await);
        everything_opens(server, &seed).await;
    }
    drop(second);
    closed(world).await;

    sealing::keep_newest(&file).expect("the old key is out");
    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    for server in each(&world, &second) {
        everything_opens(server, &seed).await;
        let grant = server.grant("api-read", "1h").await.expect("a grant");
        let token = server.token(&grant).await.expect("a token");
        assert!(world.is_active(&token).await);
    }
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let said = "SELECT count(*) FROM audit_events WHERE kind = 'key.master_rotated'";
    assert_eq!(outsider.number(said).await, 1);
    assert!(outsider.number("SELECT count(*) FROM audit_events WHERE kind = 'key.rewrapped'").await >= 4);
    drop((outsider, second));
    closed(world).await;
    std::fs::write(&file, old).expect("the old key");
    let why =
        World::open(&bed.place, Given::default()).await.err().expect("the old key opens nothing").to_string();
    assert!(why.contains("master key"), "{why}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_again_on_sqlite() {
    sealed_again(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_again_on_postgres() {
    sealed_again(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sealed_again_beneath_two_servers() {
    sealed_again(Store::PostgresTwo).await;
}

async fn a_person_is_erased(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    world.grant("api-read", "1h").await.expect("a grant");
    let refusal = world.broker.erase_person(REQUESTER).await.expect_err("still works here");
    assert_eq!(refusal.code, "person_enabled");
    assert_eq!(world.broker.erase_person("nobody@faults.test").await.expect_err("unknown").code, "not_found");
    let catalogue = world.broker.catalogue().await.expect("the catalogue");
    let user =
        catalogue.users.values().find(|u| u.email.as_str() == REQUESTER).expect("the requester").clone();
    let mut gone = user.clone();
    (gone.disabled, gone.version) = (true, user.version + 1);
    let now = world.broker.now();
    world.broker.commit(Transition::new(now).with(Change::User(Box::new(gone)))).await.expect("disabled");
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let cast = if store == Store::Sqlite { "private" } else { "private::text" };
    let named = format!("SELECT count(*) FROM audit_events WHERE {cast} LIKE '%{REQUESTER}%'");
    let by_them =
        format!("SELECT count(*) FROM audit_events WHERE actor = 'user:{}' AND private IS NOT NULL", user.id);
    assert!(outsider.number(&named).await > 0 && outsider.number(&by_them).await > 0);
    let all = join_all(each(&world, &second).map(|s| s.broker.erase_person(REQUESTER))).await;
    let erased = all.into_iter().map(|one| one.expect("erased")).max().expect("a server");
    assert!(erased > 0);
    assert_eq!((outsider.number(&named).await, outsider.number(&by_them).await), (0, 0));
    for server in each(&world, &second) {
        assert_eq!(server.broker.erase_person(REQUESTER).await.expect("again"), 0);
    }
    let vkey = world.broker.log_signer.verifier().to_string();
    let verified = log_verifies("erased", &world.broker, &vkey, &bed.place.checkpoints()).await;
    assert!(verified.erased >= erased, "{verified:?}");
    assert!(outsider.number("SELECT count(*) FROM audit_events WHERE kind = 'audit.erased'").await > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_on_sqlite() {
    a_person_is_erased(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_on_postgres() {
    a_person_is_erased(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_is_erased_by_two_servers() {
    a_person_is_erased(Store::PostgresTwo).await;
}

/// A mark that a wrong jump left two days ahead stops issuing; the command takes it back, while every server is stopped.
async fn a_mark_ahead_is_taken_back(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    let (now, store) = (world.broker.now(), &world.broker.store);
    let stored = store.meta(CLOCK_MARK).await.expect("the store");
    let ahead = now + chrono::Duration::days(2);
    let mark = Change::Meta { key: CLOCK_MARK.to_owned(), expected: stored, value: Some(ahead.to_rfc3339()) };
    world.broker.commit(Transition::new(now).with(mark)).await.expect("stored");
    closed(world).await;
    clock::reset(&bed.place.config()).await.expect("reset");
    let world = open(&bed).await;
    let second = bed.second(Given::default()).await;
    for server in each(&world, &second) {
        let mark = server.broker.store.meta(CLOCK_MARK).await.expect("the store").expect("a mark");
        assert!(mark.parse::<Timestamp>().expect("a time") < ahead - chrono::Duration::days(1));
        assert!(server.broker.now() < ahead - chrono::Duration::days(1));
        server.token(&server.grant("api-read", "1h").await.expect("a grant")).await.expect("issuing works");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mark_ahead_is_taken_back_on_all() {
    for store in Store::ALL {
        a_mark_ahead_is_taken_back(store).await;
    }
}
