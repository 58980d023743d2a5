//! A disk that is full: the server's folder is a small file system of its own, in a mount name space that only it sees.
use std::path::{Path, PathBuf};

use hallpass_tests::fault_server::{PLACE, Said, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::pg::fill;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;

use crate::bed::{Bed, Store, target};
use crate::parts::{SOON, gone, said};

/// Size of the disk: enough for the database and its log, and soon filled.
const DISK: &str = "size=24m";

/// Starts the server with a small disk over its folder.
fn server(bed: &Bed) -> Process {
    let mut command = tokio::process::Command::new("unshare");
    command
        .args([
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            &format!("mount -t tmpfs -o {DISK} tmpfs \"$1\" && exec \"$2\"",),
            "sh",
        ])
        .arg(&bed.place.data)
        .arg(env!("CARGO_BIN_EXE_hallpassd-faults"))
        .env(PLACE, serde_json::to_string(&bed.place).expect("JSON"));
    let log = std::env::temp_dir().join(format!("hallpass-full-disk-{}.log", std::process::id()));
    Process::start(command, &log)
}

/// Asks until introspection answers so.
async fn until_active(server: &mut Process, wanted: bool) {
    let server = tokio::sync::Mutex::new(server);
    eventually_within(SOON, &format!("introspection to answer {wanted}"), || async {
        let mut server = server.lock().await;
        server.tell(&Tell::Introspect).await;
        let active =
            said(
                &mut server,
                "an answer",
                |s| if let Said::Active { active } = s { Some(active) } else { None },
            )
            .await;
        (active == wanted).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_disk_is_full() {
    let target = target().await;
    let bed = Bed::new(Store::Sqlite, &[("db", target.port())]).await;
    let mut server = server(&bed);
    said(&mut server, "it was ready", |s| matches!(s, Said::Ready { .. }).then_some(())).await;
    let inside = |path: &Path| PathBuf::from(format!("/proc/{}/root{}", server.id(), path.display()));
    let filler = inside(&bed.place.data.join("filler"));
    server.tell(&Tell::Token { role: "api-read".to_owned(), time: "10m".to_owned() }).await;
    said(&mut server, "a token", |s| matches!(s, Said::Token { .. }).then_some(())).await;
    server.tell(&Tell::Login { role: "db-read".to_owned(), time: "5s".to_owned() }).await;
    let name =
        said(&mut server, "a login", |s| if let Said::Login { name, .. } = s { Some(name) } else { None })
            .await;
    until_active(&mut server, true).await;
    // Opened before: there is no room for a newcomer.
    let mut outsider = Outsider::within(server.id(), &bed.place.sqlite().expect("a file"));
    outsider.text("SELECT state FROM credentials").await;

    fill(&filler);
    until_active(&mut server, false).await;
    server.tell(&Tell::Login { role: "db-read".to_owned(), time: "5s".to_owned() }).await;
    let code = said(&mut server, "a refusal", |s| match s {
        Said::Refused { code, .. } => Some(code),
        Said::Login { .. } => panic!("issued on a full disk"),
        _ => None,
    })
    .await;
    assert_eq!(code, "store_unavailable");
    gone(target, &name).await;
    assert_eq!(
        outsider.text("SELECT state FROM credentials").await.as_deref(),
        Some("live"),
        "there was no room to say so"
    );

    std::fs::remove_file(&filler).expect("removed");
    until_active(&mut server, true).await;
    let shared = tokio::sync::Mutex::new(outsider);
    eventually_within(SOON, "the end to be recorded", || async {
        (shared.lock().await.text("SELECT state FROM credentials").await.as_deref() == Some("revoked"))
            .then_some(())
    })
    .await;
    let events = shared
        .lock()
        .await
        .number("SELECT count(*) FROM audit_events WHERE kind = 'credential.revoked'")
        .await;
    assert_eq!(events, 1);
    server.tell(&Tell::Login { role: "db-read".to_owned(), time: "1s".to_owned() }).await;
    let again =
        said(
            &mut server,
            "another login",
            |s| if let Said::Login { name, .. } = s { Some(name) } else { None },
        )
        .await;
    gone(target, &again).await;
}
