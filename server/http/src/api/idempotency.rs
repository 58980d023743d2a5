//! `Idempotency-Key`: a POST that is sent again is done once (draft-ietf-httpapi-idempotency-key-header).
//!
//! The scope is principal, client, method and path; the record carries the hash of the body. Asking records its answer in
//! the transaction that stores the request. Everything else records it right after: those verbs cannot be done twice by
//! their own rules (a decision counts once, an ended grant stays ended). Issuing and making a client's new secret could
//! be: their key is reserved in the store before the work, so that of two servers that get it at once one works and the
//! other answers `in_flight`. A server that dies over it leaves the reservation, which ends by itself; the secret is gone
//! then, and the key issues anew.
use std::future::Future;

use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, ResponseError, web};
use chrono::Duration;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use data_encoding::HEXLOWER;
use hallpass_broker::broker::{uncommitted, unreadable};
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::transition::{Idempotency, Transition};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use super::answer::{Answer, Keep};
use crate::bearer::ApiCaller;
use crate::problem::{Mistake, Problem};
use crate::state::AppState;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Hours for which an answer is kept.
const KEPT_HOURS: i64 = 24;
const MAX_KEY: usize = 128;
/// Seconds for which a key is reserved: longer than any issuing takes.
const RESERVED: i64 = 60;
/// What the record of an asked request says in place of its reference, until the broker has drawn one.
pub const REFERENCE: &str = "{reference}";

/// Keys at work in this process.
#[derive(Debug, Default)]
pub struct InFlight(DashMap<(String, String), ()>);

impl InFlight {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }
    /// Takes a key until the guard is dropped; nothing while somebody else has it.
    fn enter(&self, state: &web::Data<AppState>, scope: &str, key: &str) -> Option<Guard> {
        match self.0.entry((scope.to_owned(), key.to_owned())) {
            Entry::Occupied(_) => None,
            Entry::Vacant(free) => {
                free.insert(());
                Some(Guard(state.clone(), (scope.to_owned(), key.to_owned())))
            }
        }
    }
}

struct Guard(web::Data<AppState>, (String, String));

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.in_flight.0.remove(&self.1);
    }
}

