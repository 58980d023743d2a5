//! What script adds: pages that move by themselves, and a preview while one types.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::steps;
use crate::window::Window;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_request_moves_to_approved_by_itself() {
    let server = TestServer::start(Backend::Sqlite).await;
    let window = Window::new(&server.base_url, true).await;
    steps::sign_in(&server, &window, "dana").await;
    window.press("Request billing-admin").await;

    // The preview follows what is typed, and the form keeps the focus.
    window.fill("Or in your words", "90m").await;
    window.expect_words("90 min from approval; if approved now, until 11:30 CET").await;
    assert_eq!(window.run("return document.activeElement.name").await, "for_text");
    window.fill("Or in your words", "until 12:15").await;
    window.expect_words("Until 12:15 CET; a late approval shortens it").await;
    window.fill("Or in your words", "2h").await;
    window.fill("Reason", "the tax rate of an invoice is wrong").await;
    window.press("Send request").await;
    window.expect_heading("Dana Kim asks for billing-admin").await;
    let reference = window.path().await.rsplit('/').next().unwrap_or_default().to_owned();

    // Two stages: the first shows up in the same document, the last as another state.
    window.run("window.same = true").await;
    steps::decide(&server.sign_in("ana").await, &reference, "approve", &[]).await;
    window.expect_words("1 of 1 approved").await;
    assert_eq!(window.run("return window.same").await, true, "the page was loaded again");
    steps::decide(&server.sign_in("kim").await, &reference, "approve", &[]).await;
    window.expect_heading("Dana Kim asked for billing-admin").await;
    window.expect_words("Open the access").await;
    assert!(window.words().await.contains("Approved"));
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_inbox_fills_by_itself_and_knows_when_one_is_signed_out() {
    let server = TestServer::start(Backend::Sqlite).await;
    let window = Window::new(&server.base_url, true).await;
    steps::sign_in(&server, &window, "bo").await;
    window.open("/inbox").await;
    window.expect_words("Nothing waits for you").await;
    window.run("window.same = true").await;
    let reference = steps::ask(&server.sign_in("dana").await, "billing-read", "1h").await;
    window.expect_words("Dana Kim: billing-read for 1 h").await;
    assert_eq!(window.run("return document.querySelector('.tabs .count.wait').firstChild.data").await, "1");
    assert_eq!(window.run("return window.same").await, true, "the page was loaded again");

    // Ended elsewhere: the page says so and does not ask again.
    let elsewhere = server.sign_in("bo").await;
    let _ = elsewhere.submit(&elsewhere.get("/account").await.form("/account/sessions/end-all")).await;
    window.expect_words("You were signed out.").await;
    steps::decide(&server.sign_in("ana").await, &reference, "deny", &[("comment", "tomorrow")]).await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
