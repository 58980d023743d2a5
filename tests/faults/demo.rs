//! The demo's own proof, as a newcomer runs it.
use std::process::Stdio;

/// `hallpassd demo crash`: killed in the middle of live grants, started past their end, drained.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn demo_crash_drains() {
    let data = tempfile::Builder::new().prefix("hallpass-demo-").tempdir().expect("a folder");
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_hallpassd-faults"))
        .args(["demo", "crash", "--listen", "127.0.0.1:0", "--data"])
        .arg(data.path())
        .stdin(Stdio::null())
        .output()
        .await
        .expect("the demo");
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}\n{errors}");
    assert!(
        text.contains("kill -9") && text.contains(": 3 overdue") && text.contains(": 0 overdue"),
        "{text}"
    );
    assert!(text.trim_end().ends_with("(no login of ours)"), "{text}");
}