/// What is stored.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kept", rename_all = "snake_case")]
enum Record {
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
struct Kept {
    line: Option<u32>,
    path: Option<String>,
    message: String,
}

/// How a recorded ask is answered again.
pub type Again<'a> =
    &'a dyn Fn(String) -> futures_util::future::LocalBoxFuture<'static, Result<Answer, Problem>>;

/// As [`once`], for work that its own rules let happen twice: the key is reserved in the store before it.
///
/// # Errors
/// As [`once`].
pub async fn once_reserved<W, F>(
    state: &web::Data<AppState>,
    req: &HttpRequest,
    caller: &ApiCaller,
    body: &[u8],
    work: W,
) -> Result<HttpResponse, Problem>
where
    W: FnOnce() -> F,
    F: Future<Output = Result<Answer, Problem>> + 'static,
{
    perform(state, req, caller, body, None, true, |_| work()).await
}

/// Does `work` once for a key. Without a key it is simply done. With one it goes on where the caller hangs up, so that
/// what was done is also recorded. `work` is given the record to store in its own transaction, if it can.
///
/// # Errors
/// What `work` refuses; 400 `malformed` for a key that is none, 422 `idempotency_key_reused`, 409 `in_flight`,
/// 409 `issued_not_retrievable`.
pub async fn once<W, F>(
    state: &web::Data<AppState>,
    req: &HttpRequest,
    caller: &ApiCaller,
    body: &[u8],
    again: Option<Again<'_>>,
    work: W,
) -> Result<HttpResponse, Problem>
where
    W: FnOnce(Option<Idempotency>) -> F,
    F: Future<Output = Result<Answer, Problem>> + 'static,
{
    perform(state, req, caller, body, again, false, work).await
}

async fn perform<W, F>(
    state: &web::Data<AppState>,
    req: &HttpRequest,
    caller: &ApiCaller,
    body: &[u8],
    again: Option<Again<'_>>,
    reserving: bool,
    work: W,
) -> Result<HttpResponse, Problem>
where
    W: FnOnce(Option<Idempotency>) -> F,
    F: Future<Output = Result<Answer, Problem>> + 'static,
{
    let Some(key) = key_of(req)? else { return work(None).await.map(Into::into) };
    let client = caller.caller.client().map(|c| c.to_string()).unwrap_or_default();
    let scope = format!("{} {client} {} {}", caller.caller.principal(), req.method(), req.path());
    let body_hash = HEXLOWER.encode(digest(&SHA256, body).as_ref());
    let guard = state.in_flight.enter(state, &scope, &key).ok_or_else(in_flight)?;
    if let Some(kept) = kept(state, &scope, &key).await? {
        return replay(&kept, &body_hash, again).await;
    }
    let template =
        serde_json::to_string(&Record::Asked { reference: REFERENCE.to_owned() }).unwrap_or_default();
    let mut record = Idempotency {
        scope,
        key,
        body_hash,
        answer: template,
        expires_at: state.broker.now() + Duration::hours(KEPT_HOURS),
        replaces: None,
    };
    if reserving {
        match reserve(state, &record).await? {
            Some(reserved) => record.replaces = Some(reserved),
            None => {
                let kept = kept(state, &record.scope, &record.key).await?.ok_or_else(in_flight)?;
                return replay(&kept, &record.body_hash, again).await;
            }
        }
    }
    let (done, state) = (work(Some(record.clone())), state.clone());
    let whole = actix_web::rt::spawn(async move {
        let done = done.await;
        store(&state, record, &done).await;
        drop(guard);
        done
    });
    whole.await.unwrap_or_else(|_| Err(Problem::internal())).map(Into::into)
}

/// What is recorded for a key, as long as it counts.
async fn kept(state: &web::Data<AppState>, scope: &str, key: &str) -> Result<Option<Idempotency>, Problem> {
    let found = state.broker.store.idempotent_answer(scope, key).await.map_err(unreadable)?;
    Ok(found.filter(|k| k.expires_at > state.broker.now()))
}

/// Takes a key for this work alone; what then stands there, or nothing where somebody else has it.
async fn reserve(state: &web::Data<AppState>, record: &Idempotency) -> Result<Option<String>, Problem> {
    let now = state.broker.now();
    let answer = serde_json::to_string(&Record::Reserved { by: uuid::Uuid::new_v4() })
        .map_err(|_| Problem::internal())?;
    let mut transition = Transition::new(now);
    transition.idempotency = Some(Idempotency {
        answer: answer.clone(),
        expires_at: now + Duration::seconds(RESERVED),
        ..record.clone()
    });
    match state.broker.commit(transition).await {
        Ok(()) => Ok(Some(answer)),
        Err(CommitError::Conflict(_)) => Ok(None),
        Err(error) => Err(uncommitted(error).into()),
    }
}

fn key_of(req: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut sent = req.headers().get_all(HEADER);
    let Some(value) = sent.next() else { return Ok(None) };
    let good = value.to_str().ok().filter(|k| {
        (1..=MAX_KEY).contains(&k.len()) && k.bytes().all(|b| b.is_ascii_graphic()) && sent.next().is_none()
    });
    match good {
        Some(key) => Ok(Some(key.to_owned())),
        None => Err(Problem::new(
            StatusCode::BAD_REQUEST,
            "malformed",
            "Idempotency-Key must be one header of 1 to 128 visible ASCII characters.",
        )),
    }
}

fn in_flight() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "in_flight",
        "The first request with this Idempotency-Key is still at work. Try again in a second.",
    )
    .retry_in(1)
}

async fn replay(
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
            Answer { status: status_of(status), location, body, keep: Keep::Recorded }
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
fn record_of(done: &Result<Answer, Problem>) -> Option<Record> {
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

async fn store(state: &AppState, record: Idempotency, done: &Result<Answer, Problem>) {
    let now = state.broker.now();
    let mut transition = Transition::new(now);
    transition.idempotency = match record_of(done).and_then(|r| serde_json::to_string(&r).ok()) {
        Some(answer) => Some(Idempotency { answer, ..record }),
        // Nothing is kept, so that it can be tried again: the reservation ends now.
        None if record.replaces.is_some() => Some(Idempotency { expires_at: now, ..record }),
        None => return,
    };
    match state.broker.commit(transition).await {
        // Another server did the same at the same moment: its record counts.
        Ok(()) | Err(CommitError::Conflict(_)) => {}
        Err(error) => tracing::warn!(%error, "an answer was not recorded for its Idempotency-Key"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    #[test]
    fn keys_are_visible_ascii() {
        let key = |values: &[&str]| {
            key_of(
                &values
                    .iter()
                    .fold(TestRequest::post(), |r, v| r.append_header((HEADER, *v)))
                    .to_http_request(),
            )
        };
        assert_eq!(key(&[]).unwrap(), None);
        assert_eq!(key(&["build-7:1"]).unwrap().as_deref(), Some("build-7:1"));
        for bad in [&[""][..], &["a b"], &["ü"], &[&"a".repeat(129)], &["a", "b"]] {
            assert_eq!(&*key(bad).unwrap_err().code, "malformed", "{bad:?}");
        }
    }

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
