//! `POST /api/v1/requests/{reference}/withdraw`.
use std::sync::Arc;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::Empty;
use hallpass_client::wire::requests::Request;
use hallpass_domain::request::RequestState;

use super::readable;
use crate::api::answer::Answer;
use crate::api::idempotency::once;
use crate::api::shapes::request;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Takes a pending request back, for who asked or owns the workload that did; one that is taken back already stays so.
#[utoipa::path(post, path = "/api/v1/requests/{reference}/withdraw", tag = "Requests", params(("reference" = String, Path)), request_body = Empty,
    responses((status = 200, body = Request), (status = "default", body = ProblemBody)))]
pub async fn withdraw(
    state: web::Data<AppState>,
    req: HttpRequest,
    reference: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let Empty {} = body.json(req.headers())?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        let asked = readable(&broker, &caller, &reference).await?;
        if !broker.is_requester(&caller, &asked).await? {
            return Err(Problem::new(
                StatusCode::FORBIDDEN,
                "duty_needed",
                "Only those who asked, or own the workload that did, take a request back.",
            ));
        }
        let now = if asked.state == RequestState::Withdrawn {
            asked
        } else {
            broker.withdraw_request(&caller, &asked.reference).await?
        };
        Answer::ok(&request::request(&broker, &caller, &now).await?)
    })
    .await
}
