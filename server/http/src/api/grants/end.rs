//! `POST /api/v1/grants/{id}/end`.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::Empty;
use hallpass_client::wire::grants::Grant;
use hallpass_domain::ids::GrantId;
use hallpass_domain::refusal::Refusal;

use super::is_over;
use crate::api::answer::Answer;
use crate::api::idempotency::once;
use crate::api::shapes::grant::whole;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Ends a grant at once, by its holder; one that is over stays as it is.
#[utoipa::path(post, path = "/api/v1/grants/{id}/end", tag = "Grants", params(("id" = String, Path)), request_body = Empty,
    responses((status = 200, body = Grant), (status = "default", body = ProblemBody)))]
pub async fn end(
    state: web::Data<AppState>,
    req: HttpRequest,
    id: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let Empty {} = body.json(req.headers())?;
    let id: GrantId = params::id(&id, "grant")?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        let held = broker.visible_grant(&caller, id).await?;
        if !broker.holds(&caller, &held).await? {
            return Err(Refusal::forbidden(
                "not_holder",
                "Only the holder ends a grant this way; administrators and approvers may revoke it.",
            )
            .into());
        }
        let now = if is_over(&held, broker.now()) {
            held
        } else {
            match broker.release_grant(&caller, id).await {
                Ok(ended) => ended,
                // It ended at this very moment: what was asked for is so.
                Err(refusal) if refusal.code == "already_over" => broker.visible_grant(&caller, id).await?,
                Err(refusal) => return Err(refusal.into()),
            }
        };
        Answer::ok(&whole(&broker, &caller, &now).await?)
    })
    .await
}
