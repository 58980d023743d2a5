//! The portal's cookies, and where a form came from.
//!
//! A form is ours when it carries the CSRF token of the session whose cookie came with it, *and* the browser says that
//! it was sent from our own pages (`Sec-Fetch-Site`, `Origin`). Both are asked of every POST, sign-in included, in
//! [`crate::pages::visit`].
use actix_web::HttpRequest;
use actix_web::cookie::{Cookie, SameSite};
use actix_web::http::header::{self, HeaderMap, HeaderName};

use hallpass_broker::access::WAY_BACK_SECONDS;

use crate::config::{HttpConfig, is_loopback_authority};

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Days for which a browser stays known.
const KNOWN_DAYS: i64 = 180;
/// Seconds for which a notice waits for its page.
const FLASH_SECONDS: i64 = 60;

/// Cookies by what they are for; on https with the prefix that binds them to this host and to TLS (RFC 6265bis §4.1.3.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CookieOf {
    /// The session.
    Session,
    /// A browser that somebody signed in with before.
    KnownBrowser,
    /// A notice for the next page; no authority.
    Flash,
    /// Where to go on after the sign-in, sealed; no authority.
    Next,
}

impl CookieOf {
    /// The cookie's name.
    pub fn name(self, config: &HttpConfig) -> &'static str {
        match (self, config.is_https()) {
            (Self::Session, true) => "__Host-hallpass",
            (Self::Session, false) => "hallpass",
            (Self::KnownBrowser, true) => "__Host-hallpass-known",
            (Self::KnownBrowser, false) => "hallpass-known",
            (Self::Flash, true) => "__Host-hallpass-flash",
            (Self::Flash, false) => "hallpass-flash",
            (Self::Next, true) => "__Host-hallpass-next",
            (Self::Next, false) => "hallpass-next",
        }
    }

    /// The cookie with a value.
    pub fn with(self, config: &HttpConfig, value: impl Into<String>) -> Cookie<'static> {
        let mut cookie = Cookie::build(self.name(config), value.into())
            .path("/")
            .http_only(true)
            .secure(config.is_https())
            .same_site(SameSite::Lax)
            .finish();
        match self {
            // Until the browser closes; its real end is kept on the server.
            Self::Session => {}
            Self::KnownBrowser => cookie.set_max_age(actix_web::cookie::time::Duration::days(KNOWN_DAYS)),
            Self::Flash => cookie.set_max_age(actix_web::cookie::time::Duration::seconds(FLASH_SECONDS)),
            Self::Next => cookie.set_max_age(actix_web::cookie::time::Duration::seconds(WAY_BACK_SECONDS)),
        }
        cookie
    }

    /// Makes the browser forget it.
    pub fn cleared(self, config: &HttpConfig) -> Cookie<'static> {
        let mut cookie = self.with(config, "");
        cookie.make_removal();
        cookie
    }

    /// Its value in a request; one that came twice counts as none, since nobody can say which is ours.
    pub fn read(self, config: &HttpConfig, req: &HttpRequest) -> Option<String> {
        let cookies = req.cookies().ok()?;
        let mut found = cookies.iter().filter(|c| c.name() == self.name(config));
        let value = found.next()?.value().to_owned();
        (found.next().is_none() && !value.is_empty()).then_some(value)
    }
}

fn text_of<'h>(headers: &'h HeaderMap, name: &HeaderName) -> &'h str {
    headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Whether a POST came from our own pages. Browsers say it in `Sec-Fetch-Site` (which no page can set) and in `Origin`;
/// where both are there, both must fit. A request with neither is not a browser's of this decade, and no cookie of
/// somebody else can ride on it; it still needs the token.
pub fn is_same_origin(headers: &HeaderMap, config: &HttpConfig) -> bool {
    let site = headers.get(&FETCH_SITE).map(|v| v.as_bytes() == b"same-origin");
    let origin =
        headers.get(header::ORIGIN).map(|v| v.to_str().is_ok_and(|o| is_our_origin(o, headers, config)));
    site.unwrap_or(true) && origin.unwrap_or(true)
}

