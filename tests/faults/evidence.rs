//! Evidence that does not come to be: checkpoints that do not get out, and events that are not sealed.
use std::sync::Arc;

use chrono::TimeDelta;
use hallpass_domain::credential::CredentialState;
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{Running, World};
use hallpassd::compose::Given;

use crate::bed::{Bed, Second, Store, target};
use crate::ledger::{Ledger, log_verifies, published};
use crate::parts::{Mailbox, Misled, MovedClock, SOON, gauge, gone, page, row, told, trouble, turns};

/// A server whose clock the test moves, and its mailbox; both also those of the second one, where there is one.
struct Scene {
    world: World,
    clock: Arc<MovedClock>,
    mailbox: Arc<Mailbox>,
    second: Option<Second>,
    running: Running,
}

async fn scene(bed: &Bed) -> Scene {
    let (clock, mailbox) = (MovedClock::at(target().await).await, Arc::new(Mailbox::default()));
    let given = Given { clock: Some(clock.clone()), notifier: Some(mailbox.clone()), ..Given::default() };
    let world = World::open(&bed.place, given.clone()).await.expect("a server");
    let running = world.run();
    let second = bed.beside(given).await;
    Scene { world, clock, mailbox, second, running }
}

impl Scene {
    /// Waits until `/readyz` answers so, with this line in it.
    async fn ready(&self, status: u16, line: &str) {
        eventually_within(SOON, &format!("/readyz to say {line}"), || async {
            let (answered, text) = page(&self.world, "/readyz").await;
            (answered == status && text.lines().any(|l| l.starts_with(line))).then_some(())
        })
        .await;
    }

    /// Waits until everything is sealed and in a checkpoint file.
    async fn published(&self, file: &std::path::Path) {
        eventually_within(SOON, "everything to be sealed and published", || async {
            let store = &self.world.broker.store;
            let size = store.log_head().await.expect("the log").size;
            let sealed = store.unsealed_tail().await.expect("the log").0 == 0;
            (sealed && published(file) == i64::try_from(size).ok()).then_some(())
        })
        .await;
    }
}

async fn checkpoints_do_not_get_out(store: Store) {
    let bed = Bed::new(store, &[("db", target().await.port())]).await;
    let scene = scene(&bed).await;
    let (world, file) = (&scene.world, bed.place.checkpoints());
    let files: Vec<_> =
        std::iter::once(file.clone()).chain(scene.second.as_ref().map(Second::checkpoints)).collect();
    let grant = world.grant("api-read", "1h").await.expect("a grant");
    for file in &files {
        scene.published(file).await;
    }
    scene.ready(200, "audit: ok").await;
    assert!(gauge(world, "hallpass_audit_unpublished_age_seconds").await < 0.1);

    // Also where nothing more happens, the newest checkpoint is missing there.
    let misled: Vec<_> = files.iter().cloned().map(Misled::begin).collect();
    let why = eventually_within(SOON, "the report to say so", || async { trouble(world, "seal") }).await;
    for words in ["checkpoints.txt", "No such file", "tried again"] {
        assert!(why.contains(words), "{why}");
    }
    scene.ready(200, "audit: ok").await;
    scene.clock.forward(TimeDelta::seconds(31));
    scene.ready(503, "audit: checkpoints have not got out").await;
    assert!(gauge(world, "hallpass_audit_unpublished_age_seconds").await > 30.0);
    turns(world).await;
    told(&scene.mailbox, "do not get out", 0).await;
    // What is sealed and signed can be shown later; issuing goes on.
    world.token(&grant).await.expect("a token");
    scene.clock.forward(TimeDelta::seconds(30));
    told(&scene.mailbox, "do not get out", 1).await;
    turns(world).await;
    told(&scene.mailbox, "do not get out", 1).await;
    world.token(&grant).await.expect("a token");
    assert!(trouble(world, "evidence").is_none());

    misled.iter().for_each(Misled::mend);
    told(&scene.mailbox, "get out again", 1).await;
    scene.ready(200, "audit: ok").await;
    assert!(gauge(world, "hallpass_audit_unpublished_age_seconds").await < 0.1);
    assert_eq!(trouble(world, "seal"), None);
    turns(world).await;
    told(&scene.mailbox, "do not get out", 1).await;
    told(&scene.mailbox, "get out again", 1).await;
    let key = world.broker.log_signer.verifier().to_string();
    for file in &files {
        scene.published(file).await;
        log_verifies("checkpoints did not get out", &world.broker, &key, file).await;
    }
    let ledger = Ledger::read(&world.broker).await;
    for kind in ["audit.behind", "audit.caught_up"] {
        assert_eq!(ledger.events.iter().filter(|e| e.kind == kind).count(), 1, "{kind}");
    }
}

