//! A database that is older than what was published of it, or than what stands at its targets: what was revoked stays dead,
//! what the copy does not know is left alone until an operator confirms, and the log goes on under a new name.
use hallpass_broker::access::FIRST_RUN_CLAIM;
use hallpass_broker::credentials::login::IssuedLogin;
use hallpass_broker::credentials::token::IssuedToken;
use hallpass_domain::account::{ApiToken, Session, Strength};
use hallpass_domain::credential::CredentialState;
use hallpass_domain::ids::{ApiTokenId, SessionId};
use hallpass_domain::principal::ClientOf;
use hallpass_domain::secret::new_secret;
use hallpass_domain::transition::{Change, Transition};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{REQUESTER, World};
use hallpassd::compose::Given;
use secrecy::{ExposeSecret as _, SecretString};

use crate::bed::{Bed, Store, target};
use crate::ledger::{log_verifies, published};
use crate::parts::{SOON, gone, is_there, row};

pub(crate) async fn all_published(bed: &Bed, world: &World) {
    let _running = world.run();
    sealed(bed, world).await;
}

async fn sealed(bed: &Bed, world: &World) {
    eventually_within(SOON, "everything to be published", || async {
        let head = world.broker.store.log_head().await.expect("the log");
        let sealed = world.broker.store.unsealed_tail().await.expect("the log").0 == 0;
        (sealed && published(&bed.place.checkpoints()).is_some_and(|p| p.unsigned_abs() == head.size))
            .then_some(())
    })
    .await;
}

pub(crate) async fn open(bed: &Bed) -> World {
    World::open(&bed.place, Given::default()).await.expect("a server")
}

/// A stopped server: its store is closed, so that the file is free.
pub(crate) async fn closed(world: World) {
    let left = std::sync::Arc::downgrade(&world.broker);
    drop(world);
    eventually_within(SOON, "the server to be gone", || async { (left.strong_count() == 0).then_some(()) })
        .await;
}

/// What the copy holds that opens by itself.
struct Bearers {
    kept: IssuedToken,
    revoked: IssuedToken,
    cookie: SecretString,
    api_token: SecretString,
}

impl Bearers {
    async fn made(world: &World) -> Self {
        let now = world.broker.now();
        let user = world.caller(REQUESTER).await.expect("the requester").user().expect("a person");
        let (cookie, hash) = new_secret("hps").expect("random");
        let session = Session {
            id: SessionId::new(now),
            hash,
            user_id: Some(user),
            strength: Strength::Session,
            csrf: "csrf".to_owned(),
            next: None,
            agent: "a browser".to_owned(),
            network: "127.0.0.1".to_owned(),
            created_at: now,
            seen_at: now,
            expires_at: now + chrono::Duration::hours(1),
            ended_at: None,
            device_tries: 0,
            version: 1,
        };
        let (api_token, hash) = new_secret("hpa").expect("random");
        let clients = world.broker.store.clients().await.expect("clients");
        let token = ApiToken {
            id: ApiTokenId::new(now),
            hash,
            user_id: Some(user),
            client_id: clients.iter().find(|c| c.of == ClientOf::CommandLine).expect("a client").id,
            label: "a laptop".to_owned(),
            created_at: now,
            expires_at: now + chrono::Duration::hours(1),
            revoked_at: None,
            version: 1,
        };
        let made = Transition::new(now)
            .with(Change::Session(Box::new(session)))
            .with(Change::ApiToken(Box::new(token)));
        world.broker.commit(made).await.expect("both");
        let grant = world.grant("api-read", "1h").await.expect("a grant");
        let (kept, revoked) =
            (world.token(&grant).await.expect("a token"), world.token(&grant).await.expect("a token"));
        Self { kept, revoked, cookie, api_token }
    }

    /// Which of them open something.
    async fn alive(&self, world: &World) -> [bool; 4] {
        let (broker, now) = (&world.broker, world.broker.now());
        [
            world.is_active(&self.kept).await,
            world.is_active(&self.revoked).await,
            broker.glance_at_session(self.cookie.expose_secret(), now).await.expect("a look").is_some(),
            broker.caller_from_api_token(self.api_token.expose_secret(), now).await.is_ok(),
        ]
    }
}

/// A copy of a store, to be put back.
pub(crate) struct Copy(String);

