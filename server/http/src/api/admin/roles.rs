//! `GET /api/v1/admin/catalogue/roles`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::{Page, Span};
use hallpass_client::wire::objects::RoleItem;

use super::handle;
use crate::api::answer;
use crate::api::roles::scope_params;
use crate::api::shapes::common::{has, page_by_name};
use crate::api::shapes::words::OnWire;
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Roles as the catalogue has them, by name; `GET /api/v1/roles` shows them as the caller stands to them.
#[utoipa::path(get, path = "/api/v1/admin/catalogue/roles", tag = "Catalogue", params(("q" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<RoleItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let catalogue = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let limit = params.limit()?;
    let name_of_target = |id| catalogue.targets.get(&id).map(|t| t.name.to_string()).unwrap_or_default();
    let items = catalogue
        .roles
        .values()
        .filter(|r| !r.retired && has(&format!("{} {}", r.name, r.purpose), params.text("q")))
        .map(|r| {
            (
                r.name.to_string(),
                RoleItem {
                    name: r.name.to_string(),
                    purpose: r.purpose.clone(),
                    target: name_of_target(r.target_id),
                    tier: r.tier.on_wire(),
                    eligible: r.eligible.iter().map(|p| handle(&catalogue, *p)).collect(),
                    usual: Span::new(r.usual_seconds),
                    longest: Span::new(r.max_seconds),
                    workflow: catalogue
                        .workflows
                        .get(&r.workflow_id)
                        .map(|w| w.name.to_string())
                        .unwrap_or_default(),
                    scope: scope_params(&r.scope_schema),
                    kind: r.settings.kind().as_str().to_owned(),
                    standing: r.standing,
                    revision: r.revision,
                },
            )
        });
    answer::show(&page_by_name(items.collect(), params.text("after"), limit))
}
