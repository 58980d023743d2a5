//! The demo's own proofs, as a newcomer runs them: `demo crash` and `demo tamper`.
use hallpass_tests::command::{Shell, program};

use super::{Demo, command, folder, run};

/// Killed in the middle of live grants, started past their end, drained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_crash_drains() {
    let data = folder();
    let (good, text) = run(&mut command(&["crash", "--listen", "127.0.0.1:0"], data.path())).await;
    assert!(good, "{text}");
    assert!(
        text.contains("kill -9") && text.contains(": 3 overdue") && text.contains(": 0 overdue"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("(no login of ours)"), "{text}");
    let port = std::fs::read_to_string(data.path().join("pg/port")).unwrap().trim().parse().unwrap();
    assert!(!super::answers(port), "it ends what it started");
}

/// On a folder where there is nothing yet; then the commands that it shows say the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_tamper_names_the_event() {
    let data = folder();
    let (good, text) = run(&mut command(&["tamper"], data.path())).await;
    assert!(good, "{text}");
    let index = text.split("changes event ").nth(1).and_then(|t| t.split(',').next()).expect("an index");
    assert!(text.contains(&format!("REFUSED: event {index}: changed")), "{text}");

    let _ = tokio::task::spawn_blocking(program).await.unwrap();
    let shell = Shell::new("http://127.0.0.1:9");
    let mut codes = Vec::new();
    for line in text.lines().map(str::trim).filter(|l| l.starts_with("hallpass audit verify")) {
        let ran = shell.bash(line).await;
        assert!(ran.code == 0 || ran.said().contains(&format!("event {index}: changed")), "{}", ran.said());
        codes.push(ran.code);
    }
    assert_eq!(codes, [0, 1], "the honest export, the changed one");

    // What it did, it did to a copy: again, and the log is as it was.
    let (good, text) = run(&mut command(&["tamper"], data.path())).await;
    assert!(
        good && !text.contains("0. ") && text.contains(&format!("REFUSED: event {index}: changed")),
        "{text}"
    );
}

/// After a kill the newest events are in the write-ahead log alone.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_tamper_after_a_kill() {
    let data = folder();
    let mut start = command(&["--listen", "127.0.0.1:0"], data.path());
    start.env("HALLPASS_DEMO_PG_BIN", "/nonexistent");
    let demo = Demo::start_with(start, data.path()).await;
    let reference = demo.granted("billing-quick", "2m").await;
    demo.kill().await;
    assert!(data.path().join("hallpass.db-wal").exists(), "as it was left");
    let (good, text) = run(&mut command(&["tamper"], data.path())).await;
    assert!(good && !text.contains("0. ") && text.contains("REFUSED: event "), "{reference}: {text}");
}
