//! A restored backup as an operator meets it, with the programs themselves: every step of docs/operations.md, to the last
//! one, which gives the clients new secrets.
use std::path::Path;

use hallpass_tests::browserless::Browser;
use hallpass_tests::command::{Shell, program};
use hallpass_tests::wait::eventually_within;

use crate::operators::{Installed, PASSWORD};
use crate::parts::SOON;

const CATALOGUE: &str = r#"
[[people]]
email = "ada@ops.test"
name = "Ada Novak"
time_zone = "Europe/Berlin"
duties = ["administrator"]

[[workloads]]
name = "nightly"
title = "Nightly job"
owners = ["ada@ops.test"]
"#;

async fn signed_in(new: &Installed) -> Browser {
    let browser = new.browser();
    let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
    let _ = browser.send(&form.with("email", "ada@ops.test").with("password", PASSWORD)).await.expect(303);
    browser
}

pub(crate) async fn log_in(new: &Installed, shell: &Shell) {
    let mut login = shell.start(&["login"]);
    login.answer_code(&signed_in(new).await, "allow").await;
    let _ = login.end().await.expect(0);
}

/// The job's shell, with the secret in a file that it is given.
fn job(new: &Installed, file: &Path) -> Shell {
    let file = file.display().to_string();
    Shell::new(&new.address())
        .with("HALLPASS_CLIENT_ID", "nightly")
        .with("HALLPASS_CLIENT_SECRET_FILE", &file)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_step_of_a_restore() {
    let _ = tokio::task::spawn_blocking(program).await.expect("the command is built");
    let new = Installed::new();
    new.init().await;
    let server = new.serve().await;
    let ada = Shell::new(&new.address());
    log_in(&new, &ada).await;
    let (catalogue, secrets) = (ada.file("catalogue.toml", CATALOGUE), ada.folder().join("secrets"));
    let folder = secrets.display().to_string();
    let apply = ["admin", "apply", "-f", &catalogue, "--yes", "--secrets-dir", &folder];
    let _ = ada.run(&apply).await.expect(0);
    let _ = job(&new, &secrets.join("nightly")).run(&["whoami"]).await.expect(0);

    // A copy, and something that was published after it.
    let copy = new.path("copy.db").display().to_string();
    new.ok(&["backup", &copy]).await;
    let published = || std::fs::metadata(new.path("data-checkpoints.txt")).map_or(0, |m| m.len());
    let before = published();
    let _ = signed_in(&new).await;
    eventually_within(SOON, "a newer checkpoint", || async { (published() > before).then_some(()) }).await;
    server.stop().await;

    // 1: put back. Nothing opens with what the copy holds.
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(new.path(&format!("data/hallpass.db{beside}")));
    }
    std::fs::copy(&copy, new.path("data/hallpass.db")).expect("restored");
    let server = new.serve().await;
    assert!(ada.run(&["whoami"]).await.fails(4).said().contains("hallpass login"));
    let _ = job(&new, &secrets.join("nightly")).run(&["whoami"]).await.fails(4);
    // 2: the newest catalogue; it gives the client no secret, because it has one that nobody knows.
    log_in(&new, &ada).await;
    let _ = ada.run(&apply).await.expect(0);
    let _ = job(&new, &secrets.join("nightly")).run(&["whoami"]).await.fails(4);
    server.stop().await;
    // 3 and 4: look, and confirm. Both say who needs a new secret.
    let said = new.ok(&["restored", "status"]).await;
    assert!(said.contains("New secrets: nightly need one"), "{said}");
    let said = new.ok(&["restored", "confirm"]).await;
    assert!(said.contains("These clients need a new secret: nightly"), "{said}");
    // 5: it gets one, and goes on.
    let server = new.serve().await;
    let rotate = ["admin", "rotate-secret", "nightly", "--secrets-dir", &folder];
    let _ = ada.run(&rotate).await.expect(0);
    let name = job(&new, &secrets.join("nightly")).run(&["whoami", "--field", "kind"]).await.expect(0);
    assert_eq!(name.value(), "workload");
    let vkey = ada.run(&["audit", "vkey"]).await.expect(0);
    assert!(!vkey.value().is_empty(), "for the auditors");
    server.stop().await;
}
