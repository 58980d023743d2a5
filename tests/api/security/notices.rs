//! Whatever changes how somebody gets in is told to them by mail: what, when and from where, what to do if it was not
//! them; and nothing that helps whoever reads the mailbox.
use hallpass_broker::access::Recovery;
use hallpass_tests::browserless::{Browser, Page};
use hallpass_tests::database::Backend;
use hallpass_tests::mailbox::links;
use hallpass_tests::people::code_at;
use hallpass_tests::server::TestServer;

on_all!(one_is_told_whatever_changes_how_one_gets_in, an_app_is_set_up_where_it_was_begun_and_soon);

/// New password of sam.
const PASSWORD: &str = "lantern quarry 58 thistle moor";

async fn one_is_told_whatever_changes_how_one_gets_in(backend: Backend) {
    let server = TestServer::start(backend).await;
    let old = server.account("sam").await.password;
    let sam = server.sign_in("sam").await;
    server.secrets.plant("sam's new password", PASSWORD);

    let elsewhere = server.sign_in("sam").await;
    let new = [("current_password", &*old), ("new_password", PASSWORD), ("new_password_again", PASSWORD)];
    let _ = post(&sam, "/account", "/account/password", &new).await.expect(303);
    let mail = told(&server, "Your password was changed", 1).await;
    assert!(mail.contains("signed out 1") && mail.contains("127.0.0.1"), "{mail}");
    assert_eq!(elsewhere.get("/account").await.status, 303, "the other browser is signed out");

    let (first, codes) = enrol(&server, &sam, &[("current_password", PASSWORD)]).await;
    told(&server, "An authenticator app was set up", 1).await;

    // Five wrong codes by whoever knows the password: one warning, however long they go on.
    let thief = server.browser();
    half_way(&thief).await;
    for _ in 0..8 {
        let page =
            post(&thief, "/sign-in/second-factor", "/sign-in/second-factor", &[("totp", "000000")]).await;
        assert!(matches!(page.status, 401 | 429), "{}", page.words());
    }
    let mail = told(&server, "Wrong second factors for your account", 1).await;
    assert!(mail.contains("somebody knows your password"), "{mail}");

    // Fifteen minutes later tries are there again: a recovery code, at the door and to replace the app that is lost.
    server.advance(15 * 60);
    let by_code = server.browser();
    half_way(&by_code).await;
    let form = by_code.get("/sign-in/second-factor").await.form("/sign-in/second-factor").without("totp");
    let _ = by_code.send(&form.with("recovery_code", codes[0].as_str())).await.expect(303);
    let mail = told(&server, "A recovery code of yours was used", 1).await;
    assert!(mail.contains(&format!("Codes left {}", codes.len() - 1)), "{mail}");

    let lost = [("current_password", PASSWORD), ("totp", ""), ("recovery_code", &*codes[0])];
    let page = post(&by_code, "/account/totp", "/account/totp", &lost).await.expect(401);
    assert!(page.words().contains("none of your unused recovery codes"), "used up: {}", page.words());
    let lost = [("current_password", PASSWORD), ("totp", ""), ("recovery_code", &*codes[1])];
    let (second, fresh) = enrol(&server, &by_code, &lost).await;
    told(&server, "Your authenticator app was replaced", 1).await;
    let mail = told(&server, "A recovery code of yours was used", 2).await;
    assert!(mail.contains("began to replace"), "{mail}");
    assert!(second != first && fresh.iter().all(|code| !codes.contains(code)));
    assert_eq!(sam.get("/account").await.status, 303, "other sessions are over");

    server.advance(60);
    let renew = [("codes_totp", &*code(&server, &second))];
    let renewed =
        recovery_codes(&server, &post(&by_code, "/account", "/account/recovery-codes", &renew).await);
    told(&server, "Your recovery codes were replaced", 1).await;
    let _ = server.api_with(&by_code).await.get("/me").await.ok(200);
    let mail = told(&server, "A command line was signed in", 1).await;
    assert!(mail.contains("test machine (as it called itself)"), "{mail}");

    // Removing it wants the password and a factor; then the password alone opens the door.
    let remove = "/account/totp/remove";
    server.advance(15 * 60);
    let wrong = [
        ([("current_password", "not it"), ("totp", ""), ("recovery_code", &*renewed[0])], 422),
        ([("current_password", PASSWORD), ("totp", ""), ("recovery_code", "")], 422),
        ([("current_password", PASSWORD), ("totp", "000000"), ("recovery_code", "")], 401),
        ([("current_password", PASSWORD), ("totp", ""), ("recovery_code", &*fresh[0])], 401),
    ];
    for (fields, status) in wrong {
        let page = post(&by_code, remove, remove, &fields).await;
        assert_eq!(page.status, status, "{}", page.words());
    }
    let right = [("current_password", PASSWORD), ("totp", ""), ("recovery_code", &*renewed[0])];
    let other = server.browser();
    half_way(&other).await;
    let page = post(&by_code, remove, remove, &right).await.expect(303);
    assert!(by_code.follow(page).await.words().contains("The authenticator app is removed"));
    told(&server, "Your authenticator app was removed", 1).await;
    assert_eq!(
        by_code.get(remove).await.expect(303).header("location"),
        "/account",
        "there is none to remove"
    );
    let again = server.browser();
    half_way(&again).await;
    let _ = again.get("/account").await.expect(200);

    // By whoever runs the server.
    let recovered = server.broker().recover_account("sam@hall.test", Recovery::Password).await.unwrap();
    let once = secrecy::ExposeSecret::expose_secret(&recovered.one_time_password.unwrap()).to_owned();
    server.secrets.plant("a one-time password", &once);
    let mail = told(&server, "Your account was recovered", 1).await;
    assert!(mail.contains("by whoever runs it"), "{mail}");
    assert_eq!(again.get("/account").await.status, 303, "every session is over");
    server.stop().await;
}

