//! `GET /api/v1/roles/{name}`.
use actix_web::{HttpResponse, web};
use hallpass_client::wire::roles::Role;

use super::{holdings, is_visible, shape};
use crate::api::answer;
use crate::bearer::ApiCaller;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// One role.
#[utoipa::path(get, path = "/api/v1/roles/{name}", tag = "Roles", params(("name" = String, Path)), responses((status = 200, body = Role), (status = "default", body = ProblemBody)))]
pub async fn show(
    state: web::Data<AppState>,
    name: web::Path<String>,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let (broker, caller) = (&state.broker, &who.caller);
    let catalogue = broker.catalogue().await?;
    let role = catalogue
        .role_named(&name)
        .filter(|r| is_visible(&catalogue, caller, r))
        .ok_or_else(|| Problem::not_found("role"))?;
    let held = holdings(broker, caller).await?;
    answer::show(&shape(broker, &catalogue, caller, &held, role))
}
