//! A start while the database is away, and removals that were not recorded before the server died.
use std::sync::Arc;

use hallpass_adapters::kept::FileKept;
use hallpass_adapters::sealing::AeadSealer;
use hallpass_broker::reconcile::keep_window::KeptWindow;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::kept::Kept as _;
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{DATABASE, Place};

use crate::bed::{Bed, Beside, Store, server, started, target};
use crate::parts::{SOON, gone, is_there, ready};

/// Starts a server and fetches a login for so long, with a session that is left open; name and credential.
async fn with_a_login(bed: &Bed, time: &str) -> (Process, String, CredentialId, tokio_postgres::Client) {
    let mut server = server(&bed.place, &[]);
    ready(&mut server).await;
    server.tell(&Tell::Login { role: "db-read".to_owned(), time: time.to_owned() }).await;
    let (credential, name, password) = loop {
        match server.line::<Said>().await.expect("an answer") {
            Said::Login { credential, name, password, .. } => break (credential, name, password),
            Said::Refused { message, .. } => panic!("{message}"),
            _ => {}
        }
    };
    let session = target().await.connect(&name, &password, DATABASE).await.expect("a session");
    written_down(&bed.place, credential).await;
    (server, name, credential, session)
}

/// The second server, where there is one, once it knows of the login.
async fn beside(bed: &Bed, credential: CredentialId) -> Option<Beside> {
    let mut second = bed.process_beside()?;
    ready(&mut second.server).await;
    written_down(&second.place, credential).await;
    Some(second)
}

/// Until a server has written down that a login is live.
async fn written_down(place: &Place, credential: CredentialId) {
    eventually_within(SOON, "the window to be written down", || async {
        kept(place).iter().any(|c| c.id == credential && c.state == CredentialState::Live).then_some(())
    })
    .await;
}

/// What a server wrote down of its window: a login is there when its row is written ahead, and once more when it is live.
fn kept(place: &Place) -> Vec<Credential> {
    let keys = hallpassd::compose::keys::master_keys(&place.config().keys).expect("the master key");
    let file = FileKept::open(&place.window(), Arc::new(AeadSealer::new(keys))).expect("the window's file");
    let window = file.kept().and_then(|text| serde_json::from_str::<KeptWindow>(&text).ok());
    window.map(|w| w.due).unwrap_or_default()
}

/// Verified absent only after its create cannot land any more; then it is journalled.
async fn journalled(place: &Place, credential: CredentialId) {
    eventually_within(SOON, "the journal", || async {
        let text = std::fs::read(place.journal()).expect("the journal");
        String::from_utf8_lossy(&text).contains(&credential.to_string()).then_some(())
    })
    .await;
}

/// Each server that proved it gone says so once, as of one without a record; that it is revoked is recorded once by all, and
/// by each server only after its own words.
async fn recorded(bed: &Bed, credential: CredentialId, servers: usize) {
    let mut outsider = Outsider::connect(&bed.place.database).await;
    let kinds = async |outsider: &mut Outsider| {
        let events = format!(
            "SELECT e.kind FROM audit_events e JOIN audit_subjects s ON s.event_id = e.id WHERE s.noun = 'credential' AND s.subject_id = '{credential}' ORDER BY e.id"
        );
        outsider.sql(&events).await.into_iter().flatten().flatten().collect::<Vec<String>>()
    };
    let over = tokio::time::Instant::now() + SOON;
    let seen = loop {
        let seen = kinds(&mut outsider).await;
        if count(&seen, REVOKED) >= 1 && count(&seen, UNRECORDED) >= servers {
            break seen;
        }
        assert!(tokio::time::Instant::now() < over, "not recorded: {seen:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let at = |kind: &str| seen.iter().position(|k| k == kind);
    assert_eq!((count(&seen, UNRECORDED), count(&seen, REVOKED)), (servers, 1), "{seen:?}");
    assert!(at(UNRECORDED) < at(REVOKED), "recorded first: {seen:?}");
}

const UNRECORDED: &str = "credential.removed_unrecorded";
const REVOKED: &str = "credential.revoked";

fn count(kinds: &[String], kind: &str) -> usize {
    kinds.iter().filter(|k| *k == kind).count()
}

/// The server is killed, the database is away, and the server is started: what is due goes. A second server that goes on
/// beside it proves it gone by itself, and both say so.
async fn a_start_without_the_database_server(two: bool) {
    let cluster = started(&[]).await;
    let bed = Bed::on(&cluster, &[("db", target().await.port())]).await.with_two(two);
    let (mut first, name, credential, _session) = with_a_login(&bed, "14s").await;
    let beside = beside(&bed, credential).await;
    first.kill().await;
    cluster.stop();
    assert!(is_there(target().await, &name).await, "not due yet");
    let mut again = server(&bed.place, &[]);
    gone(target().await, &name).await;
    journalled_by_all(&bed, &beside, credential).await;
    assert!(!again.has_ended(), "{}", again.log());
    cluster.start_again();
    ready(&mut again).await;
    recorded(&bed, credential, if two { 2 } else { 1 }).await;
}

async fn journalled_by_all(bed: &Bed, beside: &Option<Beside>, credential: CredentialId) {
    for place in std::iter::once(&bed.place).chain(beside.iter().map(|second| &second.place)) {
        journalled(place, credential).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_database_server_alone() {
    a_start_without_the_database_server(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_database_server_beside_another() {
    a_start_without_the_database_server(true).await;
}

/// The same with an SQLite file that is not there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_database_file() {
    let bed = Bed::new(Store::Sqlite, &[("db", target().await.port())]).await;
    let (mut first, name, credential, _session) = with_a_login(&bed, "12s").await;
    first.kill().await;
    let file = bed.place.sqlite().expect("a file");
    let beside = |end: &str| std::path::PathBuf::from(format!("{}{end}", file.display()));
    let away = |end: &str| bed.place.data.join(format!("away{end}"));
    for end in ["-wal", "-shm", ""] {
        let _ = std::fs::rename(beside(end), away(end));
    }
    let mut second = server(&bed.place, &[]);
    gone(target().await, &name).await;
    journalled(&bed.place, credential).await;
    for end in ["-wal", "-shm", ""] {
        let _ = std::fs::rename(away(end), beside(end));
    }
    ready(&mut second).await;
    recorded(&bed, credential, 1).await;
}

/// Killed after the removal and before it could be recorded; where there is a second server, it was there all the time.
async fn killed_between_removal_and_record(two: bool) {
    let cluster = started(&[]).await;
    let bed = Bed::on(&cluster, &[("db", target().await.port())]).await.with_two(two);
    let (mut first, name, credential, _session) = with_a_login(&bed, "10s").await;
    let beside = beside(&bed, credential).await;
    cluster.stop();
    gone(target().await, &name).await;
    journalled_by_all(&bed, &beside, credential).await;
    first.kill().await;
    cluster.start_again();
    let mut again = server(&bed.place, &[]);
    ready(&mut again).await;
    recorded(&bed, credential, if two { 2 } else { 1 }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_removal_and_record_alone() {
    killed_between_removal_and_record(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_removal_and_record_beside_another() {
    killed_between_removal_and_record(true).await;
}
