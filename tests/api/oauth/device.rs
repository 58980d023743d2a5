//! The device flow (RFC 8628): typed by hand, allowed by a fresh sign-in, redeemed once.
use hallpass_tests::browserless::Browser;
use hallpass_tests::caller::Answer;
use hallpass_tests::database::Backend;
use hallpass_tests::server::TestServer;
use serde_json::Value;

on_all!(allowed_and_redeemed_once);
mod refusals {
    use super::*;
    on_all!(polls_are_paced_and_codes_lapse, five_tries_and_a_fresh_sign_in);

    async fn polls_are_paced_and_codes_lapse(backend: Backend) {
        let server = TestServer::start(backend).await;
        let asked = ask(&server).await;
        assert_eq!((asked["interval"].as_i64(), asked["expires_in"].as_i64()), (Some(5), Some(600)));
        poll(&server, &asked).await.refused(400, "authorization_pending");
        poll(&server, &asked).await.refused(400, "slow_down");
        server.advance(6);
        poll(&server, &asked).await.refused(400, "slow_down");
        server.advance(20);
        poll(&server, &asked).await.refused(400, "authorization_pending");

        // Refused by the person.
        let dana = server.sign_in("dana").await;
        let page = answer(&dana, &asked, "refuse").await;
        assert!(page.contains("was refused"), "{page}");
        server.advance(60);
        poll(&server, &asked).await.refused(400, "access_denied");

        // Never answered.
        let late = ask(&server).await;
        server.advance(600);
        poll(&server, &late).await.refused(400, "expired_token");
        let dana = server.sign_in("dana").await;
        let form = dana.get("/device").await.expect(200).form("/device");
        let page = dana.send(&form.with("user_code", late["user_code"].as_str().unwrap())).await;
        assert!(matches!(page.status, 404 | 409 | 422), "{}: {}", page.status, page.words());
        server.stop().await;
    }

    async fn five_tries_and_a_fresh_sign_in(backend: Backend) {
        let server = TestServer::start(backend).await;
        let asked = ask(&server).await;
        let code = asked["user_code"].as_str().unwrap();
        let dana = server.sign_in("dana").await;
        for left in (0..5).rev() {
            let form = dana.get("/device").await.expect(200).form("/device");
            let page = dana.send(&form.with("user_code", "BBBB-BBBB")).await;
            assert!(page.status >= 400, "{left} left: {}", page.status);
        }
        let form = dana.get("/device").await.expect(200).form("/device");
        let page = dana.send(&form.with("user_code", code)).await;
        assert_eq!(page.status, 429, "the right code comes too late for this session: {}", page.words());

        // A sign-in of more than five minutes ago is not enough: sign in again, and come back here.
        let ana = server.sign_in("ana").await;
        server.advance(301);
        let page = ana.get("/device").await;
        let page = if page.status == 200 {
            ana.send(&page.form("/device").with("user_code", code)).await
        } else {
            page
        };
        assert_eq!((page.status, page.header("location")), (303, "/sign-in"), "{}", page.words());
        poll(&server, &asked).await.refused(400, "authorization_pending");
        server.stop().await;
    }
}

async fn ask(server: &TestServer) -> Value {
    let fields = [("client_id", "hallpass-cli"), ("scope", "hallpass.api"), ("machine", "dana's <laptop>")];
    let asked = server.nobody().oauth("device_authorization", None, &fields).await.ok(200);
    server.secrets.plant("a device code", asked["device_code"].as_str().unwrap());
    asked
}

async fn poll(server: &TestServer, asked: &Value) -> Answer {
    let fields = [
        ("grant_type", "urn:ietf:params:oauth:grant-type:device_code"),
        ("device_code", asked["device_code"].as_str().unwrap()),
        ("client_id", "hallpass-cli"),
    ];
    server.nobody().oauth("token", None, &fields).await
}

/// Types the code and answers; the words of the last page.
async fn answer(browser: &Browser, asked: &Value, answer: &str) -> String {
    let form = browser.get("/device").await.expect(200).form("/device");
    // As people type it: in small letters, with a space.
    let typed = asked["user_code"].as_str().unwrap().to_lowercase().replace('-', " ");
    let confirm = browser.send(&form.with("user_code", typed)).await.expect(200);
    for word in ["dana's <laptop>", "127.0.0.1"] {
        assert!(confirm.words().contains(word), "{word} in {}", confirm.words());
    }
    browser.send(&confirm.form("/device/confirm").with("answer", answer)).await.expect(200).words()
}

async fn allowed_and_redeemed_once(backend: Backend) {
    let server = TestServer::start(backend).await;
    let asked = ask(&server).await;
    assert!(asked.get("verification_uri_complete").is_none(), "the code is typed by hand");
    assert_eq!(asked["verification_uri"], format!("{}/device", server.base_url));
    poll(&server, &asked).await.refused(400, "authorization_pending");

    // A GET with the code in it allows nothing and does not even fill the form.
    let dana = server.sign_in("dana").await;
    let code = asked["user_code"].as_str().unwrap();
    let page = dana.get(&format!("/device?user_code={code}")).await.expect(200);
    assert_eq!(page.form("/device").value("user_code"), "");
    let page = answer(&dana, &asked, "allow").await;
    assert!(page.contains("is connected"), "{page}");
    server.advance(10);
    let token = poll(&server, &asked).await.ok(200);
    let token = token["access_token"].as_str().unwrap();
    assert!(token.starts_with("hpa_"), "opaque");
    server.secrets.plant("an API token", token);
    poll(&server, &asked).await.refused(400, "invalid_grant");

    let api = server.nobody().with(token);
    let me = api.get("/me").await.ok(200);
    assert_eq!(
        (me["handle"].as_str(), me["kind"].as_str(), me["client_id"].as_str()),
        (Some("dana@hall.test"), Some("user"), Some("hallpass-cli"))
    );
    // It is listed with the sessions, and ended there.
    let account = dana.get("/account").await.expect(200);
    assert!(account.words().contains("dana's <laptop>"), "{}", account.words());
    let ends: Vec<_> = account
        .forms()
        .into_iter()
        .filter(|f| f.action.ends_with("/end") && f.action.starts_with("/account/sessions/"))
        .collect();
    for form in ends {
        let _ = dana.send(&form).await;
    }
    api.get("/me").await.refused(401, "invalid_token");
    server.stop().await;
}
