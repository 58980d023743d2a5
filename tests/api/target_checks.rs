//! Targets are tried with a throw-away account before the catalogue relies on them.
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::caller::{Answer, Caller};
use hallpass_tests::cast;
use hallpass_tests::database::{self, Backend};
use hallpass_tests::pg::Cluster;
use hallpass_tests::server::{Setup, TestServer};
use hallpass_tests::wait::eventually_within;
use serde_json::{Value, json};

on_all!(a_new_target_is_tried_and_an_unfit_one_refused, one_that_does_not_answer);

async fn apply(api: &Caller, toml: &str, apply: bool) -> Answer {
    api.post("/admin/catalogue", json!({ "toml": toml, "apply": apply })).await
}

fn messages(refused: &Answer) -> String {
    let errors = refused.json["errors"].as_array().unwrap();
    errors.iter().map(|e| e["message"].as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn outcome(diff: &Value) -> &str {
    diff["checks"][0]["outcome"].as_str().unwrap_or("none")
}

async fn events(server: &TestServer, kind: &str) -> usize {
    let filter = AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() };
    server.broker().store.events(&filter, None, 100).await.unwrap().len()
}

/// Accounts of any Hallpass at the cluster.
async fn accounts(cluster: &Cluster) -> i64 {
    let superuser = cluster.superuser("postgres").await;
    superuser
        .query_one("SELECT count(*) FROM pg_roles WHERE rolname LIKE 'hp\\_%'", &[])
        .await
        .unwrap()
        .get(0)
}

async fn a_new_target_is_tried_and_an_unfit_one_refused(backend: Backend) {
    let spare = database::spare_target().await;
    let server = TestServer::with(Setup { real_time: true, ..Setup::on(backend) }).await;
    let ada = server.api("ada").await;
    let with = cast::catalogue(&[("spare-db".to_owned(), spare.port())]);
    let superuser = spare.superuser("postgres").await;

    // A look says what would be tried, and touches nothing.
    let shown = apply(&ada, &with, false).await.ok(200);
    assert_eq!(outcome(&shown), "would_try");
    assert_eq!(shown["checks"][0]["databases"], json!(["orders"]));
    assert_eq!((events(&server, "target.check_begun").await, accounts(spare).await), (0, 0));

    // Two things are wrong: both are told, with what to do, at the target's place in the file; nothing is applied.
    superuser
        .batch_execute("REVOKE pg_signal_backend FROM hallpass_admin; ALTER ROLE hallpass_quarantine LOGIN")
        .await
        .unwrap();
    let refused = apply(&ada, &with, true).await;
    assert_eq!((refused.status, refused.code()), (422, "catalogue_invalid"), "{}", refused.text);
    let said = messages(&refused);
    assert!(said.contains("GRANT pg_signal_backend") && said.contains("plain NOLOGIN role"), "{said}");
    let line = usize::try_from(refused.json["errors"][0]["line"].as_u64().unwrap()).unwrap();
    assert!(with.lines().nth(line - 1).unwrap().starts_with("host = "), "line {line}");
    ada.get("/roles/spare-db-read").await.refused(404, "not_found");

    // What the role needs is missing at the target.
    superuser
        .batch_execute("GRANT pg_signal_backend TO hallpass_admin; ALTER ROLE hallpass_quarantine NOLOGIN; ALTER ROLE orders_read RENAME TO other")
        .await
        .unwrap();
    let said = messages(&apply(&ada, &with, true).await);
    assert!(said.contains("no group role orders_read"), "{said}");

    // Mended, it is tried with a throw-away account that has its record ahead of it, and applied.
    superuser.batch_execute("ALTER ROLE other RENAME TO orders_read").await.unwrap();
    let applied = apply(&ada, &with, true).await.ok(200);
    assert_eq!((outcome(&applied), applied["applied"].as_bool()), ("fit", Some(true)));
    assert!(applied["checks"][0]["version"].as_str().is_some_and(|v| !v.is_empty()));
    assert_eq!(accounts(spare).await, 0, "nothing of it is left");
    assert_eq!(
        (events(&server, "target.check_begun").await, events(&server, "target.checked").await),
        (3, 3)
    );
    // Unchanged, it is not tried again; changed, it is.
    assert_eq!(outcome(&apply(&ada, &with, true).await.ok(200)), "none");
    let slower = with.replace(
        "admin_user = \"hallpass_admin\"",
        "admin_user = \"hallpass_admin\"\nstatement_timeout_ms = 4000",
    );
    assert_eq!(outcome(&apply(&ada, &slower, true).await.ok(200)), "fit");

    // Again at will, by an administrator and nobody else.
    let path = "/admin/catalogue/targets/spare-db/check";
    assert_eq!(ada.post(path, json!({})).await.ok(200)["outcome"], "fit");
    superuser.batch_execute("REVOKE pg_signal_backend FROM hallpass_admin").await.unwrap();
    let unfit = ada.post(path, json!({})).await.ok(200);
    assert_eq!(unfit["outcome"], "unfit");
    superuser.batch_execute("GRANT pg_signal_backend TO hallpass_admin").await.unwrap();
    server.api("otto").await.post(path, json!({})).await.refused(403, "duty_needed");
    server.api("dana").await.post(path, json!({})).await.refused(404, "not_found");
    ada.post("/admin/catalogue/targets/nowhere/check", json!({})).await.refused(404, "not_found");
    let ada_page = server.sign_in("ada").await;
    let words = ada_page.get("/reports").await.expect(200).words();
    assert!(words.contains("NOT fit") && words.contains("GRANT pg_signal_backend"), "{words}");

    // Each account is proven gone, once nothing of it can land any more.
    eventually_within(
        std::time::Duration::from_secs(60),
        "the throw-away accounts are proven gone",
        || async {
            let _ = server.broker().step_finish_checks().await;
            server.broker().store.open_checks(100).await.unwrap().is_empty().then_some(())
        },
    )
    .await;
    assert_eq!(events(&server, "target.check_gone").await, events(&server, "target.check_begun").await);
    let dead = format!("{}\n", cast::catalogue(&[]));
    apply(&ada, &dead, true).await.ok(200);
    server.stop_without_mail().await;
}

/// New, it must answer; known at that address, an outage keeps nobody from changing other things.
async fn one_that_does_not_answer(backend: Backend) {
    let spare = database::spare_target().await;
    let server = TestServer::with(Setup {
        real_time: true,
        targets: vec![("spare-db".to_owned(), spare)],
        ..Setup::on(backend)
    })
    .await;
    let ada = server.api("ada").await;
    let good = server.catalogue_text();
    tokio::task::spawn_blocking(|| spare.stop()).await.unwrap();
    let slower = good.replace(
        "admin_user = \"hallpass_admin\"",
        "admin_user = \"hallpass_admin\"\nstatement_timeout_ms = 4000",
    );
    let applied = apply(&ada, &slower, true).await.ok(200);
    assert_eq!(outcome(&applied), "unreachable");
    assert!(applied["warnings"][0].as_str().unwrap().contains("hallpass admin check spare-db"), "{applied}");

    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let moved = slower.replace(&format!("port = {}", spare.port()), &format!("port = {port}"));
    let said = messages(&apply(&ada, &moved, true).await);
    assert!(said.contains("does not answer") && said.contains("disabled = true"), "{said}");
    let disabled = moved.replace("name = \"spare-db\"\n", "name = \"spare-db\"\ndisabled = true\n");
    let applied = apply(&ada, &disabled, true).await.ok(200);
    assert_eq!(outcome(&applied), "none");
    apply(&ada, &moved, true).await.refused(422, "catalogue_invalid");
    tokio::task::spawn_blocking(|| spare.start_again()).await.unwrap();
    apply(&ada, &slower, true).await.ok(200);
    eventually_within(
        std::time::Duration::from_secs(60),
        "the throw-away accounts are proven gone",
        || async {
            let _ = server.broker().step_finish_checks().await;
            server.broker().store.open_checks(100).await.unwrap().is_empty().then_some(())
        },
    )
    .await;
    server.stop_without_mail().await;
}
