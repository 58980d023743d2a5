//! A form that was not ours changes nothing (OWASP ASVS v5.0.0-3.5.1).
use hallpass_http::middleware::Area;
use hallpass_http::routes::{Duty, ROUTES};
use hallpass_tests::browserless::encode;
use hallpass_tests::database::Backend;
use hallpass_tests::facts;
use hallpass_tests::server::TestServer;
use reqwest::Method;

use crate::steps;

on_all!(every_form_needs_its_token_and_our_origin);

async fn every_form_needs_its_token_and_our_origin(backend: Backend) {
    let server = TestServer::start(backend).await;
    let (dana, ana) = (server.sign_in("dana").await, server.sign_in("ana").await);
    let reference = steps::ask(&dana, "billing-read", "1h").await;
    let digest = steps::request(&server, &reference).await.digest;
    let grant = steps::granted(&server, &dana, "ledger-read", "1h").await;
    let _ = (dana.get("/account").await, ana.get("/account").await);
    let before = facts::decided(&server).await;
    let foreign = ana.csrf();
    let own = dana.csrf();
    assert!(!own.is_empty() && own != foreign);

    let mut tried = 0;
    for row in ROUTES.iter().filter(|r| r.method == "POST" && r.area() == Area::Pages && r.duty != Duty::Demo)
    {
        let path = row.path.replace("{reference}", &reference).replace("{id}", &grant.id.to_string());
        // dana's own browser, led by somebody else's page; for decisions ana's, since hers would count.
        let (browser, own, foreign) =
            if row.duty == Duty::Decider { (&ana, &foreign, &own) } else { (&dana, &own, &foreign) };
        let fields = |csrf: Option<&str>| {
            let mut all = vec![
                ("role", "billing-read"),
                ("reason", "x"),
                ("for_text", "1h"),
                ("action", "send"),
                ("decision", "approve"),
                ("digest", &digest),
                ("kind", "access_token"),
                ("comment", "x"),
            ];
            all.extend(csrf.map(|c| ("csrf", c)));
            encode(&all)
        };
        let ours = [("origin", server.base_url.as_str()), ("sec-fetch-site", "same-origin")];
        type Headers<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(&str, Option<&str>, Headers)] = &[
            ("no token", None, &ours),
            ("an empty token", Some(""), &ours),
            ("another session's token", Some(foreign), &ours),
            ("another site", Some(own), &[("origin", "https://evil.test"), ("sec-fetch-site", "cross-site")]),
            ("another site, by origin alone", Some(own), &[("origin", "https://evil.test")]),
            ("another site, by fetch metadata alone", Some(own), &[("sec-fetch-site", "same-site")]),
            ("a sandboxed frame", Some(own), &[("origin", "null")]),
        ];
        for (what, csrf, headers) in cases {
            let mut all = vec![("content-type", "application/x-www-form-urlencoded")];
            all.extend_from_slice(headers);
            let page = browser.request(Method::POST, &path, &all, Some(fields(*csrf))).await;
            assert_eq!(page.status, 403, "{path} with {what}: {}", page.words());
            tried += 1;
        }
    }
    assert!(tried >= 7 * 15, "{tried}");
    assert_eq!(facts::decided(&server).await, before);
    assert_eq!(dana.get("/account").await.status, 200, "still signed in: signing out is a form, too");
    server.stop().await;
}
