//! `GET /api/v1/admin/catalogue/targets`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::Page;
use hallpass_client::wire::objects::TargetItem;
use hallpass_domain::principal::Principal;
use hallpass_domain::target::{TargetSettings, Verification};

use super::{handle, roles_where};
use crate::api::answer;
use crate::api::shapes::common::{has, page_by_name};
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Targets, by name.
#[utoipa::path(get, path = "/api/v1/admin/catalogue/targets", tag = "Catalogue", params(("q" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<TargetItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let catalogue = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let limit = params.limit()?;
    let down = state.broker.breakers.down();
    let items = catalogue
        .targets
        .values()
        .filter(|t| has(&format!("{} {} {}", t.name, t.title, t.environment), params.text("q")))
        .map(|t| {
            let (address, verification) = match &t.settings {
                TargetSettings::Oauth(o) => (
                    o.audience.clone(),
                    Some(if o.verification == Verification::Offline { "offline" } else { "introspect" }),
                ),
                TargetSettings::Postgresql(p) => (format!("{}:{}", p.host, p.port), None),
            };
            let health = match &t.settings {
                TargetSettings::Oauth(_) => "unknown",
                TargetSettings::Postgresql(_) if down.iter().any(|(id, _)| *id == t.id) => "unreachable",
                TargetSettings::Postgresql(_) => "reachable",
            };
            (
                t.name.to_string(),
                TargetItem {
                    name: t.name.to_string(),
                    title: t.title.clone(),
                    kind: t.settings.kind().to_owned(),
                    environment: t.environment.clone(),
                    address,
                    verification: verification.map(str::to_owned),
                    owners: t.owners.iter().map(|u| handle(&catalogue, Principal::User(*u))).collect(),
                    roles: roles_where(&catalogue, |r| r.target_id == t.id),
                    health: health.to_owned(),
                    disabled: t.disabled,
                    revision: t.revision,
                },
            )
        });
    answer::show(&page_by_name(items.collect(), params.text("after"), limit))
}
