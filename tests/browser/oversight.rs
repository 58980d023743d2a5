//! The auditor's and administrator's pages: filters on the server, objects of the catalogue, reports.
use hallpass_tests::database::{self, Backend};
use hallpass_tests::server::{Setup, TestServer};
use hallpass_tests::webdriver::By;

use crate::steps;
use crate::window::Window;

with_and_without_script!(
    audit_filters,
    objects_and_reports,
    a_standing_role_is_stopped_and_lifted,
    an_account_nobody_knows_is_removed
);

/// Actions of the events on the page.
async fn actions(window: &Window) -> Vec<String> {
    let found = window
        .run("return [...document.querySelectorAll('.events .action')].map((e) => e.textContent)")
        .await;
    found.as_array().into_iter().flatten().filter_map(|a| a.as_str().map(str::to_owned)).collect()
}

async fn audit_filters(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    for role in ["billing-read", "reports-read"] {
        let reference = steps::ask(&dana, role, "30m").await;
        steps::decide(&ana, &reference, "approve", &[]).await;
        server.advance(60);
    }
    server.settle().await;
    let window = Window::new(&server.base_url, script).await;
    window.open("/audit").await;
    steps::go_in(&server, &window, "otto").await;
    window.expect_heading("Audit log").await;
    let all = actions(&window).await;
    assert!(all.len() > 10, "{all:?}");

    // Whoever did it has a name: people by theirs, Hallpass by what it was.
    window.expect_words("Hallpass, mail delivery").await;
    let names =
        window.run("return [...document.querySelectorAll('.about strong')].map((e) => e.textContent)").await;
    let raw = names.as_array().into_iter().flatten().filter_map(|n| n.as_str()).any(|n| n.contains(':'));
    assert!(!raw, "{names}");
    window.fill("Who", "mail delivery").await;
    window.press("Show").await;
    assert!(actions(&window).await.iter().all(|a| a.starts_with("mail.")));
    window.fill("Who", "Ana Ruiz").await;
    window.choose("What", "requests").await;
    window.press("Show").await;
    assert_eq!(actions(&window).await, ["request.approved", "request.approved"]);
    assert_eq!(window.value("Who").await, "Ana Ruiz");
    window.look_with_script("audit-filtered").await;

    // An event opens to its whole, and leads to everything about its object.
    window.click_css(".events summary").await;
    window.expect_words("\"kind\": \"request.approved\"").await;
    window.press("All about").await;
    window.expect_words("Dana Kim").await;

    window.open("/audit?actor=nobody%20at%20all").await;
    window.expect_mistake("").await;
    window.press("Clear").await;
    window.fill("About", "R-2222222222").await;
    window.press("Show").await;
    assert!(actions(&window).await.is_empty());
    window.look_with_script("audit-nothing").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}

async fn objects_and_reports(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let window = Window::new(&server.base_url, script).await;
    steps::sign_in(&server, &window, "ada").await;
    for (page, row) in [
        ("Targets", "billing-api"),
        ("Roles", "billing-refund"),
        ("Workflows", "oncall-then-security"),
        ("Groups", "db-oncall"),
        ("People", "Dana Kim"),
        ("Workloads", "nightly-report"),
    ] {
        window.click("Oversight").await;
        window.press_css(&format!(".menus a[href='/catalogue/{}']", page.to_lowercase())).await;
        window.expect_heading(page).await;
        window.expect_words(row).await;
        window.fill("Search", "no such thing").await;
        window.press("Search").await;
        window.expect_words("Nothing fits “no such thing”").await;
        window.fill("Search", row).await;
        window.press("Search").await;
        window.expect_words(row).await;
        let rows = window.driver.all(By::Css("tbody tr, main .rows > li, main article")).await.expect("rows");
        assert_eq!(rows.len(), 1, "{page}: {}", window.words().await);
    }
    window.click("Oversight").await;
    window.press("Reports").await;
    window.expect_heading("Reports").await;
    window.expect_words("Nothing is overdue.").await;
    // Those who have no part in it see no menu, and no page.
    steps::leave(&window).await;
    steps::sign_in(&server, &window, "dana").await;
    assert!(!window.offers("Oversight").await);
    for path in ["/audit", "/reports", "/catalogue/people"] {
        window.open(path).await;
        window.expect_words("404").await;
    }
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}

async fn a_standing_role_is_stopped_and_lifted(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let fields = [("grant_type", "client_credentials"), ("scope", "status-read")];
    let basic = Some(("nightly-report", server.secret("nightly-report")));
    let token = server.nobody().oauth("token", basic, &fields).await.ok(200);
    server.secrets.plant("a standing token", token["access_token"].as_str().unwrap());
    let grants = server.api("ada").await.get("/grants?view=all").await.ok(200);
    let grant = grants["items"][0]["id"].as_str().unwrap().to_owned();
    let window = Window::new(&server.base_url, script).await;
    steps::sign_in(&server, &window, "ada").await;
    window.open(&format!("/grants/{grant}")).await;
    window.fill("Reason", "it was broken into").await;
    window.press("Revoke").await;
    window.expect_words("does not get this role any more").await;
    window.expect_words_sooner_or_later("Let it have the role again").await;
    window.look_with_script("standing-stopped").await;
    window.press("Let it have the role again").await;
    assert!(!window.says("does not get this role any more").await);
    window.look_with_script("standing-lifted").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}

async fn an_account_nobody_knows_is_removed(script: bool) {
    let cluster = database::target().await;
    let targets = vec![("orders-db".to_owned(), cluster)];
    let server = TestServer::with(Setup { real_time: true, targets, ..Setup::on(Backend::Sqlite) }).await;
    let instance = server.broker().settings.instance.clone();
    let id = uuid::Uuid::new_v4();
    let rogue = format!("hp_{instance}_rogue{}", &id.simple().to_string()[20..]);
    let made = r#"{"not_after":"2099-01-01T00:00:00Z","limit":5,"groups":["orders_read"]}"#;
    let superuser = cluster.superuser("postgres").await;
    let sql = format!(
        "CREATE ROLE {rogue} LOGIN CONNECTION LIMIT 5 PASSWORD 'Rogue1' VALID UNTIL '2099-01-01' IN ROLE orders_read;
         COMMENT ON ROLE {rogue} IS 'hallpass:v1:{instance}:{id}:{made}'"
    );
    superuser.batch_execute(&sql).await.unwrap();
    assert_eq!(server.broker().step_compare_targets().await.error, None);
    let window = Window::new(&server.base_url, script).await;
    steps::sign_in(&server, &window, "ada").await;
    window.open("/reports").await;
    window.expect_words(&rogue).await;
    window.expect_words("It is left alone until an administrator says that it goes.").await;
    window.expect_words("Member of orders_read").await;
    window.look_with_script("reports-rogue-account").await;
    window.press("Remove it").await;
    window.expect_words("It is being removed").await;
    hallpass_tests::wait::eventually("it is gone", || async {
        let found = superuser.query("SELECT 1 FROM pg_roles WHERE rolname = $1", &[&rogue]).await.unwrap();
        found.is_empty().then_some(())
    })
    .await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