impl Copy {
    /// Takes it, and stops the server.
    pub(crate) async fn taken(bed: &Bed, world: World) -> Self {
        match bed.place.sqlite() {
            Some(_) => {
                let copy = bed.place.data.join(format!("copy-{}.db", uuid::Uuid::new_v4()));
                world.composed.store.backup(&copy).await.expect("a copy");
                closed(world).await;
                Self(copy.display().to_string())
            }
            None => {
                closed(world).await;
                let (name, mut outsider) = postgres(bed).await;
                let copy = format!("copy_{}", uuid::Uuid::new_v4().simple());
                clone(&mut outsider, &copy, &name).await;
                Self(copy)
            }
        }
    }

    pub(crate) async fn put_back(&self, bed: &Bed) {
        match bed.place.sqlite() {
            Some(file) => {
                for beside in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(format!("{}{beside}", file.display()));
                }
                // Another file of that name, as on another machine: connections of this process may still have the old one.
                let new = bed.place.data.join("put-back.db");
                std::fs::copy(&self.0, &new).expect("put back");
                std::fs::rename(new, file).expect("put back");
            }
            None => {
                let (name, mut outsider) = postgres(bed).await;
                outsider.sql(&format!("DROP DATABASE {name} WITH (FORCE)")).await;
                clone(&mut outsider, &name, &self.0).await;
            }
        }
    }
}

/// Name of the store's database, and a connection to another one beside it.
async fn postgres(bed: &Bed) -> (String, Outsider) {
    let (address, settings) = bed.place.database.split_once('?').expect("settings");
    let (server, name) = address.rsplit_once('/').expect("a database");
    (name.to_owned(), Outsider::connect(&format!("{server}/postgres?{settings}")).await)
}

