//! With a terminal (`script` of util-linux gives one): questions, refusals, Ctrl-C.
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::kit::{Home, Ran, Reply, Stub, ok, problem};
use crate::sample;

/// Runs the command line on a terminal and types `input` after a moment.
fn on_terminal(home: &Home, stub: &Stub, line: &str, input: &str) -> (i32, String) {
    let program = env!("CARGO_BIN_EXE_hallpass");
    let mut command = Command::new("script");
    command
        .args(["-qec", &format!("exec {program} {line}"), "/dev/null"])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm")
        .env("TZ", "UTC");
    command
        .env("HALLPASS_SERVER", &stub.url)
        .env("HALLPASS_CONFIG_DIR", home.config())
        .env("HALLPASS_TOKEN", "hpa_test");
    command.env("XDG_RUNTIME_DIR", home.dir.path().join("runtime")).current_dir(home.dir.path());
    let mut running =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = running.stdin.take().unwrap();
    for line in input.split_inclusive('\n') {
        std::thread::sleep(Duration::from_millis(700));
        stdin.write_all(line.as_bytes()).unwrap();
    }
    let output = running.wait_with_output().unwrap();
    drop(stdin);
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

fn pending() -> Stub {
    Stub::new(|at| match at.method.as_str() {
        "POST" => Reply::Json(201, sample::request("approved", "low")),
        _ => ok(sample::request("pending", "low")),
    })
}

#[test]
fn a_question_answered_with_no_is_3_and_with_yes_goes_on() {
    let (stub, home) = (pending(), Home::new());
    let (code, text) = on_terminal(&home, &stub, "approve R-7KQ2M9XW4T", "n\n");
    assert!(
        code == 3 && text.contains("Approve R-7KQ2M9XW4T for Ana? [y/N]") && text.contains("INC-1"),
        "{code} {text}"
    );
    assert!(!text.contains("\u{1b}[2J") && !text.contains('\u{202e}'), "{text:?}");
    assert_eq!(stub.seen_at("POST", "/decisions").len(), 0);
    let (code, text) = on_terminal(&home, &stub, "approve R-7KQ2M9XW4T", "y\n");
    assert_eq!(code, 0, "{text}");
    assert_eq!(stub.seen_at("POST", "/decisions").len(), 1);
    let (code, text) = on_terminal(&home, &stub, "approve R-7KQ2M9XW4T --no-input", "");
    assert_eq!(code, 2, "{text}");
}

#[test]
fn a_token_is_not_left_on_the_screen() {
    let stub = Stub::new(|at| match at.method.as_str() {
        "GET" => ok(sample::page(json!([sample::grant(
            "deploy",
            "access_token",
            "active",
            "2099-01-01T00:00:00Z"
        )]))),
        _ => Reply::Json(201, sample::token("eyJ.a.b")),
    });
    let home = Home::new();
    let (code, text) = on_terminal(&home, &stub, "token deploy", "");
    assert!(code == 2 && text.contains("--show") && !text.contains("eyJ.a.b"), "{code} {text}");
    let (code, text) = on_terminal(&home, &stub, "token deploy --show", "");
    assert!(code == 0 && text.contains("eyJ.a.b"), "{code} {text}");
}

#[test]
fn the_child_gets_the_terminal_and_ctrl_c() {
    let stub = Stub::new(|at| match (at.method.as_str(), at.path.as_str()) {
        ("GET", "/api/v1/roles/db-read") => ok(sample::role("db-read", "postgresql_login", false)),
        ("GET", "/api/v1/grants") => ok(sample::page(json!([sample::grant(
            "db-read",
            "postgresql_login",
            "active",
            "2099-01-01T00:00:00Z"
        )]))),
        ("POST", _) => Reply::Json(201, sample::login()),
        _ => problem(404, "not_found"),
    });
    let home = Home::new();
    // Reading from the terminal works, so it is in the foreground.
    let (code, text) =
        on_terminal(&home, &stub, r#"run db-read -- sh -c 'read line; echo "got $line"; exit 5'"#, "hello\n");
    assert!(code == 5 && text.contains("got hello"), "{code} {text}");
    let (code, text) = on_terminal(
        &home,
        &stub,
        r#"run db-read -- sh -c 'trap "exit 33" INT; echo ready; while :; do sleep 0.1; done'"#,
        "\u{3}\n",
    );
    assert_eq!(code, 33, "{text}");
    let (code, text) = on_terminal(&home, &stub, "run db-read -- sleep 20", "\u{3}\n");
    assert_eq!(code, 130, "{text}");
    assert!(home.run_folders().is_empty());
}

#[test]
fn ctrl_c_while_waiting_is_130_and_says_how_to_go_on() {
    let (stub, home) = (pending(), Home::new());
    let mut command = home.command(&stub.url, &["wait", "R-7KQ2M9XW4T"]);
    let running = command
        .env("HALLPASS_TOKEN", "hpa_test")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while stub.seen().is_empty() {
        std::thread::sleep(Duration::from_millis(20));
    }
    kill(Pid::from_raw(running.id() as i32), Signal::SIGINT).unwrap();
    let ran = Ran::of(running.wait_with_output().unwrap()).expect(130);
    assert!(ran.err.contains("hallpass wait R-7KQ2M9XW4T"), "{}", ran.err);
}
