//! Approvers who sign in themselves, from the link in the mail.
use hallpass_tests::database::Backend;
use hallpass_tests::mailbox::links;
use hallpass_tests::server::TestServer;

use crate::steps;
use crate::window::Window;

with_and_without_script!(denied_with_a_comment, approved_with_a_fresh_second_factor);

/// Signs an approver in from the link in their mail.
async fn follow_mail(server: &TestServer, window: &Window, key: &str, reference: &str) {
    server.settle().await;
    let mail = server.mailbox.newest(key, "Approve?");
    let link = links(&mail, &server.base_url).into_iter().find(|l| l == &format!("/r/{reference}"));
    window.open(&link.expect("a link to the request")).await;
    assert!(!window.words().await.contains("Dana"), "the page tells before sign-in");
    steps::go_in(server, window, key).await;
    window.expect_words(reference).await;
}

async fn denied_with_a_comment(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-read", "4h").await;
    let window = Window::new(&server.base_url, script).await;
    follow_mail(&server, &window, "ana", &reference).await;
    window.expect_heading("Dana Kim asks for billing-read for 4 h").await;
    window.expect_words("Asks 4 h, usual is 1 h").await;

    // What was chosen stays when the comment is missing.
    window.choose("Length, if you approve", "15 min").await;
    window.press("Deny").await;
    window.expect_mistake("Say why you deny it").await;
    assert_eq!(window.value("Length, if you approve").await, "900");
    window.look_with_script("decide-wrong").await;
    window.fill("Comment", "ask for the invoice alone").await;
    window.press("Deny").await;
    window.expect_heading("Denied").await;
    window.expect_words("ask for the invoice alone").await;
    window.look_with_script("outcome-denied").await;
    window.open("/inbox?tab=history").await;
    window.expect_words("Dana Kim").await;

    steps::leave(&window).await;
    steps::sign_in(&server, &window, "dana").await;
    window.open(&format!("/requests/{reference}")).await;
    window.expect_words("ask for the invoice alone").await;
    window.look_with_script("request-denied").await;
    window.press("Request again").await;
    window.expect_heading("Request billing-read").await;
    assert_eq!(window.value("Reason").await, "a customer waits for a refund");
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}

async fn approved_with_a_fresh_second_factor(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let dana = server.sign_in("dana").await;
    let reference = steps::ask(&dana, "billing-refund", "1h").await;
    let window = Window::new(&server.base_url, script).await;
    follow_mail(&server, &window, "ana", &reference).await;
    window.expect_heading("Dana Kim asks for billing-refund for 1 h").await;
    window.look_with_script("decide-step-up").await;

    window.choose("Length, if you approve", "30 min").await;
    window.fill("Comment", "half an hour will do").await;
    window.press("Approve").await;
    window.expect_mistake("").await;
    window.fill("Code from your authenticator app", "000000").await;
    window.press("Approve").await;
    window.expect_mistake("").await;
    let kept = [
        window.value("Comment").await,
        window.value("Length, if you approve").await,
        window.value("Code").await,
    ];
    assert_eq!(kept, ["half an hour will do", "1800", ""]);
    window.fill("Code from your authenticator app", &server.totp("ana").await).await;
    window.press("Approve").await;
    window.expect_heading("Approved").await;

    window.press("The request").await;
    window.expect_words("30 min").await;
    window.expect_words("fresh second factor").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
