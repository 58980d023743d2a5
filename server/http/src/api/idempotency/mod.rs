//! `Idempotency-Key`: a POST that is sent again is done once (draft-ietf-httpapi-idempotency-key-header).
//!
//! The scope is principal, client, method and path; the record carries the hash of the body. Asking records its answer in
//! the transaction that stores the request. Everything else records it right after: those verbs cannot be done twice by
//! their own rules (a decision counts once, an ended grant stays ended). Issuing and making a client's new secret could
//! be: their key is reserved in the store before the work, so that of two servers that get it at once one works and the
//! other answers `in_flight`. A server that dies over it leaves the reservation, which ends by itself; the secret is gone
//! then, and the key issues anew. Issuing that was too slow leaves nothing, so its reservation ends at once. Where the caller
//! hung up, the login is removed that nobody has the password of, and its key says `issued_not_retrievable`.
mod record;

use std::future::Future;

use actix_web::http::StatusCode;
use actix_web::http::header::HeaderName;
use actix_web::{HttpRequest, HttpResponse, web};
use chrono::Duration;
use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use data_encoding::HEXLOWER;
use hallpass_broker::broker::{uncommitted, unreadable};
use hallpass_broker::log_scope;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::transition::{Idempotency, Transition};
use ring::digest::{SHA256, digest};

pub use record::Again;
use record::{Record, record_of, replay};

use super::answer::Answer;
use crate::bearer::ApiCaller;
use crate::problem::Problem;
use crate::state::AppState;

const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
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
    let whole = async move {
        let done = done.await;
        store(&state, record, &done).await;
        drop(guard);
        done
    };
    actix_web::rt::spawn(log_scope::carried(whole))
        .await
        .unwrap_or_else(|_| Err(Problem::internal()))
        .map(Into::into)
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
}