/// A connection of a server that has just stopped may still be closing.
async fn clone(outsider: &mut Outsider, name: &str, of: &str) {
    let statement = format!("CREATE DATABASE {name} TEMPLATE {of}");
    let deadline = std::time::Instant::now() + SOON;
    while let Err(error) = outsider.try_sql(&statement).await {
        assert!(std::time::Instant::now() < deadline, "{error}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

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
    assert_eq!(bearers.alive(&world).await, [false; 4]);
    let running = world.run();
    // Nothing is issued, on either way.
    let grant = world.grant("api-read", "1h").await.expect("people may still ask and approve");
    assert_eq!(world.token(&grant).await.expect_err("no token").code, "restored");
    let grant = world.grant("db-read", "1h").await.expect("a grant");
    assert_eq!(world.login(&grant).await.expect_err("no login").code, "restored");
    // Targets are only looked at: not even what is due is removed.
    eventually_within(SOON, "the login to be overdue", || async {
        (world.broker.now() > due.credential.due_at + chrono::Duration::seconds(2)).then_some(())
    })
    .await;
    assert!(is_there(cluster, &due.credential.external_name).await, "held until somebody confirms");
    assert!(is_there(cluster, &unknown.external_name).await, "not ours to touch");
    assert!(
        world.broker.step_compare_targets().await.done == 0
            && is_there(cluster, &unknown.external_name).await
    );

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
    assert_eq!(bearers.alive(&world).await, [false; 4], "what died stays dead");
    // What the copy thinks live and was revoked since comes back as a row only, and ends as one.
    assert_eq!(row(&world, ended_later.credential.id).await.state, CredentialState::Live);
    world.broker.step_compare_targets().await;
    eventually_within(SOON, "the row to end", || async {
        Some(row(&world, ended_later.credential.id).await.state).filter(|s| *s == CredentialState::Revoked)
    })
    .await;
    let token = world.token(&world.grant("api-read", "1h").await.expect("a grant")).await.expect("a token");
    assert!(world.is_active(&token).await);
    login_works(&world).await;
    sealed(&bed, &world).await;
    drop(running);
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
    let notes = std::fs::read_to_string(bed.place.checkpoints()).expect("notes");
    let origin = vkey.split('+').next().expect("a name");
    let at = notes.find(&format!("{origin}\n")).expect("a checkpoint of the new log");
    let own = bed.place.data.join("new-log.txt");
    std::fs::write(&own, &notes[at..]).expect("written");
    log_verifies("after", &world.broker, vkey, &own).await;
}

async fn remove_by_hand(names: &[&str]) {
    let superuser = target().await.superuser("postgres").await;
    for name in names {
        let _ = superuser.batch_execute(&format!("DROP ROLE IF EXISTS \"{name}\"")).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_put_back_on_sqlite() {
    a_copy_is_put_back(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_is_put_back_on_postgres() {
    a_copy_is_put_back(Store::Postgres).await;
}

/// Without any checkpoint: an account at a target that is newer than the database shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_target_shows_it() {
    let cluster = target().await;
    let bed = Bed::new(Store::Sqlite, &[("db", cluster.port())]).await;
    let world = open(&bed).await;
    let bearers = Bearers::made(&world).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;
    let world = open(&bed).await;
    let unknown =
        world.login(&world.grant("db-read", "1h").await.expect("a grant")).await.expect("a login").credential;
    closed(world).await;
    std::fs::remove_file(bed.place.checkpoints()).expect("the checkpoints are lost, too");
    copy.put_back(&bed).await;
    let world = open(&bed).await;
    let restored = world.broker.restored.get().expect("known");
    assert_eq!((restored.found_in.as_str(), &restored.cited), ("target db", &None));
    assert_eq!(bearers.alive(&world).await, [false; 4]);
    assert!(is_there(cluster, &unknown.external_name).await);
    // Once confirmed it is no news any more.
    world.broker.confirm_restored().await.expect("confirmed");
    hallpassd::compose::restored::look_at_targets(&world.composed).await.expect("a look");
    assert!(world.broker.restored.get().is_none());
    remove_by_hand(&[&unknown.external_name]).await;
}

/// Beneath a running server: it notices by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_server_notices() {
    let bed = Bed::new(Store::Postgres, &[]).await;
    let world = open(&bed).await;
    all_published(&bed, &world).await;
    let copy = Copy::taken(&bed, world).await;
    let world = open(&bed).await;
    let bearers = Bearers::made(&world).await;
    all_published(&bed, &world).await;
    copy.put_back(&bed).await;
    eventually_within(SOON, "the store to be back", || async {
        hallpassd::compose::restored::look_outside(&world.composed).await.is_ok().then_some(())
    })
    .await;
    assert!(world.broker.restored.get().is_some());
    assert!(!world.is_active(&bearers.kept).await);
    let meta = world.broker.store.meta(FIRST_RUN_CLAIM).await;
    assert!(meta.is_ok());
}

/// Events that were cut off the end are the same to it, on either store.
async fn events_cut_off(store: Store) {
    let bed = Bed::new(store, &[]).await;
    let world = open(&bed).await;
    world.grant("api-read", "1h").await.expect("a grant");
    all_published(&bed, &world).await;
    closed(world).await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    // The database's own rules refuse it; whoever owns the database can take them away.
    let rules: Vec<String> = match store {
        Store::Postgres => vec!["ALTER TABLE audit_head DISABLE TRIGGER USER".to_owned()],
        Store::Sqlite => {
            let triggers = outsider
                .sql("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_head'")
                .await;
            triggers.into_iter().flatten().flatten().map(|name| format!("DROP TRIGGER {name}")).collect()
        }
    };
    assert!(outsider.try_sql("UPDATE audit_head SET size = size - 1 WHERE id = 1").await.is_err());
    for rule in rules {
        outsider.sql(&rule).await;
    }
    outsider.sql("UPDATE audit_head SET size = size - 1 WHERE id = 1").await;
    let world = open(&bed).await;
    let restored = world.broker.restored.get().expect("noticed");
    assert!(restored.why.contains("events were cut off"), "{restored:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_on_sqlite() {
    events_cut_off(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_cut_off_on_postgres() {
    events_cut_off(Store::Postgres).await;
}

/// Checkpoints of another log beside the database.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_logs_checkpoints_are_refused() {
    let (bed, other) = (Bed::new(Store::Sqlite, &[]).await, Bed::new(Store::Sqlite, &[]).await);
    for one in [&bed, &other] {
        let world = open(one).await;
        all_published(one, &world).await;
        closed(world).await;
    }
    std::fs::copy(other.place.checkpoints(), bed.place.checkpoints()).expect("copied");
    let refused = World::open(&bed.place, Given::default()).await.err().expect("a refusal").to_string();
    assert!(refused.contains("another log"), "{refused}");
}
