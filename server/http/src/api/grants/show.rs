//! `GET /api/v1/grants/{id}`.
use actix_web::{HttpResponse, web};
use hallpass_client::wire::grants::Grant;

use crate::api::answer;
use crate::api::shapes::grant::whole;
use crate::bearer::ApiCaller;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// One grant with its credentials.
#[utoipa::path(get, path = "/api/v1/grants/{id}", tag = "Grants", params(("id" = String, Path)), responses((status = 200, body = Grant), (status = "default", body = ProblemBody)))]
pub async fn show(
    state: web::Data<AppState>,
    id: web::Path<String>,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let held = state.broker.visible_grant(&who.caller, params::id(&id, "grant")?).await?;
    answer::show(&whole(&state.broker, &who.caller, &held).await?)
}
