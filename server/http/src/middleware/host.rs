//! The name that the client used, on loopback.
use actix_web::http::header::{HOST, HeaderMap};

use crate::config::is_loopback_authority;

/// Whether a server that speaks plain http on loopback may answer: only where it was called by a name of this machine.
/// A page elsewhere whose name is made to point here (DNS rebinding) would else be of "our" origin in its browser, with
/// our cookies and the demo's switch.
pub fn is_ours(headers: &HeaderMap, uri_authority: Option<&str>) -> bool {
    let named = headers.get(HOST).map(|h| h.to_str().unwrap_or("?")).or(uri_authority);
    named.is_none_or(is_loopback_authority)
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    #[test]
    fn only_names_of_this_machine() {
        for (host, ours) in [
            ("127.0.0.1:8420", true),
            ("localhost:8420", true),
            ("[::1]:8420", true),
            ("evil.example:8420", false),
            ("127.0.0.1.evil.example", false),
            ("", false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(HOST, HeaderValue::from_static(host));
            assert_eq!(is_ours(&headers, None), ours, "{host}");
        }
        assert!(!is_ours(&HeaderMap::new(), Some("evil.example")));
    }
}