/// A seed that somebody saw and left lying is nobody's second factor: not in another session, and not later.
async fn an_app_is_set_up_where_it_was_begun_and_soon(backend: Backend) {
    let server = TestServer::start(backend).await;
    let password = server.account("sam").await.password;
    let (thief, sam) = (server.sign_in("sam").await, server.sign_in("sam").await);
    let begun = [("current_password", password.as_str())];
    let _ = post(&thief, "/account/totp", "/account/totp", &begun).await.expect(303);
    let page = thief.get("/account/totp").await.expect(200);
    let seed = seed(&server, &page);

    let asked = sam.get("/account/totp").await.expect(200);
    assert!(!asked.body.contains("id=\"secret\""), "another session sees the seed");
    let form = asked.form("/account/totp").with("totp", code(&server, &seed));
    assert_eq!(sam.send(&form).await.status, 422, "it asks for the password");
    let late = page.form("/account/totp");
    server.advance(15 * 60 + 1);
    assert!(!thief.get("/account/totp").await.expect(200).body.contains("id=\"secret\""), "it is over");
    assert_eq!(thief.send(&late.with("totp", code(&server, &seed))).await.status, 422);

    // Begun again where the password was given, it is another seed, and works.
    let (fresh, _) = enrol(&server, &sam, &begun).await;
    assert_ne!(fresh, seed);
    server.stop().await;
}

/// Sends the form of a page with these fields.
async fn post(browser: &Browser, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
    let form = browser.get(page).await.expect(200).form(action);
    browser.send(&fields.iter().fold(form, |form, (name, value)| form.with(name, *value))).await
}

/// Gives the right password at the door.
async fn half_way(browser: &Browser) {
    let fields = [("email", "sam@hall.test"), ("password", PASSWORD)];
    let _ = post(browser, "/sign-in", "/sign-in", &fields).await.expect(303);
}

/// Sets an app up; its seed and the recovery codes.
async fn enrol(server: &TestServer, browser: &Browser, proof: &[(&str, &str)]) -> (String, Vec<String>) {
    let _ = post(browser, "/account/totp", "/account/totp", proof).await.expect(303);
    let page = browser.get("/account/totp").await.expect(200);
    let seed = seed(server, &page);
    let form = page.form("/account/totp").with("totp", code(server, &seed));
    (seed, recovery_codes(server, &browser.send(&form).await))
}

/// The seed that a page shows.
fn seed(server: &TestServer, page: &Page) -> String {
    let (_, shown) = page.body.split_once("id=\"secret\">").expect("a secret");
    let seed: String =
        shown.split('<').next().unwrap_or_default().chars().filter(|c| !c.is_whitespace()).collect();
    server.secrets.plant("sam's seed", &seed);
    seed
}

/// The code that an app shows now.
fn code(server: &TestServer, seed: &str) -> String {
    code_at(seed, server.now().timestamp() / 30)
}

fn recovery_codes(server: &TestServer, page: &Page) -> Vec<String> {
    assert_eq!(page.status, 200, "{}", page.words());
    let (_, shown) = page.body.split_once("<pre class=\"codes\"").expect("codes");
    let (_, shown) = shown.split_once("<code>").expect("codes");
    let shown = shown.split("</code>").next().unwrap_or_default();
    let codes: Vec<String> = shown.split_whitespace().map(str::to_owned).collect();
    assert!(codes.len() >= 8, "{codes:?}");
    codes.iter().for_each(|code| server.secrets.plant("a recovery code", code));
    codes
}

/// The text of the mail about this, of which there are so many; it leads to the account's page and nowhere else.
async fn told(server: &TestServer, subject: &str, count: usize) -> String {
    server.settle().await;
    assert_eq!(
        server.mailbox.recipients(subject),
        vec!["sam"; count],
        "{:?}",
        server.mailbox.subjects("sam")
    );
    let mail = server.mailbox.newest("sam", subject);
    let text = mail.text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains(" When ") && text.contains(" From "), "{text}");
    assert!(text.contains("If this was not you"), "{text}");
    assert_eq!(links(&mail, &server.base_url), ["/account"], "{text}");
    text
}
