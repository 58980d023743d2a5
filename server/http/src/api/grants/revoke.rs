//! `POST /api/v1/grants/{id}/revoke`.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::grants::{Grant, Revoke};
use hallpass_domain::ids::GrantId;
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::text::LONGEST_REASON;

use super::is_over;
use crate::api::answer::Answer;
use crate::api::idempotency::once;
use crate::api::requests::ask::text_problem;
use crate::api::shapes::grant::whole;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Revokes a grant at once: administrators, and whoever approved it. One that is over stays as it is.
#[utoipa::path(post, path = "/api/v1/grants/{id}/revoke", tag = "Grants", params(("id" = String, Path)), request_body = Revoke,
    responses((status = 200, body = Grant), (status = "default", body = ProblemBody)))]
pub async fn revoke(
    state: web::Data<AppState>,
    req: HttpRequest,
    id: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let asked: Revoke = body.json(req.headers())?;
    let id: GrantId = params::id(&id, "grant")?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        let held = broker.visible_grant(&caller, id).await?;
        let human = caller.human()?;
        if !human.has(Duty::Administrator) && !broker.approved_by(&held, human.user()).await? {
            return Err(Refusal::forbidden(
                "may_not_revoke",
                "Only an administrator, or somebody who approved it, may revoke this grant.",
            )
            .into());
        }
        text_problem("reason", &asked.reason, LONGEST_REASON, true)?;
        let now = if is_over(&held, broker.now()) {
            held
        } else {
            match broker.revoke_grant(&caller, id, &asked.reason).await {
                Ok(ended) => ended,
                Err(refusal) if refusal.code == "already_over" => broker.visible_grant(&caller, id).await?,
                Err(refusal) => return Err(refusal.into()),
            }
        };
        Answer::ok(&whole(&broker, &caller, &now).await?)
    })
    .await
}
