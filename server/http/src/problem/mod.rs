//! Errors: from a refusal to a status, in this one place.
//!
//! A handler answers `Err(Problem)` (or a [`Refusal`], by `?`). What the client reads is written by
//! [`crate::middleware::render`], which knows the request: problem+json (RFC 9457) for `/api`, an error page for people.
use std::borrow::Cow;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use hallpass_domain::refusal::{Class, Refusal};
use serde::Serialize;

mod words;

use words::API_WORDS;

/// Seconds after which to try again, where nothing better is known.
const RETRY: u64 = 2;

/// Why a request is not answered as it was meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable word (`docs/api.md`).
    pub code: Cow<'static, str>,
    /// What happened and what to do, one or two sentences.
    pub detail: String,
    /// The member of the body or the parameter that it is about.
    pub field: Option<Cow<'static, str>>,
    /// The thing that it is about.
    pub id: Option<String>,
    /// Every mistake in a catalogue file.
    pub errors: Vec<Mistake>,
    /// `Retry-After`, seconds.
    pub retry_after: Option<u64>,
    /// `WWW-Authenticate`.
    pub challenge: Option<&'static str>,
}

/// One mistake in a file that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Mistake {
    /// Line, from 1, where known.
    pub line: Option<u32>,
    /// The object or member, such as `role.db-read.workflow`.
    pub path: Option<String>,
    /// What is wrong and what would be right.
    pub message: String,
}

/// The body (RFC 9457).
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub struct ProblemBody<'a> {
    /// `{base_url}/api/problems/{code}`: identifies the problem; need not resolve.
    #[serde(rename = "type")]
    pub kind: String,
    /// Short words for the status; the same for the same `code`.
    pub title: &'a str,
    /// The HTTP status, again.
    pub status: u16,
    /// What happened and what to do.
    pub detail: &'a str,
    /// Path of the request that failed, without its query.
    pub instance: &'a str,
    /// Stable word for programs.
    pub code: &'a str,
    /// The member of the body or the query parameter that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<&'a str>,
    /// Id of the HTTP request.
    pub request_id: &'a str,
    /// The thing that it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<&'a str>,
    /// Every mistake in a catalogue file.
    #[serde(skip_serializing_if = "<[Mistake]>::is_empty")]
    pub errors: &'a [Mistake],
}

impl Problem {
    /// A problem without further members.
    pub fn new(status: StatusCode, code: &'static str, detail: impl Into<String>) -> Self {
        Self {
            status,
            code: Cow::Borrowed(code),
            detail: detail.into(),
            field: None,
            id: None,
            errors: Vec::new(),
            retry_after: matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE)
                .then_some(RETRY),
            challenge: None,
        }
    }
    /// 422 about a member or parameter.
    pub fn wrong(code: &'static str, field: impl Into<Cow<'static, str>>, detail: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail) }
    }
    /// 404: absent, or not the caller's to see.
    pub fn not_found(what: &str) -> Self {
        Refusal::not_found(what).into()
    }
    /// 500; what happened is in the log.
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The fault is ours, and it is in the log under this request id. Tell whoever runs this server.",
        )
    }
    /// With the thing that it is about.
    #[must_use]
    pub fn about(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }
    /// With `WWW-Authenticate`.
    #[must_use]
    pub fn challenged(mut self, challenge: &'static str) -> Self {
        self.challenge = Some(challenge);
        self
    }
    /// With `Retry-After`.
    #[must_use]
    pub fn retry_in(mut self, seconds: u64) -> Self {
        self.retry_after = Some(seconds);
        self
    }

    /// A problem for a status that something below us chose (a path that does not exist, a method, a body's size).
    pub fn of_status(status: StatusCode) -> Self {
        let (code, detail) = match status {
            StatusCode::BAD_REQUEST => ("malformed", "The request is not of its form."),
            StatusCode::NOT_FOUND => {
                ("not_found", "There is nothing at this address, or it is not yours to see.")
            }
            StatusCode::METHOD_NOT_ALLOWED => (
                "method_not_allowed",
                "This address does not take that method; the header Allow lists those that it takes.",
            ),
            StatusCode::PAYLOAD_TOO_LARGE => ("too_large", "The body is larger than this address takes."),
            StatusCode::UNSUPPORTED_MEDIA_TYPE => {
                ("unsupported_media_type", "The body is of a type that this address does not take.")
            }
            StatusCode::SERVICE_UNAVAILABLE => {
                ("overloaded", "The server cannot answer right now. Nothing was changed; try again.")
            }
            s if s.is_client_error() => ("malformed", "The request could not be read."),
            _ => return Self { status, ..Self::internal() },
        };
        Self::new(status, code, detail)
    }

    /// The body, for a request.
    pub fn body<'a>(&'a self, base_url: &str, path: &'a str, request_id: &'a str) -> ProblemBody<'a> {
        ProblemBody {
            kind: format!("{base_url}/api/problems/{}", self.code),
            title: title(self.status),
            status: self.status.as_u16(),
            detail: &self.detail,
            instance: path,
            code: &self.code,
            field: self.field.as_deref(),
            request_id,
            id: self.id.as_deref(),
            errors: &self.errors,
        }
    }

    /// The same in the words of `/api/v1` (`docs/api.md`), where pages have finer ones.
    #[must_use]
    pub fn in_api_words(mut self) -> Self {
        if let Some((_, status, code)) = API_WORDS.iter().find(|(own, ..)| *own == self.code) {
            self.code = Cow::Borrowed(code);
            self.status = StatusCode::from_u16(*status).unwrap_or(self.status);
            if self.code == "step_up_required" {
                self.challenge = Some(r#"Bearer error="insufficient_user_authentication""#);
            }
            if self.status == StatusCode::SERVICE_UNAVAILABLE {
                self.retry_after = self.retry_after.or(Some(RETRY));
            }
        }
        self
    }
}

