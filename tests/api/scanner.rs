//! A mail scanner opens every link of every mail and fills every form it finds. Nothing may come of it.
use std::collections::BTreeSet;

use hallpass_tests::browserless::Browser;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::mailbox::links;
use hallpass_tests::server::TestServer;
use reqwest::Method;

use crate::steps;

on_all!(a_scanner_without_a_session_changes_nothing, looking_changes_nothing_whoever_looks);

/// Requests in every state that mails link to, and a grant; answers the mailed links.
async fn busy(server: &TestServer) -> Vec<String> {
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    for role in ["billing-read", "billing-refund", "billing-admin", "billing-audit"] {
        let reference = steps::ask(&dana, role, "1h").await;
        if role == "billing-audit" {
            steps::approve(&ana, &reference).await;
        }
    }
    let granted = steps::granted(server, &dana, "ledger-read", "2h").await;
    steps::token(server, &dana, &granted).await;
    let denied = steps::ask(&dana, "reports-read", "1h").await;
    let _ = steps::decide(&ana, &denied, "deny", &[("comment", "no")]).await.expect(200);
    server.settle().await;
    let mut all = BTreeSet::new();
    for mail in server.mailbox.all() {
        all.extend(links(&mail, &server.base_url));
    }
    assert!(all.len() >= 7, "{all:?}");
    all.into_iter().collect()
}

/// GET and HEAD; the two agree, and HEAD has no body.
async fn look(browser: &Browser, path: &str) -> hallpass_tests::browserless::Page {
    let head = browser.request(Method::HEAD, path, &[], None).await;
    let page = browser.get(path).await;
    assert_eq!((head.status, head.body.as_str()), (page.status, ""), "{path}");
    page
}

async fn a_scanner_without_a_session_changes_nothing(backend: Backend) {
    let server = TestServer::start(backend).await;
    let mut paths = busy(&server).await;
    let before = facts::decided(&server).await;
    let bot = server.browser();
    let (mut seen, mut sent) = (BTreeSet::new(), 0);
    while let Some(path) = paths.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let page = look(&bot, &path).await;
        if page.status == 303 {
            paths.push(page.header("location").to_owned());
        }
        paths.extend(page.links());
        for form in page.forms() {
            let filled = form.fields.iter().fold(form.clone(), |f, (name, value)| {
                if value.is_empty() { f.with(name, "scanner@example.org") } else { f }
            });
            let buttons = if form.buttons.is_empty() {
                vec![(String::new(), String::new())]
            } else {
                form.buttons.clone()
            };
            for (name, value) in buttons {
                let pressed =
                    if name.is_empty() { filled.clone() } else { filled.clone().with(&name, value) };
                let answer = bot.send(&pressed).await;
                assert!(answer.status < 500, "{}: {}", form.action, answer.words());
                sent += 1;
            }
        }
        // It also knows how such forms look, and sends them without having been shown one.
        if let Some(reference) = path.strip_prefix("/r/") {
            let digest = steps::request(&server, reference).await.digest;
            for decision in ["approve", "deny"] {
                let fields = [("digest", digest.as_str()), ("decision", decision), ("comment", "ok")];
                let answer = bot.send(&bot.made_up(&path, &fields)).await;
                assert_eq!(answer.header("location"), "/sign-in", "{}: {}", answer.status, answer.words());
                sent += 1;
            }
        }
    }
    assert!(seen.contains("/sign-in") && sent >= 10, "it did its work: {seen:?}, {sent} forms");
    assert_eq!(facts::decided(&server).await, before);
    server.stop().await;
}

async fn looking_changes_nothing_whoever_looks(backend: Backend) {
    let server = TestServer::start(backend).await;
    let mailed = busy(&server).await;
    let before = facts::decided(&server).await;
    for who in ["ana", "dana", "ada", "eve"] {
        let browser = server.sign_in(who).await;
        let mut paths = mailed.clone();
        paths.push("/".to_owned());
        let mut seen = BTreeSet::new();
        while let Some(path) = paths.pop() {
            if !seen.insert(path.clone()) || seen.len() > 120 {
                continue;
            }
            let page = look(&browser, &path).await;
            assert!(page.status < 500, "{who} {path}: {}", page.words());
            if page.status == 303 {
                paths.push(page.header("location").to_owned());
            }
            paths.extend(page.links().into_iter().filter(|l| !l.starts_with("/assets/")));
        }
        assert!(seen.len() > 20, "{who}: {seen:?}");
        assert_eq!(facts::decided(&server).await, before, "{who}");
    }
    server.stop().await;
}
