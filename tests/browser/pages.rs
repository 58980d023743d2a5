//! Every page of the route table, looked at: a route without a row here fails.
use std::collections::BTreeSet;

use hallpass_http::middleware::Area;
use hallpass_http::routes::ROUTES;

use crate::demo::Demo;
use crate::steps;
use crate::window::Window;

/// Pages of the route table that are looked at elsewhere, with the place; else where this test finds them: pattern, who,
/// path with what stands for ids, name.
const PAGES: &[(&str, &str, &str, &str)] = &[
    ("/sign-in", "", "sign_in.rs", ""),
    ("/sign-in/second-factor", "", "sign_in.rs", ""),
    ("/first-run", "", "first_run.rs", ""),
    ("/", "ana", "/", "start-of-an-approver"),
    ("/catalogue", "dana", "/catalogue", "catalogue"),
    ("/request", "dana", "/request?role=billing-read", "request-form"),
    ("/requests", "dana", "/requests", "requests"),
    ("/requests/{reference}", "dana", "/requests/{pending}", "request"),
    ("/access", "dana", "/access", "access"),
    ("/grants/{id}", "ana", "{grant}", "grant-of-another"),
    ("/grants/{id}/receipt", "dana", "{grant}/receipt", "receipt-active"),
    ("/grants/{id}/receipt.json", "", "story.rs", ""),
    ("/credentials/{id}/watch", "", "story.rs", ""),
    ("/device", "dana", "/device", "device"),
    ("/inbox", "cleo", "/inbox", "inbox"),
    ("/inbox", "ana", "/inbox?tab=history", "inbox-history"),
    ("/r/{reference}", "cleo", "/r/{pending}", "decide-high"),
    ("/account", "ana", "/account", "account"),
    ("/account/totp", "ana", "/account/totp", "totp-replace"),
    ("/account/totp/remove", "ana", "/account/totp/remove", "totp-remove"),
    ("/audit", "otto", "/audit", "audit"),
    ("/reports", "ada", "/reports", "reports"),
    ("/catalogue/{noun}", "ada", "/catalogue/targets", "targets"),
    ("/catalogue/{noun}", "ada", "/catalogue/roles", "roles"),
    ("/catalogue/{noun}", "ada", "/catalogue/workflows", "workflows"),
    ("/catalogue/{noun}", "ada", "/catalogue/groups", "groups"),
    ("/catalogue/{noun}", "ada", "/catalogue/people", "people"),
    ("/catalogue/{noun}", "ada", "/catalogue/workloads", "workloads"),
    ("/demo", "dana", "/demo", "demo"),
    ("/demo/mail", "dana", "/demo/mail", "mail-list"),
    ("/demo/mail/{id}", "", "story.rs", ""),
    ("/demo/mail/{id}/html", "ana", "{mail}/html", "mail-html"),
];

#[test]
fn every_page_is_looked_at() {
    let pages = ROUTES.iter().filter(|r| r.method == "GET" && r.area() == Area::Pages).map(|r| r.path);
    let missing: BTreeSet<&str> = pages.filter(|p| !PAGES.iter().any(|(pattern, ..)| pattern == p)).collect();
    assert!(missing.is_empty(), "nobody looks at {missing:?}");
    let gone: Vec<&str> =
        PAGES.iter().map(|p| p.0).filter(|p| !ROUTES.iter().any(|r| r.path == *p)).collect();
    assert!(gone.is_empty(), "there is no {gone:?}");
}

/// Things to see: an active grant, something that waits for one more of two, something over, and mail.
async fn furnish(demo: &Demo) -> Vec<(&'static str, String)> {
    let (dana, sam, ana, bo) = (
        demo.elsewhere("dana").await,
        demo.elsewhere("sam").await,
        demo.elsewhere("ana").await,
        demo.elsewhere("bo").await,
    );
    let denied = steps::ask(&dana, "reports-read", "4h").await;
    steps::decide(&ana, &denied, "deny", &[("comment", "The nightly report has it; take it from there.")])
        .await;
    let active = steps::ask(&dana, "billing-read", "2h").await;
    steps::decide(&ana, &active, "approve", &[("comment", "One hour should do."), ("shorten_to", "3600")])
        .await;
    let page = dana.get(&format!("/requests/{active}")).await;
    let grant = page.links().into_iter().find(|l| l.starts_with("/grants/")).expect("a grant");
    let _ = dana.send(&dana.get(&grant).await.form(&format!("{grant}/credentials"))).await.expect(200);
    let pending = steps::ask(&dana, "billing-refund", "30m").await;
    steps::decide(&bo, &pending, "approve", &[("totp", &demo.totp("bo")), ("comment", "The refund is due.")])
        .await;
    let _ = steps::ask(&sam, "reports-read", "3h").await;
    let _ = steps::ask(&sam, demo.quick(), "2m").await;
    let mails = hallpass_tests::wait::eventually("mail", || async {
        ana.get("/demo/mail?to=ana@demo.test")
            .await
            .links()
            .into_iter()
            .find(|l| l.starts_with("/demo/mail/"))
    });
    vec![("{pending}", pending), ("{grant}", grant), ("{mail}", mails.await)]
}

/// Looks at the pages of some people.
async fn look_at_pages_of(people: &[&str]) {
    let demo = Demo::start().await;
    let ids = furnish(&demo).await;
    let window = Window::new(&demo.base, true).await;
    window.open("/demo").await;
    for key in people {
        demo.act_as(&window, key).await;
        for (_, _, path, name) in PAGES.iter().filter(|p| p.1 == *key) {
            let path = ids.iter().fold((*path).to_owned(), |path, (word, id)| path.replace(word, id));
            window.open(&path).await;
            if path.ends_with("/html") {
                window.leave_sandbox().await;
            }
            window.look(name).await;
        }
        if *key == "dana" {
            the_catalogue_finds(&window).await;
        }
        window.open("/demo").await;
    }
    window.expect_quiet().await;
    drop(window);
    demo.stop().await;
}

/// Search and filter of the catalogue; menus opened.
async fn the_catalogue_finds(window: &Window) {
    window.open("/catalogue").await;
    window.fill("Search", "money").await;
    window.press("Search").await;
    window.expect_words("Found 1").await;
    window.choose("Tier", "low").await;
    window.press("Search").await;
    window.expect_words("No role fits this search").await;
    window.look("catalogue-nothing").await;
    window.click("DK").await;
    window.expect_words("Account security").await;
    window.look("menu-open").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_those_who_ask() {
    look_at_pages_of(&["dana"]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_those_who_decide_and_oversee() {
    look_at_pages_of(&["cleo", "ana", "otto", "ada"]).await;
}