fn is_our_origin(origin: &str, headers: &HeaderMap, config: &HttpConfig) -> bool {
    if origin == origin_of(&config.base_url) {
        return true;
    }
    // On loopback one may have typed localhost for 127.0.0.1: the name that this very request was sent to.
    let host = text_of(headers, &header::HOST);
    config.plain_http_on_loopback
        && is_loopback_authority(host)
        && origin.strip_prefix("http://") == Some(host)
}

/// Scheme, host and port of a URL.
fn origin_of(url: &str) -> &str {
    let authority = url.find("://").map_or(0, |i| i + 3);
    let end = url.get(authority..).and_then(|rest| rest.find('/')).map_or(url.len(), |i| authority + i);
    url.get(..end).unwrap_or(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn https() -> HttpConfig {
        HttpConfig::new("https://access.example.org")
    }
    fn loopback() -> HttpConfig {
        HttpConfig { plain_http_on_loopback: true, ..HttpConfig::new("http://127.0.0.1:8420") }
    }
    fn from(config: &HttpConfig, headers: &[(&'static str, &'static str)]) -> bool {
        let req = headers.iter().fold(TestRequest::post(), |r, h| r.insert_header(*h)).to_http_request();
        is_same_origin(req.headers(), config)
    }

    #[test]
    fn forms_come_from_our_own_pages() {
        let ours = ("origin", "https://access.example.org");
        assert!(from(&https(), &[ours]));
        assert!(from(&https(), &[ours, ("sec-fetch-site", "same-origin")]));
        assert!(from(&https(), &[]), "not a browser");
        for wrong in [
            "https://evil.example",
            "http://access.example.org",
            "https://access.example.org:8443",
            "https://access.example.org.evil.example",
            "null",
            "",
        ] {
            assert!(!from(&https(), &[("origin", wrong)]), "{wrong}");
            assert!(!from(&https(), &[("origin", wrong), ("sec-fetch-site", "same-origin")]), "{wrong}");
        }
        for site in ["cross-site", "same-site", "none", ""] {
            assert!(!from(&https(), &[ours, ("sec-fetch-site", site)]), "{site}");
        }
    }

    #[test]
    fn localhost_and_its_address_are_one_machine() {
        let host = ("host", "localhost:8420");
        assert!(from(&loopback(), &[host, ("origin", "http://localhost:8420")]));
        assert!(from(&loopback(), &[host, ("origin", "http://127.0.0.1:8420")]));
        assert!(!from(&loopback(), &[host, ("origin", "http://localhost:9999")]));
        assert!(!from(&loopback(), &[("host", "evil.example:8420"), ("origin", "http://evil.example:8420")]));
        assert!(!from(&https(), &[host, ("origin", "http://localhost:8420")]));
    }

    #[test]
    fn cookies_are_bound_to_host_and_tls() {
        let cookie = CookieOf::Session.with(&https(), "hps_x").to_string();
        for part in ["__Host-hallpass=hps_x", "HttpOnly", "Secure", "SameSite=Lax", "Path=/"] {
            assert!(cookie.contains(part), "{part} in {cookie}");
        }
        assert!(!cookie.contains("Domain") && !cookie.contains("Max-Age"));
        let plain = CookieOf::Session.with(&loopback(), "hps_x").to_string();
        assert!(plain.starts_with("hallpass=") && !plain.contains("Secure"));
        assert!(CookieOf::KnownBrowser.with(&https(), "x").to_string().contains("Max-Age=15552000"));
        assert!(CookieOf::Session.cleared(&https()).to_string().contains("Max-Age=0"));
    }

    #[test]
    fn two_cookies_of_one_name_are_none() {
        let read = |text: &'static str| {
            CookieOf::Session
                .read(&https(), &TestRequest::get().insert_header(("cookie", text)).to_http_request())
        };
        assert_eq!(read("a=b; __Host-hallpass=hps_1").as_deref(), Some("hps_1"));
        assert_eq!(read("__Host-hallpass=hps_1; __Host-hallpass=hps_2"), None);
        assert_eq!(read("hallpass=hps_1"), None, "the name without its prefix is not ours on https");
        assert_eq!(read("__Host-hallpass="), None);
    }

    #[test]
    fn origins_of_urls() {
        assert_eq!(origin_of("https://a.example"), "https://a.example");
        assert_eq!(origin_of("https://a.example/hallpass"), "https://a.example");
    }
}
