//! `GET /api/v1/admin/catalogue/groups`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_client::wire::common::Page;
use hallpass_client::wire::objects::GroupItem;
use hallpass_domain::principal::Principal;

use super::{handle, roles_where};
use crate::api::answer;
use crate::api::shapes::common::{has, page_by_name};
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Groups, by name.
#[utoipa::path(get, path = "/api/v1/admin/catalogue/groups", tag = "Catalogue", params(("q" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<GroupItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let catalogue = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let limit = params.limit()?;
    let items =
        catalogue.groups.values().filter(|g| has(&format!("{} {}", g.name, g.title), params.text("q"))).map(
            |g| {
                let me = Principal::Group(g.id);
                let mut decides_in: Vec<String> = catalogue
                    .workflows
                    .values()
                    .filter(|w| !w.retired && w.stages.iter().any(|s| s.approvers.contains(&me)))
                    .map(|w| w.name.to_string())
                    .collect();
                decides_in.sort();
                (
                    g.name.to_string(),
                    GroupItem {
                        name: g.name.to_string(),
                        title: g.title.clone(),
                        members: g.members.iter().map(|p| handle(&catalogue, *p)).collect(),
                        decides_in,
                        eligible_for: roles_where(&catalogue, |r| r.eligible.contains(&me)),
                    },
                )
            },
        );
    answer::show(&page_by_name(items.collect(), params.text("after"), limit))
}
