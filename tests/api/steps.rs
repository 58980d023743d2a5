//! Steps that many tests share, each through the portal as a person takes it.
use hallpass_domain::grant::Grant;
use hallpass_domain::request::Request;
use hallpass_tests::browserless::{Browser, Page};
use hallpass_tests::server::TestServer;
use serde_json::Value;

/// Asks for a role by the form; answers the reference.
pub(crate) async fn ask(browser: &Browser, role: &str, time: &str) -> String {
    ask_because(browser, role, time, "a customer asks").await
}

/// [`ask`] with a reason of its own.
pub(crate) async fn ask_because(browser: &Browser, role: &str, time: &str, reason: &str) -> String {
    let form = browser.get(&format!("/request?role={role}")).await.expect(200).form("/request");
    let form = form.with("for_text", time).with("reason", reason).with("action", "send");
    let answer = browser.send(&form).await.expect(303);
    let reference = answer.header("location").strip_prefix("/requests/").expect("a request").to_owned();
    assert!(reference.starts_with("R-"), "{reference}");
    reference
}

/// Decides by the form behind the link in the mail; answers whatever comes.
pub(crate) async fn decide(
    browser: &Browser,
    reference: &str,
    decision: &str,
    fields: &[(&str, &str)],
) -> Page {
    let action = format!("/r/{reference}");
    let mut form = browser.get(&action).await.expect(200).form(&action).with("decision", decision);
    for (name, value) in fields {
        form = form.with(name, *value);
    }
    browser.send(&form).await
}

/// Approves; the approval must be recorded.
pub(crate) async fn approve(browser: &Browser, reference: &str) -> Page {
    let page = decide(browser, reference, "approve", &[]).await.expect(200);
    assert!(page.words().contains("Your approval is recorded"), "{}", page.words());
    page
}

/// The request as stored.
pub(crate) async fn request(server: &TestServer, reference: &str) -> Request {
    server.broker().store.request_by_reference(reference).await.unwrap().expect("the request")
}

/// The grant that a request became, as stored.
pub(crate) async fn grant(server: &TestServer, reference: &str) -> Grant {
    let request = request(server, reference).await;
    server.broker().store.grant_of(request.id).await.unwrap().expect("a grant")
}

/// Issues a token by the button on the grant's page.
pub(crate) async fn token(server: &TestServer, browser: &Browser, grant: &Grant) -> String {
    let form = browser.get(&format!("/grants/{}", grant.id)).await.expect(200);
    let form = form.form(&format!("/grants/{}/credentials", grant.id));
    assert_eq!(form.value("kind"), "access_token");
    let page = browser.send(&form).await.expect(200);
    let words = page.words();
    let token =
        words.split_whitespace().find(|w| w.starts_with("eyJ")).expect("a token on the page").to_owned();
    server.secrets.plant("an access token", &token);
    token
}

/// Asks as dana, approves as ana, and gives the grant: for tests about what comes after.
pub(crate) async fn granted(server: &TestServer, holder: &Browser, role: &str, time: &str) -> Grant {
    let reference = ask(holder, role, time).await;
    let approver = server.sign_in("ana").await;
    approve(&approver, &reference).await;
    grant(server, &reference).await
}

/// Whether introspection says active, and nothing but that where it does not.
pub(crate) async fn is_active(server: &TestServer, resource_server: &str, token: &str) -> bool {
    let answer = server.introspect(resource_server, token).await;
    if answer["active"] == Value::Bool(true) {
        return true;
    }
    assert_eq!(answer, serde_json::json!({ "active": false }));
    false
}

/// The person of a request's decision page has an outcome of this title.
#[track_caller]
pub(crate) fn assert_outcome(page: &Page, title: &str) {
    let words = page.words();
    assert!(words.contains(title), "wanted “{title}” in: {words}");
}
