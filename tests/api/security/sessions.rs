//! Sessions: their id changes at every proof, and they are over when they are over.
use hallpass_tests::browserless::Browser;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;

on_all!(the_session_changes_at_every_proof);
mod rules {
    use super::*;
    on_all!(sessions_end, after_sign_in_one_stays_on_this_site);

    async fn sessions_end(backend: Backend) {
        let server = TestServer::start(backend).await;
        // Idle for an hour, and after twelve hours in any case.
        let dana = server.sign_in("dana").await;
        let begun = server.now();
        for _ in 0..14 {
            server.advance(50 * 60);
            let _ = dana.get("/account").await.expect(200);
        }
        server.set_clock(begun + chrono::TimeDelta::hours(12) - chrono::TimeDelta::microseconds(1));
        let _ = dana.get("/account").await.expect(200);
        server.advance(1);
        let _ = dana.get("/account").await.expect(303);
        let sam = server.sign_in("sam").await;
        server.advance(3_599);
        let _ = sam.get("/account").await.expect(200);
        server.advance(3_600);
        let _ = sam.get("/account").await.expect(303);

        // Signed out here, and everywhere.
        let (one, two) = (server.sign_in("bo").await, server.sign_in("bo").await);
        let api = server.api_with(&two).await;
        let copied = copy(&server, &one);
        let form = one.get("/account").await.form("/sign-out");
        let _ = one.send(&form).await.expect(303);
        assert_eq!(copied.get("/account").await.status, 303, "the cookie is dead, not only forgotten");
        let _ = two.get("/account").await.expect(200);
        let form = two.get("/account").await.form("/account/sessions/end-all");
        let _ = two.send(&form).await.expect(303);
        let _ = two.get("/account").await.expect(303);
        api.get("/me").await.refused(401, "invalid_token");
        server.stop().await;
    }

    async fn after_sign_in_one_stays_on_this_site(backend: Backend) {
        let server = TestServer::start(backend).await;
        for path in [
            "//evil.test/",
            "/%5c%5cevil.test",
            "/\\evil.test",
            "/?next=https://evil.test",
            "/sign-in?next=//evil.test",
            "/requests?x=%0d%0aLocation:%20https://evil.test",
        ] {
            let browser = server.browser();
            let first = browser.get(path).await;
            if first.status == 303 {
                assert_eq!(first.header("location"), "/sign-in", "{path}");
            }
            let person = server.account("dana").await;
            let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
            let page = browser
                .send(&form.with("email", person.email).with("password", person.password))
                .await
                .expect(303);
            let to = page.header("location");
            let local = to.starts_with('/')
                && !to.starts_with("//")
                && !to.starts_with("/\\")
                && !to.starts_with("/%5c");
            assert!(local && !to.contains(['\r', '\n']), "{path} leads to {to}");
        }
        server.stop().await;
    }
}

/// Another browser with the same cookies.
fn copy(server: &TestServer, from: &Browser) -> Browser {
    let to = server.browser();
    to.set_cookie("hallpass", &from.cookie("hallpass").unwrap());
    to
}

async fn the_session_changes_at_every_proof(backend: Backend) {
    let server = TestServer::start(backend).await;
    let person = server.account("ana").await;
    let browser = server.browser();
    let mut old: Vec<Browser> = Vec::new();
    let mut cookies = Vec::new();
    let mut note = |browser: &Browser| {
        cookies.push(browser.cookie("hallpass").unwrap());
        old.push(copy(&server, browser));
    };
    let form = browser.get("/sign-in").await.form("/sign-in");
    note(&browser);
    let _ = browser
        .send(&form.with("email", person.email.as_str()).with("password", person.password.as_str()))
        .await
        .expect(303);
    note(&browser);
    let form = browser.get("/sign-in/second-factor").await.form("/sign-in/second-factor");
    let _ = browser.send(&form.with("totp", server.totp("ana").await)).await.expect(303);
    note(&browser);
    let api = server.api_with(&browser).await;
    let elsewhere = server.sign_in("ana").await;

    // A wrong current password changes nothing; the right one signs everything else out.
    let change = |form: hallpass_tests::html::Form, current: &str, new: &str| {
        form.with("current_password", current).with("new_password", new).with("new_password_again", new)
    };
    let form = browser.get("/account").await.expect(200).form("/account/password");
    let wrong = browser.send(&change(form.clone(), "not it", "tumbler ochre 17 gannet veldt")).await;
    assert!(matches!(wrong.status, 401 | 422), "{}", wrong.words());
    let short = browser.send(&change(form.clone(), &person.password, "short")).await;
    assert_eq!(short.status, 422, "{}", short.words());
    let _ = elsewhere.get("/account").await.expect(200);
    server.secrets.plant("a new password", "tumbler ochre 17 gannet veldt");
    let _ = browser.send(&change(form, &person.password, "tumbler ochre 17 gannet veldt")).await.expect(303);
    note(&browser);
    let _ = browser.get("/account").await.expect(200);
    assert_eq!(elsewhere.get("/account").await.status, 303, "other sessions are over");
    api.get("/me").await.refused(401, "invalid_token");

    let distinct: std::collections::BTreeSet<&String> = cookies.iter().collect();
    assert_eq!(distinct.len(), 4, "anonymous, halfway, signed in, new password: four ids");
    for stale in &old[..3] {
        let page = stale.get("/account").await;
        assert_eq!((page.status, page.header("location")), (303, "/sign-in"), "an old id is dead");
    }
    server.stop().await;
}
