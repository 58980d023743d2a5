//! Two servers on one PostgreSQL database, one of them stopped in the middle of its work: the fence keeps the stale one
//! from finishing what the other took over.
use std::time::Duration;

use hallpass_domain::ids::CredentialId;
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::outsider::{Outsider, Row};
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{Place, World};
use hallpassd::compose::{Given, Making};

use crate::bed::{Bed, Store, server, target};
use crate::ledger::{Ledger, log_verifies, published};
use crate::parts::{SOON, gone, is_there, ready, said};

/// A lease must run out before the other server takes over.
const LEASE: Duration = Duration::from_secs(60);

/// Everything of a credential's row but what leases move.
async fn credential(outsider: &mut Outsider) -> Row {
    let rows = outsider.sql("SELECT id, external_name, state, live_at, denied_at, removed_at, verified_at, version, fence FROM credentials ORDER BY intended_at").await;
    rows.into_iter().next().unwrap_or_default()
}

fn state(row: &Row) -> Option<&str> {
    row.get(2)?.as_deref()
}

/// By a third server: rows, events, and the log against every checkpoint that the two published.
async fn checked(when: &str, place: &Place) -> Ledger {
    let world = World::open(place, Given::default()).await.expect("a server");
    let running = world.run();
    eventually_within(SOON, "everything to be sealed and published", || async {
        let (unsealed, size) = (
            world.broker.store.unsealed_tail().await.expect("the log").0,
            world.broker.store.log_head().await.expect("the log").size,
        );
        (unsealed == 0 && published(&place.checkpoints()).is_some_and(|p| p.unsigned_abs() == size))
            .then_some(())
    })
    .await;
    drop(running);
    let ledger = Ledger::read(&world.broker).await;
    ledger.rows_and_events_agree(when);
    ledger.ends_are_kept(when);
    log_verifies(when, &world.broker, &world.broker.log_signer.verifier().to_string(), &place.checkpoints())
        .await;
    ledger
}

/// Stopped between two steps of a removal. The other finishes it; the first, let go, changes nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_of_a_removal() {
    let target = target().await;
    let mut bed = Bed::new(Store::Postgres, &[("db", target.port())]).await;
    bed.place.replicated = true;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let mut first = server(&bed.place, &[("HALLPASS_FAILPOINT", "target.drop.before:1:stop")]);
    ready(&mut first).await;
    first.tell(&Tell::Login { role: "db-read".to_owned(), time: "2s".to_owned() }).await;
    let name =
        said(&mut first, "a login", |s| if let Said::Login { name, .. } = s { Some(name) } else { None })
            .await;
    first.stopped().await;
    assert_eq!(state(&credential(&mut outsider).await), Some("revoking"));
    assert!(is_there(target, &name).await, "it was stopped before the removal");

    let mut second = server(&bed.place, &[]);
    ready(&mut second).await;
    let shared = tokio::sync::Mutex::new(&mut outsider);
    let done = eventually_within(LEASE, "the other server to take over", || async {
        let mut held = shared.lock().await;
        Some(credential(&mut held).await).filter(|row| state(row) == Some("revoked"))
    })
    .await;
    gone(target, &name).await;

    first.signal("CONT");
    // It has gone on when it does something new.
    first.tell(&Tell::Token { role: "api-read".to_owned(), time: "1m".to_owned() }).await;
    said(&mut first, "a token", |s| if let Said::Token { token } = s { Some(token) } else { None }).await;
    eventually_within(SOON, "the stale outcome to be refused", || async {
        first.log().contains("the outcome was not recorded").then_some(())
    })
    .await;
    assert_eq!(credential(&mut outsider).await, done, "the stale server changed a finished row");
    first.kill().await;
    second.kill().await;
    let ledger = checked("a server was stopped in a removal", &bed.place).await;
    assert_eq!(ledger.credentials.len(), 1);
}

/// Stopped after the create and its trial at the target, before its row goes live. The other removes the account at the deadline; the
/// first, let go, must not hand out the secret.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_in_the_middle_of_an_issue() {
    let target = target().await;
    let mut bed = Bed::new(Store::Postgres, &[("db", target.port())]).await;
    bed.place.replicated = true;
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let mut first = server(&bed.place, &[("HALLPASS_FAILPOINT", "target.probe.after:1:stop")]);
    ready(&mut first).await;
    // A grant that goes on: only the fence and the state keep the login from going live.
    first.tell(&Tell::Login { role: "db-read".to_owned(), time: "10m".to_owned() }).await;
    first.stopped().await;
    let row = credential(&mut outsider).await;
    assert_eq!(state(&row), Some("intended"));
    let name = row[1].clone().expect("a name");
    assert!(is_there(target, &name).await, "it was stopped after the create and its trial");

    let mut second = server(&bed.place, &[]);
    ready(&mut second).await;
    let shared = tokio::sync::Mutex::new(&mut outsider);
    let done = eventually_within(LEASE, "the other server to remove what was never finished", || async {
        let mut held = shared.lock().await;
        Some(credential(&mut held).await).filter(|row| state(row) == Some("revoked"))
    })
    .await;
    gone(target, &name).await;

    first.signal("CONT");
    let code = said(&mut first, "a refusal", |s| match s {
        Said::Refused { code, .. } => Some(code),
        Said::Login { .. } => panic!("a login was handed out that is gone"),
        _ => None,
    })
    .await;
    assert_eq!(code, "grant_over");
    assert_eq!(credential(&mut outsider).await, done, "the stale server changed a finished row");
    first.kill().await;
    second.kill().await;
    let ledger = checked("a server was stopped in an issue", &bed.place).await;
    let id = CredentialId(uuid::Uuid::parse_str(done[0].as_deref().expect("an id")).expect("an id"));
    assert_eq!(ledger.count("credential.live", "credential", id), 0);
}

/// Several first starts on an empty database at once make one installation, of which all are servers; one that has made a
/// master key of its own is told which one holds.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn first_starts_at_once() {
    let bed = Bed::new(Store::Postgres, &[]).await;
    let alien = tempfile::tempdir().expect("a folder");
    let place = |own: bool| Place {
        data: if own { alien.path().to_owned() } else { bed.place.data.clone() },
        ..bed.place.clone()
    };
    let start = |place: Place| {
        tokio::spawn(async move {
            hallpassd::compose::tls::install_provider();
            let config = place.config();
            hallpassd::compose::compose(&config, "http://127.0.0.1:1", Making::Allowed, Given::default())
                .await
        })
    };
    let starts: Vec<_> =
        [false, false, true, false, true].into_iter().map(|own| (own, start(place(own)))).collect();
    let (mut instances, mut refused) = (Vec::new(), Vec::new());
    for (own, start) in starts {
        match start.await.expect("the task") {
            Ok(composed) => instances.push((own, composed.broker.settings.instance.clone())),
            Err(error) => refused.push((own, error.to_string())),
        }
    }
    let winner = instances[0].clone();
    assert!(instances.iter().all(|other| *other == winner), "{instances:?}, refused: {refused:?}");
    assert_eq!(instances.len(), if winner.0 { 2 } else { 3 }, "{refused:?}");
    assert!(refused.iter().all(|(own, why)| *own != winner.0 && why.contains("master key")), "{refused:?}");
}
