//! `hallpass run`: environment, files, exit codes, signals, the grant's end.
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;

use crate::kit::{Arrived, Home, Ran, Reply, Stub, ok, problem};
use crate::sample;

const LATER: &str = "2099-01-01T00:00:00Z";

fn database(at: &Arrived, state: &str, ends_at: &str) -> Reply {
    match (at.method.as_str(), at.path.as_str()) {
        ("GET", "/api/v1/roles/db-read") => ok(sample::role("db-read", "postgresql_login", false)),
        ("GET", "/api/v1/grants") => {
            ok(sample::page(json!([sample::grant("db-read", "postgresql_login", "active", ends_at)])))
        }
        ("GET", path) if path.ends_with(sample::GRANT) => {
            ok(sample::grant("db-read", "postgresql_login", state, ends_at))
        }
        ("POST", path) if path.ends_with("/credentials") => Reply::Json(201, sample::login()),
        ("POST", path) if path.ends_with("/end") => {
            ok(sample::grant("db-read", "postgresql_login", "ending", ends_at))
        }
        _ => problem(404, "not_found"),
    }
}

fn stub() -> Stub {
    Stub::new(|at| database(at, "active", LATER))
}

fn shell(home: &Home, stub: &Stub, script: &str) -> Ran {
    let mut command = home.command(&stub.url, &["run", "db-read", "--", "sh", "-c", script]);
    Ran::of(
        command
            .env("HALLPASS_TOKEN", "hpa_test")
            .env("PGPASSWORD", "stale")
            .env("PGHOSTADDR", "10.0.0.1")
            .output()
            .unwrap(),
    )
}

#[test]
fn a_login_comes_by_files_and_leaves_nothing() {
    let (stub, home) = (stub(), Home::new());
    let script = r#"echo "$PGHOST $PGPORT $PGDATABASE $PGUSER $PGSSLMODE $HALLPASS_ACTIVE ${PGPASSWORD-none} ${PGHOSTADDR-none}"; stat -c '%a' "$PGPASSFILE" "$(dirname "$PGPASSFILE")"; cat "$PGPASSFILE""#;
    let ran = shell(&home, &stub, script).expect(0);
    let expected = "127.0.0.1 5433 orders hp_demo_x require db-read none none\n600\n700\n127.0.0.1:5433:*:hp_demo_x:pa\\:ss\\\\word\n";
    assert_eq!(ran.out, expected);
    assert!(home.run_folders().is_empty(), "{:?}", home.run_folders());
    assert_eq!(stub.seen_at("POST", "/end").len(), 0, "the grant is left alone");
}

#[test]
fn the_exit_code_is_the_childs() {
    let (stub, home) = (stub(), Home::new());
    for (script, code) in
        [("exit 0", 0), ("exit 7", 7), ("exit 255", 255), ("kill -TERM $$", 143), ("kill -KILL $$", 137)]
    {
        assert_eq!(shell(&home, &stub, script).code, code, "{script}");
    }
    assert!(home.run_folders().is_empty());
    let mut command = home.command(&stub.url, &["run", "--end", "db-read", "--", "true"]);
    Ran::of(command.env("HALLPASS_TOKEN", "hpa_test").output().unwrap()).expect(0);
    assert_eq!(stub.seen_at("POST", "/end").len(), 1);
}

#[test]
fn what_cannot_run_costs_no_credential() {
    let (stub, home) = (stub(), Home::new());
    let plain = home.dir.path().join("plain.txt");
    std::fs::write(&plain, "x").unwrap();
    for (program, code) in
        [("no-such-command-here", 127), ("/no/such/file", 127), (plain.to_str().unwrap(), 126), ("/tmp", 126)]
    {
        home.run(&stub, &["run", "db-read", "--", program]).expect(code);
    }
    assert_eq!(stub.seen_at("POST", "/credentials").len(), 0);
    let none = Stub::new(|_| problem(404, "not_found"));
    let ran = home.run(&none, &["run", "db-read", "--json", "--", "true"]).expect(125);
    assert!(ran.err.lines().last().unwrap().contains("\"code\":\"not_found\""), "{}", ran.err);
    Ran::of(home.command(&stub.url, &["run", "db-read", "--", "true"]).output().unwrap()).expect(125);
}

