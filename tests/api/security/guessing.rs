//! Somebody has a password and guesses the second factor, from as many networks as he likes.
use hallpass_broker::access::Recovery;
use hallpass_tests::browserless::{Browser, Page, encode};
use hallpass_tests::database::Backend;
use hallpass_tests::server::{Setup, TestServer};
use reqwest::Method;
use secrecy::ExposeSecret as _;

// Each of two servers counts by itself.
on_both!(codes_are_counted_over_all_networks, and_over_a_site, passwords_are_counted_over_a_site);

const SIGN_IN: &str = "/sign-in";
const FACTOR: &str = "/sign-in/second-factor";

async fn server(backend: Backend) -> TestServer {
    TestServer::with(Setup { behind_proxy: true, ..Setup::on(backend) }).await
}

/// Sends a form as somebody at this address.
async fn send(server: &TestServer, browser: &Browser, at: &str, path: &str, fields: &[(&str, &str)]) -> Page {
    let csrf = browser.csrf();
    let mut all = vec![("csrf", csrf.as_str())];
    all.extend(fields);
    let headers = [
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "text/html"),
        ("origin", server.base_url.as_str()),
        ("x-forwarded-for", at),
    ];
    browser.request(Method::POST, path, &headers, Some(encode(&all))).await
}

/// A browser of whoever has this password, at the question for the second factor.
async fn half_way(server: &TestServer, browser: &Browser, key: &str, password: &str) {
    let email = format!("{key}@hall.test");
    let form = browser.get(SIGN_IN).await.expect(200).form(SIGN_IN);
    let form = form.with("email", email).with("password", password);
    assert_eq!(browser.send(&form).await.expect(303).header("location"), FACTOR, "{}", server.base_url);
    let _ = browser.get(FACTOR).await.expect(200);
}

/// Guesses, each from the next address, until no more are taken: how many were, and the refusal.
async fn guess(server: &TestServer, thief: &Browser, at: impl Fn(usize) -> String) -> (usize, String) {
    for n in 0..200 {
        let page = send(server, thief, &at(n), FACTOR, &[("totp", "000000")]).await;
        match page.status {
            401 => {}
            429 => return (n, page.words()),
            _ => panic!("{}", page.words()),
        }
    }
    panic!("nobody stops him");
}

async fn codes_are_counted_over_all_networks(backend: Backend) {
    let server = server(backend).await;
    let password = server.account("ana").await.password;
    let (own, signed_in) = (server.sign_in("ana").await, server.sign_in("ana").await);
    let form = own.get("/account").await.expect(200).form("/sign-out");
    let _ = own.send(&form).await.expect(303);

    // A network of its own for every code, each in another site.
    let thief = server.browser();
    half_way(&server, &thief, "ana", &password).await;
    let (guesses, words) = guess(&server, &thief, |n| format!("2001:db8:{n:x}::1")).await;
    assert_eq!(guesses, 100);
    assert!(words.contains("Wait 6 hours") && words.contains("one-time password"), "{words}");
    server.settle().await;
    assert_eq!(server.mailbox.recipients("Wrong second factors for your account"), ["ana"]);

    // ana goes on where she is signed in, and gets in where she signed in before; not elsewhere.
    let renew = [("codes_totp", &*server.totp("ana").await)];
    let form = signed_in.get("/account").await.expect(200).form("/account/recovery-codes");
    let codes = signed_in.send(&renew.iter().fold(form, |f, (name, value)| f.with(name, *value))).await;
    assert_eq!(codes.status, 200, "{}", codes.words());
    server.sign_in_with(&own, "ana").await;
    let elsewhere = server.browser();
    half_way(&server, &elsewhere, "ana", &password).await;
    let right = server.totp("ana").await;
    let page = send(&server, &elsewhere, "192.0.2.1", FACTOR, &[("totp", &right)]).await;
    assert_eq!(page.status, 429, "{}", page.words());

    // Six hours later one more: hers, and then not the thief's second.
    server.advance(6 * 3_600);
    server.sign_in("ana").await;
    half_way(&server, &thief, "ana", &password).await;
    let (guesses, _) = guess(&server, &thief, |n| format!("2001:db8:{n:x}::1")).await;
    assert_eq!(guesses, 1);

    // Recovered, she gets in at once, and the thief does not get as far as that.
    let recovered = server.broker().recover_account("ana@hall.test", Recovery::Password).await.unwrap();
    let once = recovered.one_time_password.unwrap().expose_secret().to_owned();
    server.secrets.plant("a one-time password", &once);
    half_way(&server, &elsewhere, "ana", &once).await;
    let right = server.totp("ana").await;
    let page = send(&server, &elsewhere, "192.0.2.1", FACTOR, &[("totp", &right)]).await;
    assert_eq!(page.status, 303, "{}", page.words());
    let form = thief.get(SIGN_IN).await.expect(200).form(SIGN_IN);
    let form = form.with("email", "ana@hall.test").with("password", password.as_str());
    assert_eq!(thief.send(&form).await.status, 401);
    server.stop().await;
}

/// A provider's customer has a /48 and the passwords of two people: 65,536 networks do not help.
async fn and_over_a_site(backend: Backend) {
    let server = server(backend).await;
    let mut guesses = Vec::new();
    for key in ["ana", "bo"] {
        let (thief, password) = (server.browser(), server.account(key).await.password);
        half_way(&server, &thief, key, &password).await;
        let (count, words) = guess(&server, &thief, |n| format!("2001:db8:5:{n:x}::1")).await;
        assert!(words.contains("Too many tries from here. Wait 30 seconds"), "{words}");
        guesses.push(count);
    }
    assert_eq!(guesses, [60, 0]);
    // Neither of them is kept out by it.
    server.sign_in("ana").await;
    server.sign_in("bo").await;
    server.stop().await;
}

async fn passwords_are_counted_over_a_site(backend: Backend) {
    let server = server(backend).await;
    let thief = server.browser();
    let _ = thief.get(SIGN_IN).await.expect(200);
    let mut refused = 0;
    for n in 0..64 {
        let fields = [("email", "dana@hall.test"), ("password", "guess")];
        let page = send(&server, &thief, &format!("2001:db8:6:{n:x}::1"), SIGN_IN, &fields).await;
        assert!(matches!(page.status, 401 | 429), "{}", page.words());
        refused += usize::from(page.status == 429);
    }
    assert_eq!(refused, 4);
    server.sign_in("dana").await;
    server.stop().await;
}
