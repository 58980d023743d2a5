//! Accounts at targets that are not as our records say: told once, shown, and never touched without a right to.
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_tests::browserless::Browser;
use hallpass_tests::database::{self, Backend};
use hallpass_tests::pg::Cluster;
use hallpass_tests::server::{Setup, TestServer};
use hallpass_tests::wait::eventually;
use serde_json::{Value, json};

use crate::steps;

on_all!(one_removed_by_hand_is_recorded_as_gone, comparing_beside_issuing_and_ending_finds_nothing);
mod one_server {
    use super::*;
    // Each server says on its pages when it has compared itself.
    on_both!(an_account_that_no_record_knows_waits_for_a_yes, what_was_changed_at_the_target_is_told_once);
}

async fn server(backend: Backend) -> (TestServer, &'static Cluster) {
    let cluster = database::target().await;
    let targets = vec![("orders-db".to_owned(), cluster)];
    (TestServer::with(Setup { real_time: true, targets, ..Setup::on(backend) }).await, cluster)
}

pub(crate) async fn compare(server: &TestServer) {
    assert_eq!(server.broker().step_compare_targets().await.error, None);
}

async fn events(server: &TestServer, kind: &str) -> usize {
    let filter = AuditFilter { kind: Some(kind.to_owned()), ..AuditFilter::default() };
    server.broker().store.events(&filter, None, 100).await.unwrap().len()
}

