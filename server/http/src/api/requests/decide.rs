//! `POST /api/v1/requests/{reference}/decisions`.
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_broker::requests::decide::DecisionForm;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::common::Verdict;
use hallpass_client::wire::requests::{NewDecision, Request};
use hallpass_domain::refusal::Class;
use hallpass_domain::request as domain;
use hallpass_domain::request::decide::{closed, may_decide};
use hallpass_domain::text::LONGEST_REASON;
use hallpass_domain::window::{WindowError, parse_duration};

use super::ask::{text_problem, time_problem};
use super::readable;
use crate::api::answer::Answer;
use crate::api::idempotency::once;
use crate::api::shapes::{request, words};
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Approves or denies, once.
#[utoipa::path(post, path = "/api/v1/requests/{reference}/decisions", tag = "Requests", params(("reference" = String, Path)), request_body = NewDecision,
    responses((status = 201, body = Request),
        (status = 401, body = ProblemBody, description = "`step_up_required`: this stage asks for a fresh second factor, which no API token can give; `id` is the page of the portal where it is decided. Else `not_signed_in` or `invalid_token`."),
        (status = "default", body = ProblemBody)))]
pub async fn decide(
    state: web::Data<AppState>,
    req: HttpRequest,
    reference: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let new: NewDecision = body.json(req.headers())?;
    let verdict = words::verdict(new.verdict)?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        let asked = readable(&broker, &caller, &reference).await?;
        let human = caller.human()?;
        let cap_seconds = check(&broker, &caller, &asked, &new).await?;
        let form = DecisionForm {
            verdict,
            cap_seconds,
            comment: new.comment.unwrap_or_default(),
            digest: new.digest,
        };
        // An API token proves a session at most: where the stage asks for a second factor, its page in the portal is the
        // place, and no code is taken here.
        let (decided, _) = broker
            .decide_request(&human, &asked.reference, &form, None)
            .await
            .map_err(|r| at_page(&broker, &asked, r.into()))?;
        let shown = request::request(&broker, &caller, &decided).await?;
        Answer::json(StatusCode::CREATED, &shown)
    })
    .await
}

/// The checks in the order that `docs/api.md` promises; the use case makes all of them again, and sees that a shortening is one. The shortening, seconds.
async fn check(
    broker: &Broker,
    caller: &Caller,
    asked: &domain::Request,
    new: &NewDecision,
) -> Result<Option<i64>, Problem> {
    let now = broker.now();
    if let Some(over) = closed(asked, now) {
        return Err(over.into());
    }
    let user = caller.human()?.user();
    let decisions = broker.store.decisions(asked.id).await.map_err(unreadable)?;
    let catalogue = broker.catalogue().await?;
    may_decide(&catalogue, asked, &decisions, user, now).map_err(|refusal| match refusal.class {
        Class::NotFound => Problem::new(
            StatusCode::FORBIDDEN,
            "not_approver",
            "You may read this request, and it is not yours to decide.",
        ),
        _ => refusal.into(),
    })?;
    if new.digest != asked.digest {
        return Err(Problem {
            field: Some("digest".into()),
            ..Problem::new(
                StatusCode::CONFLICT,
                "digest_changed",
                "This digest is not the request's. Look at the request again before you decide.",
            )
        });
    }
    text_problem(
        "comment",
        new.comment.as_deref().unwrap_or_default(),
        LONGEST_REASON,
        new.verdict == Verdict::Deny,
    )?;
    let Some(length) = new.length.as_deref() else { return Ok(None) };
    if new.verdict == Verdict::Deny {
        return Err(Problem::wrong("wrong_value", "for", "A shortening goes with approve only."));
    }
    let seconds = parse_duration(length).map_err(|e| time_problem(&e, "for"))?;
    if seconds <= 0 {
        return Err(time_problem(&WindowError::NotPositive, "for"));
    }
    Ok(Some(seconds))
}

/// A missing second factor: where it can be given.
fn at_page(broker: &Broker, asked: &domain::Request, problem: Problem) -> Problem {
    if !matches!(&*problem.code, "browser_needed" | "step_up_needed") {
        return problem;
    }
    let page = format!("{}/r/{}", broker.settings.base_url, asked.reference);
    Problem {
        detail: format!("This decision needs your second factor in a browser: decide at {page}."),
        id: Some(page),
        ..problem
    }
}
