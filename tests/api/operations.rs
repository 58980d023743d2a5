//! What operators and their programs look at: metrics, and whether the server is alive and ready.
use std::io::Write as _;
use std::process::{Command, Stdio};

use hallpass_tests::caller::Answer;
use hallpass_tests::cast;
use hallpass_tests::database::{Backend, Database, cluster};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::server::TestServer;
use hallpass_tests::wait::eventually;
use reqwest::Method;

use crate::steps;

on_all!(metrics_are_as_prometheus_wants_them);
mod ready {
    use super::*;
    on_all!(not_while_the_store_cannot_be_written);

    async fn not_while_the_store_cannot_be_written(backend: Backend) {
        let server = TestServer::start(backend).await;
        let ready = get(&server, "/readyz").await;
        assert_eq!(
            (ready.status, ready.text.as_str()),
            (200, "store: ok\nclock: ok\naudit: ok\nserver: ok\n")
        );
        let mut outsider = match &server.database {
            Database::File(path) => Outsider::connect(&format!("sqlite:{}", path.display())).await,
            Database::Server(name) => Outsider::connect(&cluster().await.url(name)).await,
        };
        // Somebody holds the file's write lock; or the database is read-only, as a standby is.
        match &server.database {
            Database::File(_) => outsider.sql("BEGIN IMMEDIATE").await,
            Database::Server(name) => {
                outsider.sql(&format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
                outsider.sql(&cut_off(name)).await
            }
        };
        let red = eventually("not ready", || async {
            Some(get(&server, "/readyz").await).filter(|answer| answer.status == 503)
        })
        .await;
        assert!(red.text.starts_with("store: ") && !red.text.contains("store: ok"), "{}", red.text);
        assert!(!red.text.contains("hallpass_"), "it tells no stranger what the database is: {}", red.text);
        assert_eq!(get(&server, "/livez").await.status, 200, "it runs, and need not be started again");
        match &server.database {
            Database::File(_) => outsider.sql("ROLLBACK").await,
            Database::Server(name) => {
                outsider.sql("SET default_transaction_read_only = off").await;
                outsider.sql(&format!("ALTER DATABASE {name} RESET default_transaction_read_only")).await;
                outsider.sql(&cut_off(name)).await
            }
        };
        eventually("ready again", || async { (get(&server, "/readyz").await.status == 200).then_some(()) })
            .await;
        server.stop().await;
    }

    fn cut_off(database: &str) -> String {
        format!(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{database}' AND pid <> pg_backend_pid()"
        )
    }
}

async fn get(server: &TestServer, path: &str) -> Answer {
    server.nobody().send(Method::GET, path, &[], None).await
}

/// What `promtool check metrics` says about a text; nothing where all is well.
fn promtool(text: &str) -> String {
    let mut child = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("apt-get install prometheus");
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let words = [said.stdout, said.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert_eq!(said.status.success(), words.trim().is_empty(), "{words}");
    words
}

/// The value of a sample without labels.
fn value(text: &str, name: &str) -> f64 {
    let line = text.lines().find(|l| l.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
    line.and_then(|l| l.rsplit(' ').next()?.parse().ok()).unwrap_or_else(|| panic!("no {name} in {text}"))
}

async fn metrics_are_as_prometheus_wants_them(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let waiting = steps::ask_because(&dana, "billing-refund", "1h", "reason-in-no-metric").await;
    let grant = steps::granted(&server, &dana, "billing-read", "1h").await;
    let token = steps::token(&server, &dana, &grant).await;
    assert!(steps::is_active(&server, "billing-api", &token).await);
    server.advance(7);

    let before = get(&server, "/metrics").await;
    assert_eq!(before.header("content-type"), "text/plain; version=0.0.4; charset=utf-8");
    assert_eq!(promtool(&before.text), "");
    let type_of = |name: &str| {
        let line = before.text.lines().find_map(|l| l.strip_prefix(&format!("# TYPE {name} ")));
        line.unwrap_or_else(|| panic!("no {name}")).to_owned()
    };
    for (name, kind) in [
        ("hallpass_revocation_lag_seconds", "histogram"),
        ("hallpass_revocations_overdue", "gauge"),
        ("hallpass_audit_unsealed_events", "gauge"),
        ("hallpass_audit_unsealed_age_seconds", "gauge"),
        ("hallpass_audit_unpublished_age_seconds", "gauge"),
        ("hallpass_outbox_mails", "gauge"),
        ("hallpass_outbox_age_seconds", "gauge"),
        ("hallpass_store_writable", "gauge"),
        ("hallpass_clock_trusted", "gauge"),
        ("hallpass_http_requests_total", "counter"),
        ("hallpass_http_request_duration_seconds", "histogram"),
        ("hallpass_reconciler_failing", "gauge"),
        ("hallpass_target_down", "gauge"),
    ] {
        assert_eq!(type_of(name), kind, "{name}");
    }
    // Nothing has run since: what waits is counted, and how long it waits.
    assert!(value(&before.text, "hallpass_audit_unsealed_events") >= 4.0);
    assert!(value(&before.text, "hallpass_audit_unsealed_age_seconds") >= 7.0);
    assert!(value(&before.text, "hallpass_outbox_mails") >= 3.0);
    assert!(value(&before.text, "hallpass_outbox_age_seconds") >= 7.0);
    assert_eq!(value(&before.text, "hallpass_revocations_overdue"), 0.0);
    assert_eq!(value(&before.text, "hallpass_store_writable"), 1.0);

    server.settle().await;
    let after = get(&server, "/metrics").await.text;
    assert_eq!(promtool(&after), "");
    for name in ["hallpass_audit_unsealed_events", "hallpass_outbox_mails", "hallpass_outbox_age_seconds"] {
        assert_eq!(value(&after, name), 0.0, "{name}");
    }
    // Who does what is in the audit log, and nowhere here.
    for text in [&before.text, &after] {
        for person in cast::PEOPLE {
            assert!(!text.contains(&cast::email(person.key)), "{}", person.key);
        }
        for word in [waiting.as_str(), &grant.id.to_string(), "reason-in-no-metric", "billing-refund"] {
            assert!(!text.contains(word), "{word}");
        }
    }
    server.stop().await;
}
