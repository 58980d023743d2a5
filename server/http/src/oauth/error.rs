//! Errors of the OAuth endpoints (RFC 6749 §5.2, RFC 8628 §3.5, RFC 8707 §2, RFC 7009 §2.2.1).
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use hallpass_domain::refusal::{Class, Refusal};
use serde::Serialize;

use crate::problem::{Problem, wait_in};

/// An error as its RFC spells it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct OauthError {
    /// `invalid_request`, `invalid_client`, …
    pub error: &'static str,
    /// For people who write programs; ASCII without quotes and back slashes (RFC 6749 §5.2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// With `invalid_scope`: where to ask, or the request that waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_uri: Option<String>,
    /// Status.
    #[serde(skip)]
    status: u16,
    /// `Retry-After`, seconds.
    #[serde(skip)]
    retry_after: Option<u64>,
    /// The client used the header `Authorization`: it is told so by `WWW-Authenticate`.
    #[serde(skip)]
    challenge: bool,
}

impl OauthError {
    /// 400 with a code.
    pub fn new(error: &'static str, description: impl AsRef<str>) -> Self {
        let description = plain(description.as_ref());
        Self {
            error,
            error_description: Some(description).filter(|d| !d.is_empty()),
            request_uri: None,
            status: 400,
            retry_after: None,
            challenge: false,
        }
    }
    /// `invalid_request`.
    pub fn request(description: impl AsRef<str>) -> Self {
        Self::new("invalid_request", description)
    }
    /// `invalid_client`: 401, with a challenge where the header was used.
    pub fn client(header_used: bool) -> Self {
        Self {
            status: 401,
            challenge: header_used,
            ..Self::new("invalid_client", "The client is unknown, or its secret is not right.")
        }
    }
    /// `invalid_scope`.
    pub fn scope(description: impl AsRef<str>) -> Self {
        Self::new("invalid_scope", description)
    }
    /// 503.
    pub fn unavailable(description: impl AsRef<str>) -> Self {
        Self { status: 503, retry_after: Some(2), ..Self::new("temporarily_unavailable", description) }
    }
    /// With `request_uri`.
    #[must_use]
    pub fn ask_at(mut self, uri: String) -> Self {
        self.request_uri = Some(uri);
        self
    }
    /// Status.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::BAD_REQUEST)
    }
    /// The body.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// `%x20-21 / %x23-5B / %x5D-7E`: the only characters that RFC 6749 §5.2 allows in a description.
fn plain(text: &str) -> String {
    let safe = |c: char| match c {
        '“' | '”' | '"' => '\'',
        '…' => '.',
        c if matches!(c, ' '..='!' | '#'..='[' | ']'..='~') => c,
        _ => '?',
    };
    text.chars().take(300).map(safe).collect()
}

/// Codes of refusals that are OAuth's own.
const OWN: &[&str] = &[
    "authorization_pending",
    "slow_down",
    "access_denied",
    "expired_token",
    "invalid_grant",
    "unauthorized_client",
];

impl From<Refusal> for OauthError {
    fn from(refusal: Refusal) -> Self {
        if let Some(own) = OWN.iter().find(|o| **o == refusal.code) {
            return Self::new(own, &refusal.message);
        }
        match refusal.class {
            Class::Unproven if refusal.code == "invalid_client" => Self::client(false),
            Class::Throttled => Self {
                status: 429,
                retry_after: Some(wait_in(&refusal.message).unwrap_or(60)),
                ..Self::new("temporarily_unavailable", &refusal.message)
            },
            Class::Unavailable => Self::unavailable(&refusal.message),
            Class::Forbidden | Class::Unproven => Self::new("unauthorized_client", &refusal.message),
            Class::Invalid | Class::NotFound => Self::request(&refusal.message),
            Class::Conflict => Self::new("invalid_grant", &refusal.message),
        }
    }
}

/// What something below us found wrong with a request to an OAuth endpoint.
impl From<Problem> for OauthError {
    fn from(problem: Problem) -> Self {
        let error = match problem.status.as_u16() {
            500..=502 | 504.. => "server_error",
            503 | 429 => "temporarily_unavailable",
            _ => "invalid_request",
        };
        Self {
            status: problem.status.as_u16(),
            retry_after: problem.retry_after,
            ..Self::new(error, &problem.detail)
        }
    }
}

impl std::fmt::Display for OauthError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.error)
    }
}

impl ResponseError for OauthError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status());
        answer
            .insert_header((header::CONTENT_TYPE, "application/json"))
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"));
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if self.challenge {
            answer.insert_header((header::WWW_AUTHENTICATE, r#"Basic realm="hallpass", charset="UTF-8""#));
        }
        answer.body(self.to_json())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spelled_as_in_the_rfcs() {
        let error = OauthError::client(true).error_response();
        assert_eq!(error.status(), 401);
        assert!(error.headers().get("www-authenticate").unwrap().to_str().unwrap().starts_with("Basic "));
        assert!(OauthError::client(false).error_response().headers().get("www-authenticate").is_none());
        let json = OauthError::scope("no \"grant\" of “db-read”…\n")
            .ask_at("https://a/api/v1/requests".to_owned())
            .to_json();
        assert_eq!(
            json,
            r#"{"error":"invalid_scope","error_description":"no 'grant' of 'db-read'.?","request_uri":"https://a/api/v1/requests"}"#
        );
    }

    #[test]
    fn refusals_become_codes() {
        let of = |class, code, message: &str| OauthError::from(Refusal::new(class, code, message));
        assert_eq!(of(Class::Unproven, "authorization_pending", "").error, "authorization_pending");
        assert_eq!(of(Class::Conflict, "slow_down", "").error, "slow_down");
        assert_eq!(
            (
                of(Class::Unproven, "invalid_client", "").error,
                of(Class::Unproven, "invalid_client", "").status
            ),
            ("invalid_client", 401)
        );
        let throttled = of(
            Class::Throttled,
            "too_many_tries",
            "Too many tries from here. Wait 40 seconds, then try again.",
        );
        assert_eq!((throttled.status, throttled.retry_after), (429, Some(40)));
        assert_eq!(of(Class::Unavailable, "store_unavailable", "").status, 503);
        let large = OauthError::from(Problem::of_status(StatusCode::PAYLOAD_TOO_LARGE));
        assert_eq!((large.error, large.status), ("invalid_request", 413));
    }
}
