//! `hallpass admin` beyond the catalogue file: client secrets, targets, and accounts that no record knows.
use hallpass_tests::command::Shell;
use hallpass_tests::database::{self, Backend};
use hallpass_tests::wait::eventually;

use super::{server, shell, stop, workload};

on_all!(
    a_client_gets_a_new_secret,
    a_target_is_tried,
    an_account_that_no_record_knows_is_found_and_removed,
    objects_of_the_catalogue,
);

async fn a_client_gets_a_new_secret(backend: Backend) {
    let server = server(backend).await;
    let (ada, before) = (shell(&server, "ada").await, workload(&server, "nightly-report"));
    let _ = before.run(&["whoami"]).await.expect(0);

    // There is a place for it before it is made.
    let file = ada.file("a-file", "");
    let refused =
        ada.run(&["admin", "rotate-secret", "nightly-report", "--secrets-dir", &file]).await.fails(2);
    assert!(refused.said().contains("nothing was changed"), "{}", refused.said());
    let _ = before.run(&["whoami"]).await.expect(0);

    let folder = ada.folder().join("secrets");
    let rotate = ["admin", "rotate-secret", "nightly-report", "--secrets-dir", &folder.display().to_string()];
    let rotated = ada.run(&rotate).await.expect(0);
    assert!(rotated.out.is_empty() && rotated.said().contains("readable only by you"), "{rotated:?}");
    let file = folder.join("nightly-report");
    server.secrets.plant("a new client secret", std::fs::read_to_string(&file).unwrap().trim());
    let dead = before.run(&["whoami"]).await.fails(4);
    assert!(dead.said().contains("HALLPASS_CLIENT_SECRET_FILE"), "{}", dead.said());
    let after = Shell::new(&server.base_url)
        .with("HALLPASS_CLIENT_ID", "nightly-report")
        .with("HALLPASS_CLIENT_SECRET_FILE", &file.display().to_string());
    assert_eq!(after.run(&["whoami", "--field", "id"]).await.expect(0).out.lines().count(), 1);

    // Again, for a script: on standard output, once.
    let shown = ada.run(&["admin", "rotate-secret", "nightly-report", "--json"]).await.expect(0).json();
    let secret = shown["client_secret"].as_str().unwrap();
    server.secrets.plant("a newer client secret", secret);
    let _ = after.run(&["whoami"]).await.fails(4);
    std::fs::write(&file, secret).unwrap();
    let _ = after.run(&["whoami"]).await.expect(0);

    // For administrators, and for clients that have one.
    let rotate = ["admin", "rotate-secret", "nightly-report"];
    let _ = shell(&server, "otto").await.run(&rotate).await.fails(5);
    let _ = shell(&server, "dana").await.run(&rotate).await.fails(7);
    let _ = ada.run(&["admin", "rotate-secret", "no-such-client"]).await.fails(7);
    let public = ada.run(&["admin", "rotate-secret", "hallpass-cli"]).await.fails(1);
    assert!(public.said().contains("public client"), "{}", public.said());
    let told =
        ada.run(&["audit", "search", "--kind", "client.secret_rotated", "--json"]).await.expect(0).json();
    assert_eq!(told["items"].as_array().unwrap().len(), 2, "{told}");
    for shell in [&ada, &before, &after] {
        shell.assert_discreet(&server.secrets);
    }
    stop(server).await;
}

async fn a_target_is_tried(backend: Backend) {
    let spare = database::spare_target().await;
    let server = super::server_with(backend, vec![("spare-db".to_owned(), spare)]).await;
    let ada = shell(&server, "ada").await;
    let check = ["admin", "check", "spare-db"];
    let fit = ada.run(&check).await.expect(0);
    assert!(fit.out.contains("spare-db was tried with a throw-away login to orders: fit"), "{}", fit.out);
    assert_eq!(ada.run(&[&check[..], &["--field", "outcome"]].concat()).await.expect(0).out, "fit\n");

    // What is wrong there, and what to do: for people to read, and an exit code for scripts.
    let superuser = spare.superuser("postgres").await;
    superuser.batch_execute("REVOKE pg_signal_backend FROM hallpass_admin").await.unwrap();
    let unfit = ada.run(&check).await.expect(9);
    assert!(unfit.out.contains("NOT fit") && unfit.out.contains("GRANT pg_signal_backend"), "{}", unfit.out);
    assert!(unfit.said().contains("The target spare-db is not fit"), "{}", unfit.said());
    superuser.batch_execute("GRANT pg_signal_backend TO hallpass_admin").await.unwrap();
    drop(superuser);

    for (who, code) in [("otto", 5), ("dana", 7)] {
        let _ = shell(&server, who).await.run(&check).await.fails(code);
    }
    let _ = ada.run(&["admin", "check", "nowhere"]).await.fails(7);
    eventually("the throw-away accounts are proven gone", || async {
        let _ = server.broker().step_finish_checks().await;
        server.broker().store.open_checks(100).await.unwrap().is_empty().then_some(())
    })
    .await;
    // A target that does not answer is no verdict on it.
    tokio::task::spawn_blocking(|| spare.stop()).await.unwrap();
    let gone = ada.run(&check).await.expect(9);
    assert!(gone.out.contains("does not answer, so it was not tried"), "{}", gone.out);
    assert!(gone.said().contains("The target spare-db does not answer"), "{}", gone.said());
    tokio::task::spawn_blocking(|| spare.start_again()).await.unwrap();
    eventually("what may have landed is proven gone", || async {
        let _ = server.broker().step_finish_checks().await;
        server.broker().store.open_checks(100).await.unwrap().is_empty().then_some(())
    })
    .await;
    server.stop_without_mail().await;
}

