//! `GET /api/v1/admin/catalogue/people`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_client::wire::common::Page;
use hallpass_client::wire::objects::PersonItem;
use hallpass_domain::principal::Principal;

use super::active_grants;
use crate::api::answer;
use crate::api::shapes::common::{has, page_by_name};
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// People, by mail address.
#[utoipa::path(get, path = "/api/v1/admin/catalogue/people", tag = "Catalogue", params(("q" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<PersonItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let catalogue = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let limit = params.limit()?;
    let found = catalogue
        .users
        .values()
        .filter(|u| has(&format!("{} {}", u.display_name, u.email), params.text("q")));
    let page = page_by_name(found.map(|u| (u.email.to_string(), u)).collect(), params.text("after"), limit);
    let mut items = Vec::with_capacity(page.items.len());
    for u in page.items {
        let me = Principal::User(u.id);
        let account = state.broker.store.account(u.id).await.map_err(unreadable)?;
        items.push(PersonItem {
            email: u.email.to_string(),
            name: u.display_name.clone(),
            duties: u.duties.iter().map(|d| d.as_str().to_owned()).collect(),
            groups: catalogue
                .groups
                .values()
                .filter(|g| g.members.contains(&me))
                .map(|g| g.name.to_string())
                .collect(),
            second_factor: account.is_some_and(|a| a.totp_sealed.is_some()),
            disabled: u.disabled,
            last_sign_in_at: None,
            active_grants: active_grants(&state.broker, me).await?,
        });
    }
    answer::show(&Page { items, next: page.next })
}
