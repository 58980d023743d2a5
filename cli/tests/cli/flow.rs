//! Ask, decide, fetch, end.
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::kit::{Home, Ran, Reply, Stub, ok, problem};
use crate::sample;

/// A server on which the request is pending for the first `looks` looks and then in `state`.
fn deciding(looks: usize, state: &'static str) -> Stub {
    let asked = AtomicUsize::new(0);
    Stub::new(move |at| match (at.method.as_str(), at.path.as_str()) {
        ("POST", "/api/v1/requests") => {
            Reply::Json(201, json!({"outcome": "created", "request": sample::request("pending", "low")}))
        }
        ("GET", "/api/v1/requests/R-7KQ2M9XW4T") => {
            let now = if asked.fetch_add(1, Ordering::SeqCst) < looks { "pending" } else { state };
            ok(sample::request(now, "low"))
        }
        _ => problem(404, "not_found"),
    })
}

#[test]
fn request_and_wait() {
    let stub = deciding(1, "approved");
    let args = [
        "request",
        "db-read",
        "--for",
        "90m",
        "--scope",
        "schema=orders",
        "--reason",
        "slow query",
        "--ticket",
        "INC-1",
        "--wait=1m",
        "--field",
        "grant.id",
    ];
    let ran = Home::new().run(&stub, &args).expect(0);
    assert_eq!(ran.out, format!("{}\n", sample::GRANT));
    assert!(ran.err.contains("hallpass wait R-7KQ2M9XW4T") && ran.err.contains("Approved"), "{}", ran.err);
    let sent = &stub.seen_at("POST", "/requests")[0];
    assert_eq!(
        sent.json(),
        json!({"role": "db-read", "for": "5400s", "scope": {"schema": ["orders"]}, "reason": "slow query", "ticket": "INC-1"})
    );
    assert_eq!(sent.header("authorization"), "Bearer hpa_test");
    assert!(!sent.header("idempotency-key").is_empty());
    assert!(stub.seen_at("GET", "/requests/R-7KQ2M9XW4T")[0].query.starts_with("wait="));
}

#[test]
fn a_denial_ends_the_wait_with_5() {
    let ran =
        Home::new().run(&deciding(1, "denied"), &["request", "db-read", "--reason", "x", "--wait"]).expect(5);
    assert!(ran.err.contains("was denied by Bo"), "{}", ran.err);
}

#[test]
fn without_wait_a_pending_request_is_a_success() {
    let ran = Home::new()
        .run(&deciding(9, "pending"), &["request", "db-read", "--reason", "x", "--field", "reference"])
        .expect(0);
    assert_eq!(ran.out, "R-7KQ2M9XW4T\n");
    Home::new().run(&deciding(9, "pending"), &["request", "db-read", "--reason", "x", "--wait=1s"]).expect(8);
}

#[test]
fn a_lost_answer_is_asked_again_with_the_same_key() {
    let tries = AtomicUsize::new(0);
    let stub = Stub::new(move |at| match (at.method.as_str(), tries.fetch_add(1, Ordering::SeqCst)) {
        ("POST", 0) => Reply::Cut,
        ("POST", 1) => problem(409, "in_flight"),
        _ => Reply::Json(201, json!({"outcome": "created", "request": sample::request("pending", "low")})),
    });
    Home::new().run(&stub, &["request", "db-read", "--reason", "x"]).expect(0);
    let keys: Vec<String> = stub.seen().iter().map(|a| a.header("idempotency-key").to_owned()).collect();
    assert!(keys.len() == 3 && keys.iter().all(|k| *k == keys[0]), "{keys:?}");
}

#[test]
fn dry_run_and_if_needed() {
    let dry = json!({
        "role": sample::role_line("db-read", "postgresql_login", "low"), "scope": {"schema": ["orders"]}, "for": sample::span(5400), "until": null,
        "ends_if_approved_now": "2099-01-01T00:00:00Z", "decide_by": "2099-01-01T00:00:00Z", "stages": [], "warnings": [sample::NASTY],
    });
    let stub = Stub::new(move |_| ok(json!({"outcome": "dry_run", "dry_run": dry})));
    let ran = Home::new().run(&stub, &["request", "db-read", "--reason", "x", "--dry-run"]).expect(0);
    assert!(ran.out.contains("2099-01-01 00:00 UTC, if approved now"), "{}", ran.out);
    assert_eq!(stub.seen()[0].json()["dry_run"], true);
    let stub = Stub::new(|at| match at.method.as_str() {
        "POST" => ok(
            json!({"outcome": "current", "grant": sample::grant("db-read", "postgresql_login", "active", "2099-01-01T00:00:00Z"), "request": null}),
        ),
        _ => ok(sample::request("approved", "low")),
    });
    let ran = Home::new()
        .run(&stub, &["request", "db-read", "--reason", "x", "--if-needed", "--wait", "--field", "grant.id"])
        .expect(0);
    assert_eq!(ran.out, format!("{}\n", sample::GRANT));
}

