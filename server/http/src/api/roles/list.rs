//! `GET /api/v1/roles`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::Page;
use hallpass_client::wire::roles::{Role, RoleState};

use super::{holdings, is_visible, shape};
use crate::api::answer;
use crate::api::shapes::common::{has, page_by_name};
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Roles that the caller may see, by name.
#[utoipa::path(get, path = "/api/v1/roles", tag = "Roles", params(("q" = Option<String>, Query), ("eligible" = Option<bool>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<Role>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let params = Params::of(&req)?;
    let (limit, eligible) =
        (params.limit()?, params.read::<bool>("eligible", "true or false")?.unwrap_or(false));
    let (broker, caller) = (&state.broker, &who.caller);
    let catalogue = broker.catalogue().await?;
    let held = holdings(broker, caller).await?;
    let found = catalogue.roles.values().filter(|r| is_visible(&catalogue, caller, r)).filter_map(|r| {
        let shaped = shape(broker, &catalogue, caller, &held, r);
        let text = format!(
            "{} {} {} {}",
            shaped.role.name, shaped.role.purpose, shaped.role.target, shaped.role.environment
        );
        (has(&text, params.text("q")) && !(eligible && shaped.state == RoleState::NotEligible))
            .then(|| (shaped.role.name.clone(), shaped))
    });
    answer::show(&page_by_name(found.collect(), params.text("after"), limit))
}
