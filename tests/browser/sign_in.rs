//! Signing in and out.
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

use crate::window::Window;

with_and_without_script!(with_password_and_second_factor);

async fn with_password_and_second_factor(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let ana = server.account("ana").await;
    let window = Window::new(&server.base_url, script).await;

    // The way to a page leads over sign-in and back.
    window.open("/inbox?tab=history").await;
    window.expect_heading("Sign in").await;
    window.look_with_script("sign-in").await;
    window.fill("Email", &ana.email).await;
    window.fill("Password", "not the password").await;
    window.press("Sign in").await;
    window.expect_mistake("").await;
    assert_eq!(
        (window.value("Email").await, window.value("Password").await),
        (ana.email.clone(), String::new())
    );
    window.look_with_script("sign-in-wrong").await;
    window.fill("Password", &ana.password).await;
    window.press("Sign in").await;

    window.expect_heading("Second factor").await;
    window.fill("Six-digit code", "000000").await;
    window.press("Go on").await;
    window.expect_mistake("").await;
    window.look_with_script("second-factor-wrong").await;
    window.fill("Six-digit code", &server.totp("ana").await).await;
    window.press("Go on").await;
    window.expect_heading("Inbox").await;
    assert_eq!(window.path().await, "/inbox?tab=history");

    window.click("AR").await;
    assert!(window.words().await.contains("Signed in with a second factor"), "{}", window.words().await);
    window.press("Sign out").await;
    window.expect_heading("Sign in").await;
    window.expect_words("You are signed out.").await;
    window.open("/access").await;
    window.expect_heading("Sign in").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
