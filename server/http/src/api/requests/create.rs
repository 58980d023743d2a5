//! `POST /api/v1/requests`.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::requests::{NewRequest, RequestOutcome};
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request as domain;
use hallpass_domain::request::RequestState;
use hallpass_domain::role::Role;

use super::{ask, dry_run};
use crate::api::answer::{Answer, Keep};
use crate::api::idempotency::once;
use crate::api::shapes::{grant, request};
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Asks; or says what would happen (`dry_run`), or what the caller has already (`if_needed`).
#[utoipa::path(post, path = "/api/v1/requests", tag = "Requests", request_body = NewRequest,
    responses((status = 201, body = RequestOutcome), (status = 200, body = RequestOutcome), (status = "default", body = ProblemBody)))]
pub async fn create(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let asked: NewRequest = body.json(req.headers())?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    let again =
        |reference: String| -> futures_util::future::LocalBoxFuture<'static, Result<Answer, Problem>> {
            let (broker, caller) = (Arc::clone(&broker), caller.clone());
            Box::pin(async move {
                let found = super::readable(&broker, &caller, &reference).await?;
                created(&broker, &caller, &found).await
            })
        };
    once(&state, &req, &who, &body.0, Some(&again), |record| {
        let (broker, caller) = (Arc::clone(&broker), caller.clone());
        async move {
            let catalogue = broker.catalogue().await?;
            let form = ask::read(&catalogue, &caller, &asked, broker.now())?;
            let role = ask::role(&catalogue, &caller, &form.role)?;
            if asked.dry_run {
                return Answer::ok(&RequestOutcome::DryRun {
                    dry_run: Box::new(dry_run::dry_run(&broker, &caller, &form, &catalogue).await?),
                });
            }
            if asked.if_needed
                && let Some(current) = current(&broker, &caller, role, &form).await?
            {
                return Answer::ok(&current);
            }
            let recorded = record.is_some();
            match broker.submit_request(&caller, &form, record).await {
                Ok(made) => {
                    let answer = created(&broker, &caller, &made).await?;
                    Ok(if recorded { answer.keeping(Keep::Recorded) } else { answer })
                }
                Err(refusal) => Err(refused(&broker, &caller, role, &form, refusal).await),
            }
        }
    })
    .await
}

async fn created(broker: &Broker, caller: &Caller, made: &domain::Request) -> Result<Answer, Problem> {
    let shown = request::request(broker, caller, made).await?;
    Answer::created(
        format!("/api/v1/requests/{}", shown.reference),
        &RequestOutcome::Created { request: Box::new(shown) },
    )
}

/// The active grant, else the pending request, that covers what is asked for.
async fn current(
    broker: &Broker,
    caller: &Caller,
    role: &Role,
    form: &AskForm,
) -> Result<Option<RequestOutcome>, Problem> {
    let held = broker.usable_grant(caller.principal(), role.id).await?;
    if let Some(held) = held.filter(|g| form.scope.is_within(&g.scope)) {
        let grant = Some(Box::new(grant::whole(broker, caller, &held).await?));
        return Ok(Some(RequestOutcome::Current { grant, request: None }));
    }
    let pending = pending(broker, caller, role).await?.into_iter().find(|p| form.scope.is_within(&p.scope));
    let Some(pending) = pending else { return Ok(None) };
    let request = Some(Box::new(request::request(broker, caller, &pending).await?));
    Ok(Some(RequestOutcome::Current { grant: None, request }))
}

async fn pending(broker: &Broker, caller: &Caller, role: &Role) -> Result<Vec<domain::Request>, Refusal> {
    let filter = RequestFilter {
        of: Some(caller.principal()),
        state: Some(RequestState::Pending),
        role: Some(role.id),
    };
    let mut found = broker.store.requests(&filter, Page::first(50)).await.map_err(unreadable)?;
    let now = broker.now();
    found.retain(|r| r.subject == caller.principal() && now < r.decide_by);
    Ok(found)
}

/// A refusal to ask twice names the request that waits.
async fn refused(broker: &Broker, caller: &Caller, role: &Role, form: &AskForm, refusal: Refusal) -> Problem {
    let twice = matches!(refusal.code, "already_asked" | "too_many_pending");
    let problem = Problem::from(refusal);
    let waiting = if twice { pending(broker, caller, role).await.unwrap_or_default() } else { Vec::new() };
    let same = waiting.iter().find(|p| p.scope == form.scope).or(waiting.first());
    match same {
        Some(waiting) => problem.about(waiting.reference.clone()),
        None => problem,
    }
}
