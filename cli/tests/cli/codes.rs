//! Every exit code, and what each stream says.
use serde_json::{Value, json};

use crate::kit::{Home, Ran, Reply, Stub, ok, problem};
use crate::sample;

#[test]
fn answers_give_their_exit_codes() {
    for (status, code, exit) in [
        (500, "internal", 1),
        (409, "conflict", 1),
        (422, "too_long", 2),
        (401, "invalid_token", 4),
        (403, "policy", 5),
        (409, "not_active", 6),
        (404, "not_found", 7),
        (503, "target_unavailable", 9),
        (502, "target_refused", 9),
        (429, "throttled", 10),
        (503, "clock_skew", 10),
    ] {
        let stub = Stub::new(move |_| problem(status, code));
        let ran = Home::new().run(&stub, &["show", "R-1", "--json"]).expect(exit);
        let last: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
        assert_eq!((last["code"].as_str(), last["request_id"].as_str()), (Some(code), Some("req-1")));
        assert!(ran.err.contains("Request id: req-1"));
    }
}

#[test]
fn states_give_their_exit_codes() {
    for (state, exit) in [("approved", 0), ("denied", 5), ("withdrawn", 6), ("lapsed", 6), ("pending", 8)] {
        let stub = Stub::new(move |_| ok(sample::request(state, "low")));
        Home::new().run(&stub, &["wait", "R-7KQ2M9XW4T", "--timeout", "1s"]).expect(exit);
        // `show` is for looking: only --exit-status makes a state a failure.
        let home = Home::new();
        let shown = home.run(&stub, &["show", "R-7KQ2M9XW4T", "--field", "state"]).expect(0);
        assert_eq!(shown.out, format!("{state}\n"));
        assert_eq!(home.run(&stub, &["show", "R-7KQ2M9XW4T", "--exit-status"]).code, exit);
    }
}

#[test]
fn wrong_use_is_2() {
    let home = Home::new();
    let stub = Stub::new(|_| ok(json!({})));
    for args in [
        &["nonsense"][..],
        &["request"],
        &["request", "r", "--for", "90m", "--until", "17:30", "--reason", "x"],
        &["request", "r", "--for", "1.5h", "--reason", "x"],
        &["request", "r"],
        &["request", "r", "--reason", "x", "--scope", "x"],
        &["roles", "--format", "xml"],
        &["deny", "R-1"],
        &["end"],
        &["audit", "verify"],
        &["--server", "http://example.org", "whoami"],
        &["--server", "ftp://x", "whoami"],
        &["--profile", "../x", "whoami"],
    ] {
        let ran = home.run(&stub, args);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{args:?} {ran:?}");
    }
    assert_eq!(stub.seen().len(), 0, "nothing was sent");
    let ran = Ran::of(home.command("", &["whoami"]).env("HALLPASS_SERVER", "").output().unwrap()).expect(2);
    assert!(ran.err.contains("hallpass login --server"), "{}", ran.err);
    Ran::of(home.command(&stub.url, &["whoami"]).env("HALLPASS_FORMAT", "xml").output().unwrap()).expect(2);
    Ran::of(home.command(&stub.url, &["whoami"]).env("HALLPASS_TIMEOUT", "soon").output().unwrap()).expect(2);
}

#[test]
fn not_signed_in_is_4() {
    let stub = Stub::new(|_| ok(json!({})));
    let ran = Ran::of(Home::new().command(&stub.url, &["whoami", "--json"]).output().unwrap()).expect(4);
    assert!(ran.err.contains("Next: hallpass login --server"), "{}", ran.err);
    assert_eq!(stub.seen().len(), 0);
}

#[test]
fn an_unreachable_server_is_10() {
    let closed = { std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap() };
    let ran = Ran::of(
        Home::new()
            .command(&format!("http://{closed}"), &["whoami"])
            .env("HALLPASS_TOKEN", "hpa_test")
            .output()
            .unwrap(),
    )
    .expect(10);
    assert!(ran.err.contains("cannot be reached") && ran.err.contains("try again"), "{}", ran.err);
}

#[test]
fn what_is_not_hallpass_is_said() {
    let stub = Stub::new(|_| Reply::Redirect("https://evil.example.org/"));
    let ran = Home::new().run(&stub, &["whoami"]).expect(1);
    assert!(ran.err.contains("redirect") && stub.seen().len() == 1, "{}", ran.err);
    let stub = Stub::new(|_| Reply::Text(200, "text/html", "<html>".to_owned()));
    Home::new().run(&stub, &["whoami"]).expect(1);
    let stub = Stub::new(|_| Reply::Text(404, "text/html", "<html>".to_owned()));
    Home::new().run(&stub, &["whoami"]).expect(7);
}

#[test]
fn formats() {
    let stub = Stub::new(|_| {
        ok(sample::page(json!([
            sample::role("db-read", "postgresql_login", false),
            sample::role("deploy", "access_token", true)
        ])))
    });
    let home = Home::new();
    let table = home.run(&stub, &["roles"]).expect(0).out;
    assert!(table.starts_with("ROLE     STATE   TIER  TARGET"), "{table}");
    assert!(table.contains("look [2J"), "{table}");
    let plain = home.run(&stub, &["roles", "--format", "plain"]).expect(0).out;
    assert!(plain.starts_with("db-read\tactive\tlow\torders\t"), "{plain}");
    let json = home.run(&stub, &["roles", "--json"]).expect(0).json();
    assert_eq!(
        (json["version"].as_i64(), json["items"][0]["role"]["purpose"].as_str()),
        (Some(1), Some(sample::NASTY)),
        "JSON loses nothing"
    );
    assert_eq!(home.run(&stub, &["roles", "--field", "role.name"]).expect(0).out, "db-read\ndeploy\n");
    home.run(&stub, &["roles", "--field", "nonsense"]).expect(2);
    let coloured = Ran::of(
        home.command(&stub.url, &["roles"])
            .env("HALLPASS_TOKEN", "t")
            .env("CLICOLOR_FORCE", "1")
            .output()
            .unwrap(),
    );
    assert!(coloured.out.contains("\u{1b}[32mactive"));
    Ran::of(
        home.command(&stub.url, &["roles"])
            .env("HALLPASS_TOKEN", "t")
            .env("CLICOLOR_FORCE", "1")
            .env("NO_COLOR", "1")
            .output()
            .unwrap(),
    )
    .expect(0);
}

#[test]
fn the_debug_log_has_no_secrets() {
    let stub = Stub::new(|at| match at.path.as_str() {
        "/oauth/token" => ok(
            json!({"access_token": "s3cret-token", "token_type": "Bearer", "expires_in": 300, "scope": "deploy"}),
        ),
        _ => problem(404, "not_found"),
    });
    let home = Home::new();
    let file = home.dir.path().join("secret");
    std::fs::write(&file, "s3cret-client\n").unwrap();
    let mut command = home.command(&stub.url, &["token", "deploy"]);
    command
        .env("HALLPASS_CLIENT_ID", "ci")
        .env("HALLPASS_CLIENT_SECRET_FILE", &file)
        .env("HALLPASS_DEBUG", "http");
    let ran = Ran::of(command.output().unwrap()).expect(0);
    assert_eq!(ran.out, "s3cret-token\n", "the token alone");
    assert!(ran.err.contains("POST /oauth/token") && ran.err.contains("(redacted)"), "{}", ran.err);
    assert!(!ran.err.contains("s3cret") && !ran.err.contains("Basic "), "{}", ran.err);
    assert!(stub.seen()[0].header("authorization").starts_with("Basic "));
}