#[test]
fn decisions_send_back_the_digest() {
    let stub = |tier: &'static str| {
        Stub::new(move |at| match at.method.as_str() {
            "POST" => Reply::Json(201, sample::request("approved", tier)),
            _ => ok(sample::request("pending", tier)),
        })
    };
    let low = stub("low");
    Home::new()
        .run(&low, &["approve", "R-7KQ2M9XW4T", "--for", "1h", "--comment", "one hour", "--yes"])
        .expect(0);
    assert_eq!(
        low.seen_at("POST", "/decisions")[0].json(),
        json!({"verdict": "approve", "for": "3600s", "comment": "one hour", "digest": "d1"})
    );
    Home::new().run(&low, &["approve", "R-7KQ2M9XW4T"]).expect(2);
    Home::new().run(&low, &["deny", "R-7KQ2M9XW4T", "--yes", "--comment", "no"]).expect(0);
    assert_eq!(
        low.seen_at("POST", "/decisions").len(),
        2,
        "without a terminal and without --yes nothing is decided"
    );
    let high = stub("high");
    let home = Home::new();
    home.run(&high, &["approve", "R-7KQ2M9XW4T", "--yes"]).expect(2);
    home.run(&high, &["approve", "R-7KQ2M9XW4T", "--digest", "D1"]).expect(0);
    assert_eq!(high.seen_at("POST", "/decisions")[0].json(), json!({"verdict": "approve", "digest": "d1"}));
}

#[test]
fn a_token_is_alone_on_stdout() {
    let stub = Stub::new(|at| match (at.method.as_str(), at.path.as_str()) {
        ("GET", "/api/v1/grants") => ok(sample::page(json!([sample::grant(
            "deploy",
            "access_token",
            "active",
            "2099-01-01T00:00:00Z"
        )]))),
        ("POST", _) => Reply::Json(201, sample::token("eyJ.a.b")),
        _ => problem(404, "not_found"),
    });
    let home = Home::new();
    assert_eq!(home.run(&stub, &["token", "deploy"]).expect(0).out, "eyJ.a.b\n");
    assert_eq!(
        home.run(&stub, &["token", "deploy", "--header"]).expect(0).out,
        "Authorization: Bearer eyJ.a.b\n"
    );
    assert_eq!(
        home.run(&stub, &["token", "deploy", "--field", "expires_at"]).expect(0).out,
        "2099-01-01T00:00:00Z\n"
    );
    assert_eq!(home.run(&stub, &["token", "deploy", "--json"]).expect(0).json()["access_token"], "eyJ.a.b");
}

#[test]
fn a_token_with_a_line_break_is_no_token() {
    let stub = Stub::new(|at| match at.method.as_str() {
        "GET" => ok(sample::page(json!([sample::grant(
            "deploy",
            "access_token",
            "active",
            "2099-01-01T00:00:00Z"
        )]))),
        _ => Reply::Json(201, sample::token("eyJ\nexport PATH=/evil")),
    });
    Home::new().run(&stub, &["token", "deploy"]).expect(1);
}

#[test]
fn no_grant_says_what_is_missing() {
    let stub = Stub::new(|_| ok(sample::page(json!([]))));
    let ran = Home::new().run(&stub, &["token", "deploy"]).expect(7);
    assert!(ran.err.contains("hallpass request deploy"), "{}", ran.err);
    let item = json!({
        "reference": "R-9", "state": "pending", "role": sample::role_line("deploy", "access_token", "low"), "subject": sample::person("Ana"), "for": null,
        "until": null, "reason": "x", "ticket": null, "submitted_at": "2026-11-23T16:00:00Z", "decide_by": null, "standing": "0 of 1", "grant": null,
    });
    let stub = Stub::new(move |at| {
        ok(sample::page(if at.path.ends_with("/requests") { json!([item]) } else { json!([]) }))
    });
    let ran = Home::new().run(&stub, &["token", "deploy"]).expect(8);
    assert!(ran.err.contains("hallpass wait R-9"), "{}", ran.err);
    let home = Home::new();
    let listed = home.run(&stub, &["list", "--to-approve"]).expect(0);
    assert!(listed.out.contains("R-9"), "{}", listed.out);
    assert!(stub.seen().iter().any(|a| a.query.contains("view=to_approve")));
}