async fn an_account_that_no_record_knows_is_found_and_removed(backend: Backend) {
    let server = server(backend).await;
    let cluster = database::target().await;
    let (ada, otto) = (shell(&server, "ada").await, shell(&server, "otto").await);
    assert_eq!(ada.run(&["admin", "findings", "--format", "plain"]).await.expect(0).out, "");

    // An id that tells no time: one that is newer than all that the server knows would show a restored backup.
    let (instance, id) = (server.broker().settings.instance.clone(), uuid::Uuid::new_v4());
    let account = format!("hp_{instance}_command{}", &id.simple().to_string()[20..]);
    let made = r#"{"not_after":"2099-01-01T00:00:00Z","limit":5,"groups":["orders_read"]}"#;
    let superuser = cluster.superuser("postgres").await;
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {account} LOGIN CONNECTION LIMIT 5 PASSWORD 'Unknown1' VALID UNTIL '2099-01-01' IN ROLE orders_read;
             COMMENT ON ROLE {account} IS 'hallpass:v1:{instance}:{id}:{made}'"
        ))
        .await
        .unwrap();
    let finding = eventually("it is found", || async {
        let _ = server.broker().step_compare_targets().await;
        let found = otto.run(&["admin", "findings", "--json"]).await.expect(0).json();
        found["items"].as_array().unwrap().iter().find(|f| f["account"] == account.as_str()).cloned()
    })
    .await;
    let table = ada.run(&["admin", "findings"]).await.expect(0).out;
    for part in ["ACCOUNT", "FINDING", account.as_str(), "orders-db", "unknown"] {
        assert!(table.contains(part), "{part}: {table}");
    }
    // Looking is an auditor's, too; saying yes is an administrator's.
    let remove = ["admin", "remove-account", finding["id"].as_str().unwrap()];
    let _ = otto.run(&remove).await.fails(5);
    let _ = shell(&server, "dana").await.run(&["admin", "findings"]).await.fails(7);
    let _ = ada.run(&["admin", "remove-account", "00000000-0000-7000-8000-000000000000"]).await.fails(7);
    let said = ada.run(&remove).await.expect(0).out;
    assert!(said.contains(&format!("{account} at orders-db is being removed")), "{said}");
    eventually("it is proven gone", || async {
        let left = ada.run(&["admin", "findings", "--format", "plain"]).await.expect(0);
        left.out.is_empty().then_some(())
    })
    .await;
    let there = superuser.query("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&account]).await.unwrap();
    assert!(there.is_empty(), "at the target, too");
    stop(server).await;
}

/// Each noun that the API has, with what tells its objects apart.
async fn objects_of_the_catalogue(backend: Backend) {
    let server = server(backend).await;
    let otto = shell(&server, "otto").await;
    for (noun, parts) in [
        ("targets", &["NAME", "ADDRESS", "billing-api", "https://billing.hall.test", "introspect"][..]),
        ("roles", &["NAME", "ELIGIBLE", "WORKFLOW", "billing-refund", "developers", "high", "2 h"]),
        ("workflows", &["two-of-any"]),
        ("groups", &["db-oncall", "Database on-call", "olga@hall.test"]),
        ("people", &["ada@hall.test", "administrator"]),
        ("workloads", &["nightly-report", "sam@hall.test"]),
    ] {
        let table = otto.run(&["admin", "get", noun]).await.expect(0).out;
        for part in parts {
            assert!(table.contains(part), "{noun}: {part}: {table}");
        }
        let _ = shell(&server, "eve").await.run(&["admin", "get", noun]).await.fails(7);
    }
    let found = otto.run(&["admin", "get", "roles", "refund", "--json"]).await.expect(0).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1, "{found}");
    assert_eq!(found["items"][0]["longest"]["seconds"], 7_200);
    stop(server).await;
}
