//! A start while the database is away, and removals that were not recorded before the server died.
use std::sync::Arc;

use hallpass_adapters::kept::FileKept;
use hallpass_adapters::sealing::AeadSealer;
use hallpass_broker::reconcile::keep_window::KeptWindow;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ports::kept::Kept as _;
use hallpass_tests::fault_server::{Said, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::DATABASE;

use crate::bed::{Bed, Store, server, started, target};
use crate::parts::{SOON, gone, is_there, ready};

/// Starts a server and fetches a login for so long, with a session that is left open; name and credential.
async fn with_a_login(bed: &Bed, time: &str) -> (Process, String, String, tokio_postgres::Client) {
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
    eventually_within(SOON, "the window to be written down", || async {
        kept(bed).iter().any(|c| c.id == credential && c.state == CredentialState::Live).then_some(())
    })
    .await;
    (server, name, credential.to_string(), session)
}

/// What a server wrote down of its window: a login is there when its row is written ahead, and once more when it is live.
fn kept(bed: &Bed) -> Vec<Credential> {
    let keys = hallpassd::compose::keys::master_keys(&bed.place.config().keys).expect("the master key");
    let file =
        FileKept::open(&bed.place.window(), Arc::new(AeadSealer::new(keys))).expect("the window's file");
    let window = file.kept().and_then(|text| serde_json::from_str::<KeptWindow>(&text).ok());
    window.map(|w| w.due).unwrap_or_default()
}

/// Verified absent only after its create cannot land any more; then it is journalled.
async fn journalled(bed: &Bed, credential: &str) {
    eventually_within(SOON, "the journal", || async {
        let text = std::fs::read(bed.place.journal()).expect("the journal");
        String::from_utf8_lossy(&text).contains(credential).then_some(())
    })
    .await;
}

/// The removal is recorded once as one without a record, before it is recorded as done.
async fn recorded(bed: &Bed, credential: &str) {
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
        if seen.iter().any(|k| k == "credential.revoked") {
            break seen;
        }
        assert!(tokio::time::Instant::now() < over, "not recorded: {seen:?}");
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    };
    let at = |kind: &str| seen.iter().position(|k| k == kind);
    assert_eq!(seen.iter().filter(|k| *k == "credential.removed_unrecorded").count(), 1, "{seen:?}");
    assert!(at("credential.removed_unrecorded") < at("credential.revoked"), "recorded first: {seen:?}");
}

/// The server is killed, the database is away, and the server is started: what is due goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_the_database_server() {
    let cluster = started(&[]).await;
    let bed = Bed::on(&cluster, &[("db", target().await.port())]).await;
    let (mut first, name, credential, _session) = with_a_login(&bed, "12s").await;
    first.kill().await;
    cluster.stop();
    assert!(is_there(target().await, &name).await, "not due yet");
    let mut second = server(&bed.place, &[]);
    gone(target().await, &name).await;
    journalled(&bed, &credential).await;
    assert!(!second.has_ended(), "{}", second.log());
    cluster.start_again();
    ready(&mut second).await;
    recorded(&bed, &credential).await;
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
    journalled(&bed, &credential).await;
    for end in ["-wal", "-shm", ""] {
        let _ = std::fs::rename(away(end), beside(end));
    }
    ready(&mut second).await;
    recorded(&bed, &credential).await;
}

/// Killed after the removal and before it could be recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_between_removal_and_record() {
    let cluster = started(&[]).await;
    let bed = Bed::on(&cluster, &[("db", target().await.port())]).await;
    let (mut first, name, credential, _session) = with_a_login(&bed, "8s").await;
    cluster.stop();
    gone(target().await, &name).await;
    journalled(&bed, &credential).await;
    first.kill().await;
    cluster.start_again();
    let mut second = server(&bed.place, &[]);
    ready(&mut second).await;
    recorded(&bed, &credential).await;
}