#[test]
fn signals_go_to_the_child() {
    let (stub, home) = (stub(), Home::new());
    for (signal, word) in [
        (Signal::SIGTERM, "TERM"),
        (Signal::SIGINT, "INT"),
        (Signal::SIGHUP, "HUP"),
        (Signal::SIGUSR1, "USR1"),
    ] {
        let script = format!("trap 'exit 42' {word}; echo ready; while :; do sleep 0.05; done");
        let mut command = home.command(&stub.url, &["run", "db-read", "--", "sh", "-c", &script]);
        let mut running = command
            .env("HALLPASS_TOKEN", "hpa_test")
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(running.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(home.run_folders().len(), 1);
        kill(Pid::from_raw(running.id() as i32), signal).unwrap();
        assert_eq!(running.wait().unwrap().code(), Some(42), "{word}");
        assert!(home.run_folders().is_empty());
    }
}

#[test]
fn the_grants_end_stops_the_child_and_everything_it_started() {
    let ended = Arc::new(AtomicBool::new(false));
    let ends_at = (chrono::DateTime::<chrono::Utc>::from(clock()) + chrono::TimeDelta::milliseconds(1_500))
        .to_rfc3339();
    let (flag, end) = (ended.clone(), ends_at.clone());
    let stub = Stub::new(move |at| {
        let state = if flag.load(Ordering::SeqCst) { "ended" } else { "active" };
        database(at, state, &end)
    });
    let home = Home::new();
    let marker = home.dir.path().join("grandchild");
    std::thread::spawn({
        let ended = ended.clone();
        move || {
            std::thread::sleep(Duration::from_millis(1_200));
            ended.store(true, Ordering::SeqCst);
        }
    });
    let script = format!("(sleep 4; touch {}) & sleep 30", marker.display());
    let begun = Instant::now();
    let ran = shell(&home, &stub, &script).expect(124);
    assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    assert!(ran.err.contains("db-read has ended: revoked"), "{}", ran.err);
    assert!(home.run_folders().is_empty());
    std::thread::sleep(Duration::from_secs(5).saturating_sub(begun.elapsed()));
    assert!(!marker.exists(), "the child's own children are stopped too");
}

#[test]
fn on_expiry_warn_lets_the_child_finish() {
    let ends_at =
        (chrono::DateTime::<chrono::Utc>::from(clock()) + chrono::TimeDelta::milliseconds(300)).to_rfc3339();
    let stub = Stub::new(move |at| database(at, "ended", &ends_at));
    let home = Home::new();
    let mut command = home.command(
        &stub.url,
        &["run", "db-read", "--on-expiry", "warn", "--", "sh", "-c", "sleep 1.5; exit 3"],
    );
    let ran = Ran::of(command.env("HALLPASS_TOKEN", "hpa_test").output().unwrap());
    assert_eq!(ran.code, 3);
    assert!(ran.err.contains("goes on without it"), "{}", ran.err);
}

#[test]
fn tokens_come_by_variable_and_by_a_file_that_is_kept_fresh() {
    let issued = AtomicUsize::new(0);
    let stub = Stub::new(move |at| match at.path.as_str() {
        "/api/v1/roles/deploy" => ok(sample::role("deploy", "access_token", true)),
        "/oauth/token" if at.body.contains("hallpass.api") => ok(
            json!({"access_token": "hpa_ci", "token_type": "Bearer", "expires_in": 3600, "scope": "hallpass.api"}),
        ),
        "/oauth/token" => {
            let n = issued.fetch_add(1, Ordering::SeqCst);
            ok(
                json!({"access_token": format!("jwt-{n}"), "token_type": "Bearer", "expires_in": 6, "scope": "deploy"}),
            )
        }
        _ => problem(404, "not_found"),
    });
    let home = Home::new();
    let file = home.dir.path().join("secret");
    std::fs::write(&file, "hpc_x").unwrap();
    let script = r#"echo "$HALLPASS_ACCESS_TOKEN"; cat "$HALLPASS_ACCESS_TOKEN_FILE"; echo; stat -c %a "$HALLPASS_ACCESS_TOKEN_FILE"; for i in $(seq 100); do [ "$(cat "$HALLPASS_ACCESS_TOKEN_FILE")" = jwt-1 ] && echo fresh && exit 0; sleep 0.1; done"#;
    let mut command = home.command(&stub.url, &["run", "deploy", "--", "sh", "-c", script]);
    command.env("HALLPASS_CLIENT_ID", "ci").env("HALLPASS_CLIENT_SECRET_FILE", &file);
    let ran = Ran::of(command.output().unwrap()).expect(0);
    assert_eq!(ran.out, "jwt-0\njwt-0\n600\nfresh\n");
}

#[test]
fn a_server_that_hangs_keeps_no_signal_from_the_child() {
    let issued = AtomicUsize::new(0);
    let (tell, asked_again) = mpsc::channel();
    // What the server waits for ends with the test, however that ends.
    let (over, hold) = mpsc::channel::<()>();
    let hold = Mutex::new(hold);
    let stub = Stub::new(move |at| match at.path.as_str() {
        "/api/v1/roles/deploy" => ok(sample::role("deploy", "access_token", true)),
        "/oauth/token" if at.body.contains("hallpass.api") => ok(
            json!({"access_token": "hpa_ci", "token_type": "Bearer", "expires_in": 3600, "scope": "hallpass.api"}),
        ),
        "/oauth/token" => {
            if issued.fetch_add(1, Ordering::SeqCst) > 0 {
                let _ = tell.send(());
                let _ = hold.lock().unwrap().recv();
            }
            ok(json!({"access_token": "jwt", "token_type": "Bearer", "expires_in": 6, "scope": "deploy"}))
        }
        _ => problem(404, "not_found"),
    });
    let home = Home::new();
    let file = home.dir.path().join("secret");
    std::fs::write(&file, "hpc_x").unwrap();
    let script = "trap 'exit 42' TERM; while :; do sleep 0.05; done";
    let mut command = home.command(&stub.url, &["run", "deploy", "--", "sh", "-c", script]);
    let mut running = command
        .env("HALLPASS_CLIENT_ID", "ci")
        .env("HALLPASS_CLIENT_SECRET_FILE", &file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    asked_again.recv_timeout(Duration::from_secs(30)).expect("a fresh token is asked for");
    let told = Instant::now();
    kill(Pid::from_raw(running.id() as i32), Signal::SIGTERM).unwrap();
    assert_eq!(running.wait().unwrap().code(), Some(42));
    assert!(told.elapsed() < Duration::from_secs(8), "{:?}", told.elapsed());
    drop(over);
    assert!(home.run_folders().is_empty());
}

#[test]
fn a_killed_runs_files_are_swept_by_the_next() {
    let (stub, home) = (stub(), Home::new());
    let mut command = home.command(&stub.url, &["run", "db-read", "--", "sh", "-c", "echo ready; sleep 2"]);
    let mut running = command.env("HALLPASS_TOKEN", "hpa_test").stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(running.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    running.kill().unwrap();
    running.wait().unwrap();
    assert_eq!(home.run_folders().len(), 1, "SIGKILL leaves them");
    shell(&home, &stub, "true").expect(0);
    assert!(home.run_folders().is_empty());
}

#[allow(clippy::disallowed_methods, reason = "the end of a grant must be near the command's own clock")]
fn clock() -> std::time::SystemTime {
    std::time::SystemTime::now()
}
