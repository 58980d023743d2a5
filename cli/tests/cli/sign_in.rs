//! Signing in and out, and where tokens come from.
use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;

use crate::kit::{Home, Ran, Reply, Stub, ok, problem};
use crate::sample;

fn device(polls_before: usize, last: &'static str) -> Stub {
    let polls = AtomicUsize::new(0);
    Stub::new(move |at| match at.path.as_str() {
        "/oauth/device_authorization" => ok(
            json!({"device_code": "hpd_s3cret", "user_code": "BCDF-GHJK", "verification_uri": "https://x/device\u{1b}[2J", "expires_in": 600, "interval": 1}),
        ),
        "/oauth/token" if polls.fetch_add(1, Ordering::SeqCst) < polls_before => {
            Reply::Json(400, json!({"error": "authorization_pending"}))
        }
        "/oauth/token" if last == "ok" => ok(
            json!({"access_token": "hpa_person", "token_type": "Bearer", "expires_in": 3600, "scope": "hallpass.api"}),
        ),
        "/oauth/token" => Reply::Json(400, json!({"error": last})),
        "/oauth/revoke" => ok(json!({})),
        "/api/v1/me" if at.header("authorization") == "Bearer hpa_person" => ok(sample::me()),
        "/api/v1/audit/vkey" => Reply::Text(200, "text/plain", "log+00000000+key\n".to_owned()),
        _ => problem(401, "invalid_token"),
    })
}

#[test]
fn device_flow_then_logout() {
    let (stub, home) = (device(1, "ok"), Home::new());
    let ran = Ran::of(home.command(&stub.url, &["login"]).output().unwrap()).expect(0);
    assert!(
        ran.err.contains("BCDF-GHJK")
            && ran.err.contains("https://x/device")
            && ran.err.contains("Warning: the token is kept in the file"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("hpa_person") && !ran.err.contains("hpd_s3cret"), "{}", ran.err);
    let files: Vec<_> =
        std::fs::read_dir(home.config().join("default")).unwrap().flatten().map(|e| e.path()).collect();
    for path in &files {
        assert_eq!(
            std::fs::metadata(path).unwrap().permissions().mode() & 0o777,
            0o600,
            "{}",
            path.display()
        );
    }
    assert_eq!(std::fs::metadata(home.config().join("default")).unwrap().permissions().mode() & 0o777, 0o700);
    // Without the variable: the server of the last login.
    let mut command = home.command("", &["whoami", "--field", "handle"]);
    assert_eq!(
        Ran::of(command.env_remove("HALLPASS_SERVER").output().unwrap()).expect(0).out,
        "ana@example.org\n"
    );
    let stored = files.iter().find(|p| p.extension().is_some_and(|e| e == "json")).unwrap();
    std::fs::set_permissions(stored, std::fs::Permissions::from_mode(0o644)).unwrap();
    let ran = Ran::of(home.command(&stub.url, &["whoami"]).output().unwrap()).expect(2);
    assert!(ran.err.contains("can be read by others"), "{}", ran.err);
    std::fs::set_permissions(stored, std::fs::Permissions::from_mode(0o600)).unwrap();
    Ran::of(home.command(&stub.url, &["logout"]).output().unwrap()).expect(0);
    assert_eq!(stub.seen_at("POST", "/oauth/revoke")[0].body, "token=hpa_person&client_id=hallpass-cli");
    assert!(!stored.exists());
    Ran::of(home.command(&stub.url, &["whoami"]).output().unwrap()).expect(4);
}

#[test]
fn refused_and_lapsed_codes() {
    for (error, exit) in [("access_denied", 5), ("expired_token", 6)] {
        Ran::of(Home::new().command(&device(0, error).url, &["login"]).output().unwrap()).expect(exit);
    }
}

#[test]
fn a_workload_signs_in_by_its_secret_which_stays_in_its_file() {
    let stub = Stub::new(|at| match at.path.as_str() {
        "/oauth/token" => ok(
            json!({"access_token": "hpa_ci", "token_type": "Bearer", "expires_in": 3600, "scope": "hallpass.api"}),
        ),
        "/api/v1/me" if at.header("authorization") == "Bearer hpa_ci" => ok(sample::me()),
        _ => problem(404, "not_found"),
    });
    let home = Home::new();
    let file = home.dir.path().join("secret");
    std::fs::write(&file, "hpc_s3cret\n").unwrap();
    Ran::of(
        home.command(&stub.url, &["login", "--client-id", "ci", "--client-secret-file", "secret"])
            .output()
            .unwrap(),
    )
    .expect(0);
    Ran::of(home.command(&stub.url, &["whoami"]).output().unwrap()).expect(0);
    let kept = std::fs::read_dir(home.config().join("default"))
        .unwrap()
        .flatten()
        .map(|e| std::fs::read_to_string(e.path()).unwrap())
        .collect::<String>();
    assert!(!kept.contains("s3cret") && !kept.contains("hpa_ci"), "{kept}");
    assert!(
        stub.seen()
            .iter()
            .filter(|a| a.path == "/oauth/token")
            .all(|a| a.body.contains("scope=hallpass.api"))
    );
    std::fs::remove_file(&file).unwrap();
    Ran::of(home.command(&stub.url, &["whoami"]).output().unwrap()).expect(2);
}

#[test]
fn token_files_are_read_at_each_use_and_helpers_keep_tokens() {
    let stub = Stub::new(|at| {
        if at.header("authorization") == "Bearer hpa_new" {
            ok(sample::me())
        } else {
            problem(401, "invalid_token")
        }
    });
    let home = Home::new();
    let file = home.dir.path().join("token");
    for (text, exit) in [("hpa_old\n", 4), ("hpa_new\n", 0), ("two words", 2), ("", 2)] {
        std::fs::write(&file, text).unwrap();
        Ran::of(home.command(&stub.url, &["whoami"]).env("HALLPASS_TOKEN_FILE", &file).output().unwrap())
            .expect(exit);
    }
    let helper = home.dir.path().join("helper");
    std::fs::write(&helper, "#!/bin/sh\n[ \"$1\" = get ] && echo hpa_new\n").unwrap();
    std::fs::set_permissions(&helper, std::fs::Permissions::from_mode(0o755)).unwrap();
    Ran::of(home.command(&stub.url, &["whoami"]).env("HALLPASS_TOKEN_HELPER", &helper).output().unwrap())
        .expect(0);
}
