//! What is kept of an answer under its key, and how it is answered again.
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpResponse, ResponseError};
use hallpass_domain::transition::Idempotency;
use serde::{Deserialize, Serialize};

use super::in_flight;
use crate::api::answer::{Answer, Keep};
use crate::problem::{Mistake, Problem};

const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// What is stored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kept", rename_all = "snake_case")]
pub(super) enum Record {
    /// An answer.
    Answer { status: u16, location: Option<String>, body: String },
    /// Somebody is at work; `by` is theirs alone.
    Reserved { by: uuid::Uuid },
    /// Something secret was given out.
    Issued { id: String },
    /// A request was asked: its answer is made again from the request.
    Asked { reference: String },
    /// A refusal with status 4xx.
    Refused {
        status: u16,
        code: String,
        detail: String,
        field: Option<String>,
        id: Option<String>,
        errors: Vec<Kept>,
    },
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    line: Option<u32>,
    path: Option<String>,
    message: String,
}

/// How a recorded ask is answered again.
pub type Again<'a> =
    &'a dyn Fn(String) -> futures_util::future::LocalBoxFuture<'static, Result<Answer, Problem>>;

/// Answers again what is kept.
///
/// # Errors
/// 422 `idempotency_key_reused` for another body, 409 `in_flight`, 409 `issued_not_retrievable`.
pub(super) async fn replay(
    kept: &Idempotency,
    body_hash: &str,
    again: Option<Again<'_>>,
) -> Result<HttpResponse, Problem> {
    if kept.body_hash != body_hash {
        return Err(Problem::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency_key_reused",
            "This Idempotency-Key was used with another body. Take a new key for another request.",
        ));
    }
    let record: Record = serde_json::from_str(&kept.answer).map_err(|error| {
        tracing::error!(%error, "a recorded answer cannot be read");
        Problem::internal()
    })?;
    let answer = match (record, again) {
        (Record::Answer { status, location, body }, _) => {
            Answer { status: status_of(status), location, body, keep: Keep::Recorded, handing: None }
        }
        (Record::Asked { reference }, Some(again)) => again(reference).await?,
        (Record::Asked { .. }, None) => return Err(Problem::internal()),
        (Record::Reserved { .. }, _) => return Err(in_flight()),
        (Record::Issued { id }, _) => {
            let text = "This key issued a credential already, and secrets are given once. Issue another one with a new key.";
            return Err(Problem::new(StatusCode::CONFLICT, "issued_not_retrievable", text).about(id));
        }
        (Record::Refused { status, code, detail, field, id, errors }, _) => {
            let errors = errors
                .into_iter()
                .map(|e| Mistake { line: e.line, path: e.path, message: e.message })
                .collect();
            let again = Problem {
                code: code.into(),
                field: field.map(Into::into),
                id,
                errors,
                ..Problem::new(status_of(status), "conflict", detail)
            };
            return Ok(replayed(again.error_response()));
        }
    };
    Ok(replayed(HttpResponse::from(answer)))
}

/// Marks an answer as one that was given before.
fn replayed(mut answer: HttpResponse) -> HttpResponse {
    answer.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    answer
}

fn status_of(status: u16) -> StatusCode {
    StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
}

/// What is kept of an outcome; nothing of 429 and 5xx, so that they can be tried again.
pub(super) fn record_of(done: &Result<Answer, Problem>) -> Option<Record> {
    match done {
        Ok(answer) => {
            let whole = |body: &str| Record::Answer {
                status: answer.status.as_u16(),
                location: answer.location.clone(),
                body: body.to_owned(),
            };
            match &answer.keep {
                Keep::Whole => Some(whole(&answer.body)),
                Keep::Without(body) => Some(whole(body)),
                Keep::Issued(id) => Some(Record::Issued { id: id.clone() }),
                Keep::Recorded => None,
            }
        }
        Err(problem) => {
            let problem = problem.clone().in_api_words();
            (problem.status.is_client_error() && problem.status != StatusCode::TOO_MANY_REQUESTS).then(|| {
                Record::Refused {
                    status: problem.status.as_u16(),
                    code: problem.code.to_string(),
                    detail: problem.detail,
                    field: problem.field.map(|f| f.to_string()),
                    id: problem.id,
                    errors: problem
                        .errors
                        .into_iter()
                        .map(|e| Kept { line: e.line, path: e.path, message: e.message })
                        .collect(),
                }
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_passing_trouble_are_not_kept() {
        let issued = Answer::created("/x".to_owned(), &serde_json::json!({ "password": "s3cret" }))
            .unwrap()
            .keeping(Keep::Issued("c1".to_owned()));
        assert_eq!(record_of(&Ok(issued)), Some(Record::Issued { id: "c1".to_owned() }));
        let status = |s: u16| record_of(&Err(Problem::new(status_of(s), "x", "y"))).is_some();
        assert!(status(409) && status(422) && status(404));
        assert!(!status(429) && !status(500) && !status(503));
    }

    #[actix_web::test]
    async fn the_same_body_is_replayed_and_another_one_refused() {
        let refused = Err(Problem::wrong("too_long", "for", "too long").about("R-1"));
        let answer = serde_json::to_string(&record_of(&refused).unwrap()).unwrap();
        let kept = Idempotency {
            scope: String::new(),
            key: String::new(),
            body_hash: "h".to_owned(),
            answer,
            expires_at: chrono::DateTime::UNIX_EPOCH,
            replaces: None,
        };
        let again = replay(&kept, "h", None).await.unwrap();
        assert_eq!(again.headers().get(REPLAYED).unwrap().to_str().unwrap(), "true");
        let problem = again.extensions().get::<Problem>().cloned().unwrap();
        assert_eq!(
            (&*problem.code, problem.status.as_u16(), problem.field.as_deref(), problem.id.as_deref()),
            ("too_long", 422, Some("for"), Some("R-1"))
        );
        assert_eq!(&*replay(&kept, "other", None).await.unwrap_err().code, "idempotency_key_reused");
        let good = record_of(&Answer::ok(&1)).unwrap();
        let kept = Idempotency { answer: serde_json::to_string(&good).unwrap(), ..kept };
        let answer = replay(&kept, "h", None).await.unwrap();
        assert_eq!(
            (answer.status().as_u16(), answer.headers().get(REPLAYED).unwrap().to_str().unwrap()),
            (200, "true")
        );
    }
}