/// Short words for a status.
pub fn title(status: StatusCode) -> &'static str {
    match status.as_u16() {
        400 => "That could not be read",
        401 => "Prove who you are first",
        403 => "Not allowed",
        404 => "Nothing here",
        405 => "Not that method",
        409 => "It has moved on",
        413 => "Too much at once",
        415 => "Not that kind of body",
        421 => "Not this host",
        422 => "That does not fit the rules",
        429 => "Too many tries",
        502 => "The target said no",
        503 => "Not able to right now",
        _ => "That went wrong",
    }
}

/// The status of a refusal's class.
pub fn status_of(class: Class) -> StatusCode {
    match class {
        Class::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
        Class::NotFound => StatusCode::NOT_FOUND,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::Unproven => StatusCode::UNAUTHORIZED,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Throttled => StatusCode::TOO_MANY_REQUESTS,
        Class::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let mut problem = Self::new(status_of(refusal.class), refusal.code, refusal.message);
        problem.field = refusal.field.map(Cow::Borrowed);
        if refusal.class == Class::Throttled {
            problem.retry_after = Some(wait_in(&problem.detail).unwrap_or(60));
        }
        if refusal.code == "invalid_token" {
            problem.challenge = Some(r#"Bearer error="invalid_token""#);
        }
        problem
    }
}

/// The wait that a throttle tells people (`Wait 40 seconds`, `Wait 5 minutes`), in seconds.
pub fn wait_in(message: &str) -> Option<u64> {
    let mut words = message.split_once("Wait ")?.1.split_whitespace();
    let count: u64 = words.next()?.parse().ok()?;
    let seconds = match words.next()? {
        unit if unit.starts_with("hour") => 3_600,
        unit if unit.starts_with("minute") => 60,
        _ => 1,
    };
    count.checked_mul(seconds)
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.status.as_u16(), self.code)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }
    /// An answer without a body: the body is written where the request is known.
    fn error_response(&self) -> HttpResponse {
        let mut answer = HttpResponse::build(self.status);
        if let Some(seconds) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, seconds));
        }
        if let Some(challenge) = self.challenge {
            answer.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        let mut answer = answer.finish();
        answer.extensions_mut().insert(self.clone());
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_become_statuses() {
        for (class, status) in [
            (Class::Invalid, 422),
            (Class::NotFound, 404),
            (Class::Forbidden, 403),
            (Class::Unproven, 401),
            (Class::Conflict, 409),
            (Class::Throttled, 429),
            (Class::Unavailable, 503),
        ] {
            let problem = Problem::from(Refusal::new(class, "x", "y"));
            assert_eq!(problem.status.as_u16(), status);
            assert_eq!(problem.retry_after.is_some(), matches!(status, 429 | 503), "{status}");
        }
    }

    #[test]
    fn a_throttle_says_how_long() {
        assert_eq!(wait_in("Too many tries from here. Wait 40 seconds, then try again."), Some(40));
        assert_eq!(wait_in("Too many tries from here. Wait 5 minutes, then try again."), Some(300));
        assert_eq!(wait_in("Too many wrong codes. Wait 6 hours, then try again."), Some(21_600));
        assert_eq!(wait_in("No."), None);
        let answer = Problem::from(Refusal::new(Class::Throttled, "too_many_tries", "Wait 90 seconds, then"))
            .error_response();
        assert_eq!(answer.headers().get("retry-after").unwrap(), "90");
    }

    #[test]
    fn the_body_is_a_problem() {
        let problem = Problem::wrong("too_long", "for", "this role gives at most 4 h; ask for less");
        let body = serde_json::to_value(problem.body("https://a.example", "/api/v1/requests", "r1")).unwrap();
        assert_eq!(
            body,
            serde_json::json!({
                "type": "https://a.example/api/problems/too_long", "title": "That does not fit the rules", "status": 422,
                "detail": "this role gives at most 4 h; ask for less", "instance": "/api/v1/requests", "code": "too_long", "field": "for", "request_id": "r1",
            })
        );
    }
}