pub(crate) async fn exists(cluster: &Cluster, name: &str) -> bool {
    let superuser = cluster.superuser("postgres").await;
    !superuser.query("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&name]).await.unwrap().is_empty()
}

/// A login of a new grant: its name, and the grant.
pub(crate) async fn login(server: &TestServer, holder: &Browser, role: &str, time: &str) -> (String, String) {
    let grant = steps::granted(server, holder, role, time).await.id.to_string();
    let api = server.api_with(holder).await;
    let issued = api.post(&format!("/grants/{grant}/credentials"), json!({})).await.ok(201);
    server.secrets.plant("a login's password", issued["password"].as_str().unwrap());
    (issued["user"].as_str().unwrap().to_owned(), grant)
}

/// Ends a grant, and waits for it.
pub(crate) async fn end(server: &TestServer, holder: &Browser, grant: &str) {
    let api = server.api_with(holder).await;
    api.post(&format!("/grants/{grant}/end"), json!({})).await.ok(200);
    over(server, holder, grant).await;
}

/// Waits until everything of a grant is proven gone.
pub(crate) async fn over(server: &TestServer, holder: &Browser, grant: &str) {
    let api = server.api_with(holder).await;
    eventually("it is over", || async {
        (api.get(&format!("/grants/{grant}")).await.ok(200)["state"] == "ended").then_some(())
    })
    .await;
}

/// Mails about differences, by recipient.
async fn told(server: &TestServer) -> Vec<String> {
    eventually("every mail is sent", || async {
        (server.broker().store.outbox_age().await.unwrap().1 == 0).then_some(())
    })
    .await;
    server.mailbox.recipients("not as our records say")
}

async fn an_account_that_no_record_knows_waits_for_a_yes(backend: Backend) {
    let (server, cluster) = server(backend).await;
    let ada = server.sign_in("ada").await;
    let api = server.api_with(&ada).await;
    let words = ada.get("/reports").await.expect(200).words();
    assert!(words.contains("Not compared yet"), "{words}");
    compare(&server).await;
    let words = ada.get("/reports").await.expect(200).words();
    assert!(words.contains("The same since"), "{words}");

    // What a restored backup leaves behind: our mark, and no row. Beside it another installation's account, and one of
    // the same shape without a mark, in the same group.
    let instance = server.broker().settings.instance.clone();
    // An id that tells no time: one that is newer than all that the server knows would show a restored backup.
    let id = uuid::Uuid::new_v4();
    let ours = format!("hp_{instance}_unknown{}", &id.simple().to_string()[20..]);
    let (theirs, unmarked) = (format!("{ours}_b"), format!("{ours}_c"));
    let made = r#"{"not_after":"2099-01-01T00:00:00Z","limit":5,"groups":["orders_read"]}"#;
    let superuser = cluster.superuser("postgres").await;
    superuser
        .batch_execute(&format!(
            "CREATE ROLE {ours} LOGIN CONNECTION LIMIT 5 PASSWORD 'Unknown1' VALID UNTIL '2099-01-01' IN ROLE orders_read;
             COMMENT ON ROLE {ours} IS 'hallpass:v1:{instance}:{id}:{made}';
             CREATE ROLE {theirs} LOGIN PASSWORD 'Unknown1' IN ROLE orders_read;
             COMMENT ON ROLE {theirs} IS 'hallpass:v1:x{instance}:{id}:{made}';
             CREATE ROLE {unmarked} LOGIN PASSWORD 'Unknown1' IN ROLE orders_read"
        ))
        .await
        .unwrap();
    let session = cluster.connect(&ours, "Unknown1", "orders").await.expect("it logs in");
    let bystander = cluster.connect(&theirs, "Unknown1", "orders").await.expect("it logs in");
    for _ in 0..3 {
        compare(&server).await;
    }
    let found = api.get("/admin/findings").await.ok(200);
    let items = found["items"].as_array().unwrap().clone();
    assert_eq!(items.len(), 1, "{found}");
    assert_eq!((&items[0]["account"], &items[0]["kind"]), (&json!(ours), &json!("unknown")));
    assert_eq!(events(&server, "account.unknown").await, 1, "told once");
    assert_eq!(told(&server).await, ["ada", "ana"], "administrators and the target's owners, once");
    let mail = server.mailbox.newest("ana", "not as our records say");
    let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    for words in
        [ours.as_str(), "member of orders_read", "Hallpass leaves it alone", "/reports#findings", "UTC)"]
    {
        assert!(text.contains(words), "no {words} in: {text}");
    }
    assert!(session.simple_query("SELECT 1").await.is_ok(), "it is left alone");

    // Only an administrator says that it goes; with the form of his own session.
    let path = format!("/admin/findings/{}/remove", items[0]["id"].as_str().unwrap());
    server.api("otto").await.post(&path, json!({})).await.refused(403, "duty_needed");
    server.api("dana").await.post(&path, json!({})).await.refused(404, "not_found");
    let form = format!("/reports/findings/{}/remove", items[0]["id"].as_str().unwrap());
    let page = ada.get("/reports").await.expect(200);
    assert!(
        page.words().contains("1 account differs") && page.words().contains("no record of ours knows it")
    );
    assert_eq!(ada.post(&form, &[("csrf", "wrong")]).await.status, 403);
    assert!(exists(cluster, &ours).await);
    let _ = ada.submit(&page.form(&form)).await.expect(200);
    api.post(&path, json!({})).await.ok(200);
    assert_eq!(events(&server, "account.removal_confirmed").await, 1, "a second yes adds nothing");
    eventually("it is proven gone", || async {
        let left = api.get("/admin/findings").await.ok(200);
        left["items"].as_array().unwrap().is_empty().then_some(())
    })
    .await;
    assert!(!exists(cluster, &ours).await);
    assert!(session.simple_query("SELECT 1").await.is_err(), "its session is ended");
    assert_eq!(events(&server, "account.removed").await, 1);

    // What is not ours is as it was: account, session, membership.
    assert!(bystander.simple_query("SELECT 1").await.is_ok());
    for name in [&theirs, &unmarked] {
        let member: bool = superuser
            .query_one("SELECT pg_has_role($1, 'orders_read', 'MEMBER')", &[name])
            .await
            .unwrap()
            .get(0);
        assert!(member, "{name}");
        superuser.batch_execute(&format!("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{name}'; DROP ROLE {name}")).await.unwrap();
    }
    compare(&server).await;
    assert!(ada.get("/reports").await.expect(200).words().contains("The same since"));
    server.stop_without_mail().await;
}

async fn what_was_changed_at_the_target_is_told_once(backend: Backend) {
    let (server, cluster) = server(backend).await;
    let dana = server.sign_in("dana").await;
    let (login, grant) = login(&server, &dana, "orders-db-read", "1h").await;
    let superuser = cluster.superuser("postgres").await;
    superuser.batch_execute(&format!("ALTER ROLE {login} VALID UNTIL 'infinity'")).await.unwrap();
    for _ in 0..3 {
        compare(&server).await;
    }
    assert_eq!((events(&server, "credential.changed").await, told(&server).await.len()), (1, 2));
    superuser.batch_execute(&format!("ALTER ROLE {login} CREATEDB")).await.unwrap();
    for _ in 0..2 {
        compare(&server).await;
    }
    assert_eq!(
        (events(&server, "credential.changed").await, told(&server).await.len()),
        (2, 4),
        "once per change"
    );
    let ada = server.sign_in("ada").await;
    let words = ada.get("/reports").await.expect(200).words();
    for said in ["Has CREATEDB", "May log in for longer", "1 account differs"] {
        assert!(words.contains(said), "{said}: {words}");
    }
    let until = "2026-01-01";
    superuser.batch_execute(&format!("ALTER ROLE {login} NOCREATEDB VALID UNTIL '{until}'")).await.unwrap();
    compare(&server).await;
    assert_eq!(events(&server, "account.finding_closed").await, 1);
    assert!(ada.get("/reports").await.expect(200).words().contains("The same since"));
    end(&server, &dana, &grant).await;
    server.stop_without_mail().await;
}

async fn one_removed_by_hand_is_recorded_as_gone(backend: Backend) {
    let (server, cluster) = server(backend).await;
    let dana = server.sign_in("dana").await;
    let (login, grant) = login(&server, &dana, "orders-db-read", "1h").await;
    cluster.superuser("postgres").await.batch_execute(&format!("DROP ROLE {login}")).await.unwrap();
    compare(&server).await;
    assert_eq!((events(&server, "credential.missing").await, told(&server).await.len()), (1, 2));
    let api = server.api_with(&dana).await;
    eventually("it is recorded as revoked", || async {
        let shown: Value = api.get(&format!("/grants/{grant}")).await.ok(200);
        (shown["credentials"][0]["state"] == "revoked").then_some(())
    })
    .await;
    compare(&server).await;
    assert_eq!(server.broker().store.open_findings(10).await.unwrap(), vec![]);
    end(&server, &dana, &grant).await;
    server.stop_without_mail().await;
}

/// Accounts come and go while the target is compared: nothing is said of them, and nothing is taken for lost.
async fn comparing_beside_issuing_and_ending_finds_nothing(backend: Backend) {
    let (server, _) = server(backend).await;
    let dana = server.sign_in("dana").await;
    let done = std::sync::atomic::AtomicBool::new(false);
    let comparing = async {
        let mut rounds = 0;
        while !done.load(std::sync::atomic::Ordering::Relaxed) {
            compare(&server).await;
            rounds += 1;
        }
        rounds
    };
    let working = async {
        for _ in 0..3 {
            let (_, grant) = login(&server, &dana, "orders-db-read", "4s").await;
            over(&server, &dana, &grant).await;
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
    };
    let (rounds, ()) = tokio::join!(comparing, working);
    assert!(rounds > 4, "{rounds}");
    for kind in ["credential.reappeared", "credential.missing", "credential.changed", "account.unknown"] {
        assert_eq!(events(&server, kind).await, 0, "{kind}");
    }
    server.stop_without_mail().await;
}
