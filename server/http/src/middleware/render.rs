//! Writes what an error answer says: the problem was chosen by a handler, its words depend on who reads it.
use actix_web::body::BoxBody;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, HttpResponseBuilder};
use hallpass_broker::views::Shell;
use hallpass_broker::views::error::ErrorView;

use super::Area;
use crate::pages::typed::Typed;
use crate::problem::{Problem, title};
use crate::state::AppState;

/// Gives an error without words its words; an answer that has a body of its own is left alone.
pub fn render(
    state: &AppState,
    area: Area,
    path: &str,
    request_id: &str,
    answer: &mut HttpResponse<BoxBody>,
) {
    let status = answer.status();
    if !(status.is_client_error() || status.is_server_error()) || has_words(answer) {
        return;
    }
    let found = answer.extensions_mut().remove::<Problem>();
    let problem = found.unwrap_or_else(|| Problem::of_status(status));
    let typed = answer.extensions_mut().remove::<Typed>();
    let words = words(state, area, path, request_id, problem, typed);
    let (status, kind, body) = words;
    *answer.status_mut() = status.0;
    if let Some(seconds) = status.1 {
        answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    if let Some(challenge) = status.2 {
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static(challenge));
    }
    answer.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static(kind));
    let taken = std::mem::replace(answer, HttpResponse::new(StatusCode::INTERNAL_SERVER_ERROR));
    *answer = taken.set_body(BoxBody::new(body));
}

/// A whole error answer, for what has no answer yet (a panic, a time-out).
pub fn answer(state: &AppState, area: Area, path: &str, request_id: &str, problem: Problem) -> HttpResponse {
    let mut answer = HttpResponseBuilder::new(problem.status).finish();
    answer.extensions_mut().insert(problem);
    render(state, area, path, request_id, &mut answer);
    answer
}

fn has_words(answer: &HttpResponse<BoxBody>) -> bool {
    let kind = answer.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok());
    kind.is_some_and(|kind| !kind.starts_with("text/plain")) || answer.extensions().contains::<Worded>()
}

/// Marks an error whose plain text is meant as it is.
#[derive(Clone, Copy, Debug)]
pub struct Worded;

type Line = (StatusCode, Option<u64>, Option<&'static str>);

fn words(
    state: &AppState,
    area: Area,
    path: &str,
    request_id: &str,
    problem: Problem,
    typed: Option<Typed>,
) -> (Line, &'static str, String) {
    let line = |p: &Problem| (p.status, p.retry_after, p.challenge);
    match area {
        Area::Api => {
            let problem = problem.in_api_words();
            let body = serde_json::to_string(&problem.body(&state.config.base_url, path, request_id))
                .unwrap_or_default();
            (line(&problem), "application/problem+json", body)
        }
        Area::Oauth => {
            let error = crate::oauth::error::OauthError::from(problem.clone());
            let status = error.status();
            ((status, problem.retry_after, None), "application/json", error.to_json())
        }
        Area::Ops | Area::Assets => (
            line(&problem),
            "text/plain; charset=utf-8",
            format!("{} {}\n", problem.status.as_u16(), title(problem.status)),
        ),
        Area::Pages => {
            let mut view = view(&problem, request_id);
            if problem.status == StatusCode::PAYLOAD_TOO_LARGE {
                view.message = format!(
                    "What was sent is larger than the {} KiB that this page takes, so nothing of it was read. Shorten it, and send it again.",
                    state.config.limits.body / 1024
                );
            }
            if let Some(typed) = typed {
                typed.shown_in(&mut view);
            }
            let page = hallpass_views::error::page(&bare_shell(state, path), &view);
            (
                line(&problem),
                "text/html; charset=utf-8",
                page.unwrap_or_else(|_| title(problem.status).to_owned()),
            )
        }
    }
}

/// A frame without a person: for errors outside a page's own handler.
fn bare_shell(state: &AppState, path: &str) -> Shell {
    Shell {
        instance: state.config.organisation.clone(),
        person: None,
        inbox_count: 0,
        active_count: 0,
        csrf: String::new(),
        zone: "UTC".to_owned(),
        now: state.broker.now(),
        path: path.to_owned(),
        demo: None,
        standing: None,
        flash: None,
    }
}

/// A problem as the error page shows it.
pub fn view(problem: &Problem, request_id: &str) -> ErrorView {
    // Statuses that the page has no usual words for show the problem's own.
    let usual = matches!(problem.status.as_u16(), 404 | 413 | 500 | 503);
    ErrorView {
        status: problem.status.as_u16(),
        code: problem.code.to_string(),
        title: if usual { String::new() } else { title(problem.status).to_owned() },
        message: if usual && problem.status != StatusCode::SERVICE_UNAVAILABLE {
            String::new()
        } else {
            problem.detail.clone()
        },
        next: None,
        links: Vec::new(),
        request_id: request_id.to_owned(),
        retry_after_seconds: problem.retry_after.and_then(|s| i64::try_from(s).ok()),
        typed: Vec::new(),
    }
}
