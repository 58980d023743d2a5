//! Credentials: what one has, and a new one for another program.
use serde_json::{Value, json};

use crate::kit::{Home, Stub, ok, problem};
use crate::sample;

fn credential(name: &str, kind: &str, state: &str, not_after: &str) -> Value {
    json!({
        "id": name, "grant_id": sample::GRANT, "target": "orders", "kind": kind, "name": name, "state": state, "issued_at": "2026-11-23T16:05:00Z",
        "not_after": not_after, "due_at": not_after, "may_still_work": null, "may_work_until": null, "denied_at": null, "sessions_ended_at": null,
        "removed_at": null, "verified_at": null, "attempts": 0, "overdue": false, "needs_human": false, "trouble": null,
    })
}

/// A server with one grant of `role`.
#[expect(clippy::indexing_slicing, reason = "a sample of our own, of a shape that is known")]
fn holding(role: &'static str, kind: &'static str, issued: Value) -> Stub {
    let grant = || sample::grant(role, kind, "active", "2099-01-01T00:00:00Z");
    let whole = move || {
        let mut whole = grant();
        let mut revoking =
            credential("hp_demo_revoking", "postgresql_login", "revoking", "2026-11-23T16:06:00Z");
        revoking["may_still_work"] = json!("The target does not answer.");
        whole["credentials"] = json!([
            credential("hp_demo_live", "postgresql_login", "live", "2099-01-01T00:00:00Z"),
            revoking,
            credential("hp_demo_gone", "postgresql_login", "revoked", "2026-11-23T16:06:00Z"),
            credential("old-token", "access_token", "live", "2026-11-23T16:06:00Z"),
        ]);
        whole
    };
    Stub::new(move |at| match (at.method.as_str(), at.path.as_str()) {
        ("GET", "/api/v1/grants") => ok(sample::page(json!([grant()]))),
        ("GET", path) if path.ends_with(sample::GRANT) => ok(whole()),
        ("GET", "/api/v1/roles/db-read" | "/api/v1/roles/deploy") => ok(sample::role(role, kind, false)),
        ("POST", path) if path.ends_with("/credentials") => ok(issued.clone()),
        _ => problem(404, "not_found"),
    })
}

#[test]
fn what_may_still_work_is_listed() {
    let stub = holding("db-read", "postgresql_login", sample::login());
    let ran = Home::new().run(&stub, &["creds"]).expect(0);
    assert!(ran.out.contains("hp_demo_live") && ran.out.contains("db-read"), "{}", ran.out);
    assert!(ran.out.contains("may work until the target answers"), "{}", ran.out);
    assert!(!ran.out.contains("hp_demo_gone") && !ran.out.contains("old-token"), "{}", ran.out);
    let items = Home::new().run(&stub, &["creds", "--json"]).expect(0).json();
    let names: Vec<&str> =
        items["items"].as_array().unwrap().iter().map(|item| item["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["hp_demo_revoking", "hp_demo_live"], "the soonest end first");
    assert_eq!((&items["version"], &items["items"][0]["role"]), (&json!(1), &json!("db-read")));
    assert!(stub.seen_at("POST", "/credentials").is_empty(), "looking issues nothing");
}

#[test]
fn a_new_login_is_written_for_the_program_that_reads_it() {
    let stub = holding("db-read", "postgresql_login", sample::login());
    let home = Home::new();
    let pgpass = home.run(&stub, &["creds", "db-read", "--as", "pgpass"]).expect(0);
    assert_eq!(pgpass.out, "127.0.0.1:5433:*:hp_demo_x:pa\\:ss\\\\word\n");
    let password = home.run(&stub, &["creds", "db-read", "--field", "password"]).expect(0);
    assert_eq!(password.out, "pa:ss\\word\n");
    let whole = home.run(&stub, &["creds", "db-read", "--json"]).expect(0).json();
    assert_eq!((&whole["user"], &whole["version"]), (&json!("hp_demo_x"), &json!(1)));
    // A backslash is read in different ways: refused, and nothing of it is on either stream.
    let refused = home.run(&stub, &["creds", "db-read", "--as", "dotenv"]).expect(1);
    assert!(refused.err.contains("PGPASSWORD") && !refused.err.contains("ss\\word"), "{}", refused.err);

    let plain = json!({"password": "Ab3"});
    let mut login = sample::login();
    login["password"] = plain["password"].clone();
    let stub = holding("db-read", "postgresql_login", login);
    let dotenv = home.run(&stub, &["creds", "db-read", "--as", "dotenv"]).expect(0);
    assert_eq!(
        dotenv.out,
        "PGHOST=127.0.0.1\nPGPORT=5433\nPGDATABASE=orders\nPGUSER=hp_demo_x\nPGPASSWORD=Ab3\nPGSSLMODE=require\n"
    );
}

#[test]
fn a_new_token_is_no_login() {
    let stub = holding("deploy", "access_token", sample::token("eyJhbGciOi.payload.sig"));
    let home = Home::new();
    let refused = home.run(&stub, &["creds", "deploy", "--as", "pgpass"]).expect(2);
    assert!(refused.err.contains("hallpass token deploy"), "{}", refused.err);
    assert!(stub.seen_at("POST", "/credentials").is_empty(), "nothing is issued that cannot be written");
    let dotenv = home.run(&stub, &["creds", "deploy", "--as", "dotenv"]).expect(0);
    assert_eq!(dotenv.out, "HALLPASS_ACCESS_TOKEN=eyJhbGciOi.payload.sig\n");
    let plain = home.run(&stub, &["creds", "deploy", "--format", "plain"]).expect(0);
    assert!(plain.out.contains("token\teyJhbGciOi.payload.sig\n"), "{}", plain.out);
    home.run(&stub, &["creds", "--as", "dotenv"]).expect(2);
}