#[test]
fn a_workload_without_a_grant_gets_oauths_answer() {
    for (uri, exit) in [("http://x/api/v1/requests", 7), ("http://x/api/v1/requests/R-9", 8)] {
        let stub = Stub::new(move |_| {
            Reply::Json(
                400,
                json!({"error": "invalid_scope", "error_description": "no grant", "request_uri": uri}),
            )
        });
        let home = Home::new();
        let file = home.dir.path().join("secret");
        std::fs::write(&file, "hpc_x").unwrap();
        let mut command = home.command(&stub.url, &["token", "deploy"]);
        command.env("HALLPASS_CLIENT_ID", "ci").env("HALLPASS_CLIENT_SECRET_FILE", &file);
        Ran::of(command.output().unwrap()).expect(exit);
        assert!(stub.seen()[0].body.contains("scope=deploy"));
    }
}

#[test]
fn end_by_role_by_id_and_all() {
    let stub = Stub::new(|at| match at.method.as_str() {
        "GET" => ok(sample::page(json!([sample::grant(
            "db-read",
            "postgresql_login",
            "active",
            "2099-01-01T00:00:00Z"
        )]))),
        _ => ok(sample::grant("db-read", "postgresql_login", "ending", "2099-01-01T00:00:00Z")),
    });
    let home = Home::new();
    for what in ["db-read", sample::GRANT, "--all"] {
        let ran = home.run(&stub, &["end", what]).expect(0);
        assert!(ran.err.contains("being removed at the target"), "{}", ran.err);
    }
    assert_eq!(stub.seen_at("POST", &format!("/grants/{}/end", sample::GRANT)).len(), 3);
    home.run(&stub, &["end", "no-such-role"]).expect(7);
    assert_eq!(home.run(&stub, &["active", "--field", "id"]).expect(0).out, format!("{}\n", sample::GRANT));
}

#[test]
fn the_catalogue_is_applied_as_shown() {
    let change = json!({"action": "add", "noun": "role", "name": "db-read", "fields": [{"field": "max", "before": null, "after": sample::NASTY}]});
    let stub = Stub::new(move |at| {
        let apply = at.json()["apply"] == true;
        ok(
            json!({"applied": apply, "revision": if apply { 8 } else { 7 }, "changes": [change], "warnings": []}),
        )
    });
    let home = Home::new();
    let file = home.dir.path().join("catalogue.toml");
    std::fs::write(&file, "[roles]\n").unwrap();
    let file = file.to_str().unwrap();
    home.run(&stub, &["admin", "apply", "-f", file]).expect(2);
    assert_eq!(stub.seen().len(), 1, "without a terminal and without --yes nothing is applied");
    let ran = home.run(&stub, &["admin", "apply", "-f", file, "--yes"]).expect(0);
    assert!(ran.err.contains("+ role db-read") && ran.err.contains("revision 8"), "{}", ran.err);
    assert_eq!(stub.seen()[2].json(), json!({"toml": "[roles]\n", "apply": true, "if_revision": 7}));
    let wrong = Stub::new(|_| {
        Reply::Json(
            422,
            json!({"type": "x", "title": "x", "status": 422, "detail": "2 mistakes", "instance": "/", "code": "catalogue_invalid", "request_id": "r",
            "errors": [{"line": 3, "path": "role.x", "message": "no workflow"}, {"line": null, "path": null, "message": "nobody can approve"}]}),
        )
    });
    let ran = home.run(&wrong, &["admin", "apply", "-f", file, "--yes"]).expect(2);
    assert!(
        ran.err.contains("line 3: no workflow\n") && ran.err.contains("nobody can approve"),
        "{}",
        ran.err
    );
}

#[test]
fn new_client_secrets_go_to_files_or_to_stdout_once() {
    let stub = Stub::new(|at| match at.path.as_str() {
        "/api/v1/admin/catalogue" if at.json()["apply"] == true => ok(json!({
            "applied": true, "revision": 8, "changes": [], "warnings": [], "ended": [],
            "new_clients": [{"client_id": "../ci", "client_secret": "hpc_s3cret"}],
        })),
        "/api/v1/admin/catalogue" => ok(json!({
            "applied": false, "revision": 7, "warnings": [],
            "changes": [{"action": "add", "noun": "client", "name": "ci", "fields": []}],
        })),
        _ => ok(json!({"client_id": "ci", "client_secret": "hpc_n3w"})),
    });
    let home = Home::new();
    std::fs::write(home.dir.path().join("c.toml"), "x = 1\n").unwrap();
    let ran = home.run(&stub, &["admin", "apply", "-f", "c.toml", "--yes"]).expect(0);
    assert_eq!(ran.out, "../ci\thpc_s3cret\n");
    let ran = home
        .run(&stub, &["admin", "apply", "-f", "c.toml", "--yes", "--secrets-dir", ".", "--json"])
        .expect(0);
    assert!(!ran.out.contains("s3cret") && !ran.err.contains("s3cret"), "{ran:?}");
    let path = home.dir.path().join(".._ci");
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "hpc_s3cret\n");
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let ran = home.run(&stub, &["admin", "rotate-secret", "ci", "--field", "client_secret"]).expect(0);
    assert_eq!(ran.out, "hpc_n3w\n");
}