/// A trigger that somebody else has left at the log's head: events are recorded, and none is sealed.
async fn hinder(bed: &Bed, outsider: &mut Outsider) {
    let trigger = match bed.place.sqlite() {
        Some(_) => {
            "CREATE TRIGGER hindrance BEFORE UPDATE ON audit_head BEGIN SELECT RAISE(ABORT, 'hindered'); END"
        }
        None => {
            "CREATE TRIGGER hindrance BEFORE UPDATE ON audit_head FOR EACH ROW EXECUTE FUNCTION hallpass_refuse('hindered')"
        }
    };
    outsider.sql(trigger).await;
}

async fn unhinder(bed: &Bed, outsider: &mut Outsider) {
    let of = if bed.place.sqlite().is_some() { "" } else { " ON audit_head" };
    outsider.sql(&format!("DROP TRIGGER hindrance{of}")).await;
}

async fn events_are_not_sealed(store: Store) {
    let bed = Bed::new(store, &[("db", target().await.port())]).await;
    let scene = scene(&bed).await;
    let world = &scene.world;
    let reading = world.grant("api-read", "1h").await.expect("a grant");
    let token = world.token(&reading).await.expect("a token");
    let lasting = world.grant("db-read", "1h").await.expect("a grant");
    let ending = world.grant("db-read", "50s").await.expect("a grant");
    let login = world.login(&ending).await.expect("a login");
    scene.published(&bed.place.checkpoints()).await;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    hinder(&bed, &mut outsider).await;

    world.token(&reading).await.expect("a token: it has not lasted");
    let why = eventually_within(SOON, "the report to say so", || async { trouble(world, "seal") }).await;
    assert!(why.contains("not sealed") && why.contains("hindered"), "{why}");
    turns(world).await;
    world.token(&reading).await.expect("a token: it has not lasted");
    scene.clock.forward(TimeDelta::seconds(31));
    eventually_within(SOON, "issuing to stop", || async { world.broker.may_issue().is_err().then_some(()) })
        .await;
    assert_eq!(world.token(&reading).await.expect_err("no token").code, "audit_unavailable");
    assert_eq!(world.login(&lasting).await.expect_err("no login").code, "audit_unavailable");
    world.broker.may_sign_in().expect("people may come and put it right");
    scene.ready(503, "audit: events wait for their seal").await;
    assert!(trouble(world, "evidence").is_some_and(|said| said.contains("nothing is issued")));
    // What was issued before is as good as its record, and ends when it should.
    assert!(world.is_active(&token).await);
    scene.clock.forward(TimeDelta::seconds(30));
    gone(target().await, &login.credential.external_name).await;
    eventually_within(SOON, "the end to be recorded", || async {
        (row(world, login.credential.id).await.state == CredentialState::Revoked).then_some(())
    })
    .await;
    told(&scene.mailbox, "the audit log is not sealed", 1).await;
    turns(world).await;
    told(&scene.mailbox, "the audit log is not sealed", 1).await;

    unhinder(&bed, &mut outsider).await;
    eventually_within(SOON, "issuing to go on", || async { world.broker.may_issue().is_ok().then_some(()) })
        .await;
    world.token(&reading).await.expect("a token");
    world.login(&lasting).await.expect("a login");
    told(&scene.mailbox, "the audit log is sealed again", 1).await;
    turns(world).await;
    told(&scene.mailbox, "the audit log is sealed again", 1).await;
    scene.ready(200, "audit: ok").await;
    scene.published(&bed.place.checkpoints()).await;
    let ledger = Ledger::read(&world.broker).await;
    ledger.rows_and_events_agree("events were not sealed");
    ledger.ends_are_kept("events were not sealed");
    let key = world.broker.log_signer.verifier().to_string();
    log_verifies("events were not sealed", &world.broker, &key, &bed.place.checkpoints()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_do_not_get_out_on_sqlite() {
    checkpoints_do_not_get_out(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_do_not_get_out_on_postgres() {
    checkpoints_do_not_get_out(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_of_two_servers_do_not_get_out() {
    checkpoints_do_not_get_out(Store::PostgresTwo).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_not_sealed_on_sqlite() {
    events_are_not_sealed(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_not_sealed_on_postgres() {
    events_are_not_sealed(Store::Postgres).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_not_sealed_beside_another_server() {
    events_are_not_sealed(Store::PostgresTwo).await;
}

/// The server that told of it is gone, and was not the only one: the other says that it is over, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_told_of_it_is_gone() {
    let bed = Bed::new(Store::PostgresTwo, &[]).await;
    let Scene { world, clock, mailbox, second, running } = scene(&bed).await;
    let second = second.expect("a second server");
    let _away = Misled::begin(bed.place.checkpoints());
    eventually_within(SOON, "the report to say so", || async { trouble(&world, "seal") }).await;
    clock.forward(TimeDelta::seconds(61));
    told(&mailbox, "do not get out", 1).await;
    // The other's places are well, and say nothing of those of the first.
    assert_eq!(trouble(&second.world, "seal"), None);
    turns(&second.world).await;
    told(&mailbox, "get out again", 0).await;
    drop((running, world));
    told(&mailbox, "get out again", 1).await;
    turns(&second.world).await;
    told(&mailbox, "get out again", 1).await;
}
