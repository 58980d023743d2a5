//! `GET /api/v1/admin/catalogue/workloads`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_client::wire::common::Page;
use hallpass_client::wire::objects::{BlockedRole, WorkloadItem};
use hallpass_domain::principal::{ClientOf, Principal};

use super::{active_grants, handle, roles_where};
use crate::api::answer;
use crate::api::shapes::common::{has, page_by_name};
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Workloads, by name.
#[utoipa::path(get, path = "/api/v1/admin/catalogue/workloads", tag = "Catalogue", params(("q" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<WorkloadItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let catalogue = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let limit = params.limit()?;
    let clients = state.broker.store.clients().await.map_err(unreadable)?;
    let found =
        catalogue.workloads.values().filter(|w| has(&format!("{} {}", w.name, w.title), params.text("q")));
    let page = page_by_name(found.map(|w| (w.name.to_string(), w)).collect(), params.text("after"), limit);
    let mut items = Vec::with_capacity(page.items.len());
    for w in page.items {
        let me = Principal::Workload(w.id);
        items.push(WorkloadItem {
            name: w.name.to_string(),
            title: w.title.clone(),
            client_id: clients
                .iter()
                .find(|c| c.of == ClientOf::Workload(w.id) && c.secret_hash.is_some())
                .map(|c| c.client_id.to_string()),
            owners: w.owners.iter().map(|u| handle(&catalogue, Principal::User(*u))).collect(),
            eligible_for: roles_where(&catalogue, |r| catalogue.is_eligible(r, me)),
            blocked_from: hallpass_broker::queries::objects::blocks_of(&catalogue, |b| b.workload_id == w.id)
                .into_iter()
                .map(|b| BlockedRole { role: b.role, since: b.since, by: b.by, grant_id: b.grant_id })
                .collect(),
            disabled: w.disabled,
            last_seen_at: None,
            active_grants: active_grants(&state.broker, me).await?,
        });
    }
    answer::show(&Page { items, next: page.next })
}
