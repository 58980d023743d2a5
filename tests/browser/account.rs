//! Security of one's own account: password, authenticator app, recovery codes, sessions.
use hallpass_tests::database::Backend;
use hallpass_tests::people::code_at;
use hallpass_tests::server::TestServer;
use hallpass_tests::webdriver::By;

use crate::steps;
use crate::window::Window;

with_and_without_script!(password_app_and_recovery_codes, own_time_zone);

/// A code of a seed in the current step of the servers' time.
fn code(server: &TestServer, seed: &str) -> String {
    code_at(seed, server.now().timestamp() / 30)
}

async fn password_app_and_recovery_codes(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let sam = server.account("sam").await;
    let window = Window::new(&server.base_url, script).await;
    steps::sign_in(&server, &window, "sam").await;
    let elsewhere = server.sign_in("sam").await;

    let password = "a sentence that nobody else would say";
    server.secrets.plant("sam's new password", password);
    change_password(&server, &window, &sam.password, password).await;
    assert_eq!(elsewhere.get("/access").await.status, 303, "the other session goes on");

    let seed = enrol(&server, &window, password).await;
    let codes = recovery_codes(&window).await;
    window.press("I have kept them").await;
    window.expect_words("Authenticator app.").await;
    window.look_with_script("account-with-app").await;

    // New codes need a code of the app; the old ones are dead then.
    server.advance(60);
    window.click("New recovery codes").await;
    window.fill("Code from your app", "000000").await;
    window.press("Make new codes").await;
    window.expect_mistake("").await;
    if !window.sees(By::Css("#f-codes_totp")).await {
        window.click("New recovery codes").await;
    }
    window.fill("Code from your app", &code(&server, &seed)).await;
    window.press("Make new codes").await;
    window.expect_heading("New recovery codes").await;
    let fresh = recovery_codes(&window).await;
    assert!(fresh.len() == codes.len() && fresh != codes);

    // Lost the app: a recovery code opens the door, once.
    steps::leave(&window).await;
    window.open("/account").await;
    for (code, opens) in [(&codes[0], false), (&fresh[0], true)] {
        if window.heading().await == "Sign in" {
            window.fill("Email", &sam.email).await;
            window.fill("Password", password).await;
            window.press("Sign in").await;
        }
        if !window.sees(By::Css("#f-recovery_code")).await {
            window.click("Use a recovery code instead").await;
        }
        window.fill("Recovery code", code).await;
        window.press("Use this code").await;
        window.expect_heading(if opens { "Account security" } else { "Second factor" }).await;
    }
    window.expect_words(&format!("{} recovery codes left", fresh.len() - 1)).await;

    // Another browser of his is listed, and ended from here.
    let listed = window.words().await;
    assert!(listed.contains("Chrome on Linux") && listed.contains("This one"), "{listed}");
    window.press("End all sessions").await;
    window.expect_heading("Sign in").await;
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}

async fn change_password(server: &TestServer, window: &Window, old: &str, new: &str) {
    window.click("SO").await;
    window.press("Account security").await;
    window.expect_heading("Account security").await;
    let attempts = [
        ("not it", new, new, ""),
        (old, "short", "short", ""),
        (old, new, "another sentence", "differ"),
        (old, new, new, "done"),
    ];
    for (current, first, again, says) in attempts {
        server.advance(1);
        window.fill("Password now", current).await;
        window.fill("New password", first).await;
        window.fill("New password again", again).await;
        window.press("Change password").await;
        if says == "done" {
            window.expect_words("Your password is changed.").await;
        } else {
            window.expect_mistake(says).await;
        }
    }
}

/// Sets up an app from the secret that is shown; answers the seed.
async fn enrol(server: &TestServer, window: &Window, password: &str) -> String {
    window.press("Set up an authenticator app").await;
    window.look_with_script("totp-begin").await;
    window.fill("Your password", "not it").await;
    window.press("Go on").await;
    window.expect_mistake("").await;
    window.fill("Your password", password).await;
    window.press("Go on").await;
    window.expect_words("Scan this code").await;
    window.click("I cannot scan it").await;
    window.look_with_script("totp-scan").await;
    let shown = window.run("return document.getElementById('secret').textContent").await;
    let seed: String = shown.as_str().unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    server.secrets.plant("sam's seed", &seed);
    window.fill("Six-digit code", "000000").await;
    window.press("Turn it on").await;
    window.expect_mistake("").await;
    window.fill("Six-digit code", &code(server, &seed)).await;
    window.press("Turn it on").await;
    window.expect_heading("The second factor is on").await;
    window.look_with_script("recovery-codes").await;
    seed
}

async fn recovery_codes(window: &Window) -> Vec<String> {
    let shown = window.run("return document.querySelector('pre.codes').innerText").await;
    let codes: Vec<String> =
        shown.as_str().unwrap_or_default().split_whitespace().map(str::to_owned).collect();
    assert!(codes.len() >= 8, "{codes:?}");
    codes
}

async fn own_time_zone(script: bool) {
    let server = TestServer::start(Backend::Sqlite).await;
    let window = Window::new(&server.base_url, script).await;
    steps::sign_in(&server, &window, "sam").await;
    window.open("/account").await;
    window.fill("Show times in", "lisbon").await;
    window.press("Save").await;
    window.expect_mistake("Did you mean “Europe/Lisbon”?").await;
    window.look_with_script("account-zone-unknown").await;
    window.fill("Show times in", "Europe/Lisbon").await;
    window.press("Save").await;
    window.expect_words("Times are shown in Europe/Lisbon now").await;
    window.expect_words("where it is 09:0").await;
    assert_eq!(window.value("Show times in").await, "Europe/Lisbon");
    window.expect_quiet().await;
    drop(window);
    server.stop().await;
}
