//! A mail scanner that is a whole browser: it opens every mailed link, lets the pages run their script, and presses every
//! button of every form, without the approver's session. Nothing may come of it.
use std::collections::BTreeSet;
use std::time::Duration;

use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::mailbox::links;
use hallpass_tests::server::TestServer;
use serde_json::json;

use crate::steps;
use crate::window::Window;

/// Fills in and sends the form of that number, with the button of that number; answers whether there is one.
const SEND: &str = "const form = document.forms[arguments[0]];
    const buttons = [...form.querySelectorAll('button, input[type=submit]')];
    if (arguments[1] > 0 && arguments[1] >= buttons.length) return false;
    for (const field of form.elements) {
        if (field.type === 'checkbox' || field.type === 'radio') field.checked = true;
        else if (!field.value && !field.readOnly && 'value' in field && field.tagName !== 'BUTTON') field.value = 'scanner@example.org';
    }
    form.noValidate = true;
    window.seen = true;
    const button = buttons[arguments[1]];
    button ? form.requestSubmit(button) : form.requestSubmit();
    return true;";

/// What a scanner sends that knows how such forms look: from the page, with the page's cookies and origin.
const BY_HEART: &str = "return await fetch(arguments[0], { method: 'POST', redirect: 'manual',
        body: new URLSearchParams({ csrf: arguments[3], digest: arguments[1], decision: arguments[2], comment: 'ok' }),
    }).then((answer) => answer.type === 'opaqueredirect' ? 303 : answer.status)";

/// Requests that wait, one by one stage of two, and one denied; a grant with a token; answers the mailed links.
async fn busy(server: &TestServer) -> BTreeSet<String> {
    let (dana, ana, bo) =
        (server.sign_in("dana").await, server.sign_in("ana").await, server.sign_in("bo").await);
    for role in ["billing-read", "billing-refund", "billing-audit"] {
        let reference = steps::ask(&dana, role, "1h").await;
        if role == "billing-audit" {
            steps::decide(&ana, &reference, "approve", &[]).await;
        }
    }
    let granted = steps::ask(&dana, "ledger-read", "2h").await;
    steps::decide(&bo, &granted, "approve", &[]).await;
    let denied = steps::ask(&dana, "reports-read", "1h").await;
    steps::decide(&bo, &denied, "deny", &[("comment", "no")]).await;
    server.settle().await;
    let mails = server.mailbox.all();
    let all: BTreeSet<String> = mails.iter().flat_map(|mail| links(mail, &server.base_url)).collect();
    assert!(all.iter().filter(|path| path.starts_with("/r/")).count() >= 5, "{all:?}");
    all
}

/// Waits until the page that was left is gone; one that stays, because nothing came of the press, is fine.
async fn gone(window: &Window) {
    let over = tokio::time::Instant::now() + Duration::from_secs(2);
    let read = "return document.readyState === 'complete' && window.seen !== true";
    while !window.driver.run(read, Vec::new()).await.is_ok_and(|new| new == json!(true)) {
        if tokio::time::Instant::now() > over {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_browser_without_a_session_changes_nothing() {
    let server = TestServer::start(Backend::Sqlite).await;
    let mailed = busy(&server).await;
    let before = facts::decided(&server).await;
    let window = Window::new(&server.base_url, true).await;
    let (mut todo, mut seen, mut sent) = (Vec::from_iter(mailed.iter().cloned()), BTreeSet::new(), 0);
    while let Some(path) = todo.pop() {
        // What leads away is not followed, and pages that look alike are looked at once.
        if !path.starts_with('/') || !seen.insert(path.clone()) {
            continue;
        }
        window.open(&path).await;
        let found = window.run("return [...document.links].map((a) => a.getAttribute('href'))").await;
        todo.extend(found.as_array().into_iter().flatten().filter_map(|l| l.as_str().map(str::to_owned)));
        let forms = window.run("return document.forms.length").await.as_u64().unwrap_or_default();
        // Every mailed link leads a stranger to the same sign-in: its forms are sent for each all the same.
        for form in 0..forms {
            for button in 0.. {
                window.open(&path).await;
                let pressed = window.driver.run(SEND, vec![json!(form), json!(button)]).await;
                if pressed.expect("a form is sent") != json!(true) {
                    break;
                }
                gone(&window).await;
                sent += 1;
            }
        }
        if let Some(reference) = path.strip_prefix("/r/") {
            let digest = server.broker().store.request_by_reference(reference).await.unwrap().unwrap().digest;
            window.open(&path).await;
            let csrf = window.run("return document.querySelector('[name=csrf]')?.value ?? ''").await;
            for decision in ["approve", "deny"] {
                let arguments = vec![json!(path), json!(digest), json!(decision), csrf.clone()];
                let status = window.driver.run(BY_HEART, arguments).await.expect("an answer");
                assert_eq!(status, json!(303), "it is led to the sign-in");
                sent += 1;
            }
        }
    }
    assert!(sent > seen.len(), "it did its work: {sent} forms at {seen:?}");
    assert_eq!(facts::decided(&server).await, before);
    drop(window);
    server.stop().await;
}
