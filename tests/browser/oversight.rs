//! The auditor's and administrator's pages: filters on the server, objects of the catalogue, reports.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use hallpass_tests::webdriver::By;

use crate::steps;
use crate::window::Window;

with_and_without_script!(audit_filters, objects_and_reports);

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
