//! Headers of every answer.
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Nothing inline, no other origin.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; \
                       form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

const HSTS: &str = "max-age=63072000";
const PERMISSIONS: &str = "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()";
const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
/// Id of the request.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Sets what an answer lacks. A handler that set its own policy (`Cache-Control` of the assets, the demo's mail frame)
/// keeps it.
///
/// `Referrer-Policy` is `same-origin` and not `no-referrer`: with the latter, browsers send `Origin: null` with our own
/// forms (Fetch, "append a request Origin header"), and the check of [`crate::session`] would have to let null pass.
/// Nothing is sent to other sites with either.
pub fn set(headers: &mut HeaderMap, request_id: &str, https: bool) {
    let mut default = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    default(header::CACHE_CONTROL, "no-store");
    default(header::CONTENT_SECURITY_POLICY, CSP);
    default(header::REFERRER_POLICY, "same-origin");
    default(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    default(ROBOTS, "noindex, nofollow");
    default(header::PERMISSIONS_POLICY, PERMISSIONS);
    default(header::CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    default(header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    if https {
        default(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    if let Ok(id) = HeaderValue::from_str(request_id) {
        headers.insert(REQUEST_ID, id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(https: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        set(&mut headers, "r1", https);
        headers
    }

    #[test]
    fn the_set_of_every_answer() {
        let headers = names(true);
        for name in [
            "cache-control",
            "content-security-policy",
            "referrer-policy",
            "x-content-type-options",
            "x-robots-tag",
            "permissions-policy",
            "cross-origin-opener-policy",
            "cross-origin-resource-policy",
            "strict-transport-security",
            "x-request-id",
        ] {
            assert!(headers.contains_key(name), "{name}");
        }
        assert_eq!(headers.get("content-security-policy").unwrap(), CSP);
        for never in ["unsafe-inline", "unsafe-eval", "http:", "https:", "*"] {
            assert!(!CSP.contains(never), "{never}");
        }
        assert!(!names(false).contains_key("strict-transport-security"), "not on plain http");
    }

    #[test]
    fn a_handlers_own_policy_stays() {
        let mut headers = HeaderMap::new();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300"));
        set(&mut headers, "r1", true);
        assert_eq!(headers.get("cache-control").unwrap(), "public, max-age=300");
    }
}
