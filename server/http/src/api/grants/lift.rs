//! `POST /api/v1/grants/{id}/lift`.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::grants::Grant;
use hallpass_domain::ids::GrantId;

use crate::api::answer::Answer;
use crate::api::idempotency::once;
use crate::api::shapes::grant::whole;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Lets a workload have a standing role again whose grant was revoked: administrators only.
#[utoipa::path(post, path = "/api/v1/grants/{id}/lift", tag = "Grants", params(("id" = String, Path)),
    responses((status = 200, body = Grant), (status = "default", body = ProblemBody)))]
pub async fn lift(
    state: web::Data<AppState>,
    req: HttpRequest,
    id: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let id: GrantId = params::id(&id, "grant")?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        let grant = broker.visible_grant(&caller, id).await?;
        broker.lift_standing_block(&caller, id).await?;
        Answer::ok(&whole(&broker, &caller, &grant).await?)
    })
    .await
}
