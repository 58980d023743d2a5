//! Headers of every answer, cookies, and pages without anything inline.
use std::collections::BTreeSet;

use hallpass_http::routes::ROUTES;
use hallpass_tests::browserless::{Browser, Page};
use hallpass_tests::database::Backend;
use hallpass_tests::html;
use hallpass_tests::server::{Setup, TestServer};
use reqwest::Method;

use crate::steps;

on_all!(
    every_route_has_its_headers,
    pages_have_nothing_inline_and_ask_no_other_site,
    cookies_are_bound_to_host_and_tls,
);

#[track_caller]
fn assert_headers(page: &Page, what: &str) {
    let csp = page.header("content-security-policy");
    for part in ["default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"] {
        assert!(csp.contains(part), "{what}: {part} in “{csp}”");
    }
    assert!(!csp.contains("unsafe") && !csp.contains("http"), "{what}: {csp}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-robots-tag", "noindex, nofollow"),
    ] {
        assert_eq!(page.header(name), value, "{what}: {name}");
    }
    assert!(!page.header("x-request-id").is_empty(), "{what}");
    assert!(page.header("server").is_empty() && page.header("x-powered-by").is_empty(), "{what}");
}

async fn every_route_has_its_headers(backend: Backend) {
    let server = TestServer::start(backend).await;
    let browsers = [server.browser(), server.sign_in("ada").await];
    for row in ROUTES {
        let path = row
            .path
            .replace("{reference}", "R-2222222222")
            .replace("{id}", "x")
            .replace("{noun}", "people")
            .replace("{file}", "x")
            .replace("{name}", "x");
        for browser in &browsers {
            let method = if row.method == "POST" { Method::POST } else { Method::GET };
            let page = browser.request(method, &path, &[], None).await;
            assert_headers(&page, row.path);
            let cached = page.header("cache-control");
            let public = ["/oauth/jwks.json", "/.well-known/oauth-authorization-server", "/api/openapi.json"];
            assert!(cached == "no-store" || public.contains(&row.path), "{}: {cached}", row.path);
        }
    }
    for (method, path) in [
        (Method::GET, "/no/such/page"),
        (Method::GET, "/api/v1/no"),
        (Method::DELETE, "/"),
        (Method::PUT, "/oauth/token"),
        (Method::GET, "/%ff"),
    ] {
        assert_headers(&browsers[0].request(method, path, &[], None).await, path);
    }
    // The caller's own id is taken over where it is plain.
    let given = browsers[0].request(Method::GET, "/livez", &[("x-request-id", "build-7")], None).await;
    assert_eq!(given.header("x-request-id"), "build-7");
    // A page elsewhere whose name points here is not ours (DNS rebinding).
    let rebound = browsers[1].request(Method::GET, "/account", &[("host", "evil.test")], None).await;
    assert_eq!(rebound.status, 421);
    server.stop().await;
}

async fn pages_have_nothing_inline_and_ask_no_other_site(backend: Backend) {
    let server = TestServer::start(backend).await;
    let dana = server.sign_in("dana").await;
    let grant = steps::granted(&server, &dana, "billing-read", "1h").await;
    steps::token(&server, &dana, &grant).await;
    let reference = steps::ask(&dana, "billing-refund", "15m").await;
    let mut seen = BTreeSet::new();
    for who in ["dana", "ana", "ada"] {
        let browser = server.sign_in(who).await;
        let mut paths = vec![
            "/".to_owned(),
            format!("/r/{reference}"),
            format!("/grants/{}", grant.id),
            "/account/totp".to_owned(),
        ];
        while let Some(path) = paths.pop() {
            if !seen.insert((who, path.clone())) || seen.len() > 150 {
                continue;
            }
            let page = browser.open(&path).await;
            assert_no_inline(&page);
            assert_assets(&browser, &page).await;
            paths.extend(page.links().into_iter().filter(|l| !l.contains('?') && !l.contains(".txt")));
        }
    }
    assert!(seen.len() > 40, "{}", seen.len());
    assert_no_inline(&server.browser().get("/sign-in").await);
    server.stop().await;
}

#[track_caller]
fn assert_no_inline(page: &Page) {
    for (tag, name, value) in html::attributes(&page.body) {
        assert!(!name.starts_with("on"), "{}: <{tag} {name}>", page.path);
        assert!(name != "style", "{}: <{tag} style={value:?}>", page.path);
        if matches!(name.as_str(), "src" | "href" | "action" | "formaction" | "poster" | "data") {
            let local = value.starts_with('/') && !value.starts_with("//")
                || value.starts_with('#')
                || value.starts_with("data:image/");
            assert!(local, "{}: <{tag} {name}={value:?}>", page.path);
        }
    }
    for script in page.body.split("<script").skip(1) {
        assert!(
            script.split('>').nth(1).is_some_and(|s| s.starts_with("</script")),
            "{}: an inline script",
            page.path
        );
    }
    assert!(!page.body.contains("<style"), "{}", page.path);
}

/// What the page loads is there, and cached for ever under its hash.
async fn assert_assets(browser: &Browser, page: &Page) {
    for (_, name, value) in html::attributes(&page.body) {
        if matches!(name.as_str(), "src" | "href") && value.starts_with("/assets/") {
            let asset = browser.get(value.split('#').next().unwrap()).await;
            assert_eq!(asset.status, 200, "{value}");
            assert!(asset.header("cache-control").contains("immutable"), "{value}");
        }
    }
}

async fn cookies_are_bound_to_host_and_tls(backend: Backend) {
    for base_url in [None, Some("https://access.hall.test".to_owned())] {
        let https = base_url.is_some();
        let server = TestServer::with(Setup { base_url, ..Setup::on(backend) }).await;
        let browser = server.browser();
        let page = browser.get("/sign-in").await.expect(200);
        let line = page.header("set-cookie").to_owned();
        assert_eq!(line.starts_with("__Host-hallpass=hps_"), https, "{line}");
        assert_eq!(line.contains("; Secure"), https, "{line}");
        for part in ["; HttpOnly", "; SameSite=Lax", "; Path=/"] {
            assert!(line.contains(part), "{part} in {line}");
        }
        assert!(!line.contains("Domain"), "{line}");
        assert_eq!(page.headers.contains_key("strict-transport-security"), https);
        server.sign_in_with(&browser, "ana").await;
        let name = if https { "__Host-hallpass" } else { "hallpass" };
        assert!(browser.cookie(name).is_some_and(|c| c.len() > 40), "256 random bits");
        assert!(browser.cookie(&format!("{name}-known")).is_some());
        // A cookie that comes twice is nobody's.
        let twice = [("cookie", format!("{name}={0}; {name}={0}x", browser.cookie(name).unwrap()))];
        let fresh = server.browser();
        let twice = fresh.request(Method::GET, "/account", &[(twice[0].0, &twice[0].1)], None).await;
        assert_eq!(twice.status, 303);
        server.stop().await;
    }
}
