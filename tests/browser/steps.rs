//! Steps of other people, taken without a window, and sign-in with one.
use hallpass_tests::browserless::Browser;
use hallpass_tests::server::TestServer;

use crate::window::Window;

/// Asks for a role by the form; answers the reference.
pub(crate) async fn ask(browser: &Browser, role: &str, time: &str) -> String {
    let form = browser.get(&format!("/request?role={role}")).await.expect(200).form("/request");
    let form =
        form.with("for_text", time).with("reason", "a customer waits for a refund").with("action", "send");
    let answer = browser.send(&form).await.expect(303);
    answer.header("location").strip_prefix("/requests/").expect("a request").to_owned()
}

/// Decides by the form behind the link.
pub(crate) async fn decide(browser: &Browser, reference: &str, decision: &str, fields: &[(&str, &str)]) {
    let action = format!("/r/{reference}");
    let mut form = browser.get(&action).await.expect(200).form(&action).with("decision", decision);
    for (name, value) in fields {
        form = form.with(name, *value);
    }
    let _ = browser.send(&form).await.expect(200);
}

/// Signs somebody in by hand, with the second factor where they have one.
pub(crate) async fn sign_in(server: &TestServer, window: &Window, key: &str) {
    window.open("/sign-in").await;
    go_in(server, window, key).await;
}

/// [`sign_in`] where the page for it is shown already.
pub(crate) async fn go_in(server: &TestServer, window: &Window, key: &str) {
    window.expect_heading("Sign in").await;
    let person = server.account(key).await;
    window.fill("Email", &person.email).await;
    window.fill("Password", &person.password).await;
    window.press("Sign in").await;
    if person.seed.is_some() {
        window.expect_heading("Second factor").await;
        window.fill("Six-digit code", &server.totp(key).await).await;
        window.press("Go on").await;
    }
}

/// Lets whoever is signed in go, so that another person may come.
pub(crate) async fn leave(window: &Window) {
    window.driver.command(reqwest::Method::DELETE, "/cookie", None).await.expect("cookies can be deleted");
}
