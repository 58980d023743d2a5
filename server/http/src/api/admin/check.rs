//! `POST /api/v1/admin/catalogue/targets/{name}/check`: tries a target with a throw-away account.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::admin::TargetTried;
use hallpass_broker::log_scope;
use hallpass_client::wire::admin::{CheckOutcome, TargetCheck};

use crate::api::answer::Answer;
use crate::api::idempotency::once;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Tries a target: creates a throw-away account, uses it, and removes it.
#[utoipa::path(post, path = "/api/v1/admin/catalogue/targets/{name}/check", tag = "Catalogue", params(("name" = String, Path)),
    responses((status = 200, body = TargetCheck), (status = "default", body = ProblemBody)))]
pub async fn check(
    state: web::Data<AppState>,
    req: HttpRequest,
    name: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let _readable = state.broker.overseen(&who.caller).await?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        // The account is removed also where the caller hangs up.
        let trying = async move { broker.check_target(&caller, &name).await };
        let trying = tokio::spawn(log_scope::carried(trying));
        let tried = trying
            .await
            .map_err(|_| Problem::of_status(actix_web::http::StatusCode::INTERNAL_SERVER_ERROR))??;
        Answer::ok(&shape(&tried))
    })
    .await
}

/// On the wire.
pub fn shape(tried: &TargetTried) -> TargetCheck {
    TargetCheck {
        target: tried.target.clone(),
        outcome: CheckOutcome::parse(tried.outcome.as_str()).unwrap_or(CheckOutcome::Unreachable),
        databases: tried.databases.clone(),
        version: tried.version.clone(),
        problems: tried.problems.clone(),
    }
}
