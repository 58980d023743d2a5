//! `GET /api/v1/me`.
use actix_web::{HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_client::wire::common::PrincipalKind;
use hallpass_client::wire::me::Me;
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;

use super::answer;
use crate::bearer::ApiCaller;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Who the token stands for.
#[utoipa::path(get, path = "/api/v1/me", tag = "Who", responses((status = 200, body = Me), (status = "default", body = ProblemBody)))]
pub async fn show(state: web::Data<AppState>, who: ApiCaller) -> Result<HttpResponse, Problem> {
    let (broker, caller) = (&state.broker, &who.caller);
    let gone = || Refusal::not_found("caller");
    let now = broker.now();
    let catalogue = broker.catalogue().await?;
    let token = broker.store.api_token_by_hash(&who.token).await.map_err(unreadable)?.ok_or_else(gone)?;
    let client = catalogue.clients.get(token.client_id).ok_or_else(gone)?;
    let principal = caller.principal();
    let filter = GrantFilter { principal: Some(principal), states: vec![GrantState::Active], role: None };
    let active = broker.store.grants(&filter, Page::first(200)).await.map_err(unreadable)?;
    let groups = catalogue
        .groups
        .values()
        .filter(|g| g.members.contains(&principal))
        .map(|g| g.name.to_string())
        .collect();
    let mut me = Me {
        kind: PrincipalKind::Workload,
        id: String::new(),
        name: catalogue.name_of(principal),
        handle: client.client_id.to_string(),
        duties: Vec::new(),
        groups,
        time_zone: None,
        client_id: client.client_id.to_string(),
        token_expires_at: token.expires_at,
        to_approve: 0,
        active_grants: u32::try_from(active.iter().filter(|g| g.allows_at(now)).count()).unwrap_or(u32::MAX),
        server_time: now,
    };
    match principal {
        Principal::User(id) => {
            let user = catalogue.users.get(&id).ok_or_else(gone)?;
            me.kind = PrincipalKind::User;
            me.id = id.to_string();
            me.handle = user.email.to_string();
            me.duties = user.duties.iter().map(|d| d.as_str().to_owned()).collect();
            me.time_zone = Some(user.zone().to_owned());
            me.to_approve = u32::try_from(broker.inbox_count(&caller.human()?).await?).unwrap_or(u32::MAX);
        }
        Principal::Workload(id) => me.id = id.to_string(),
        Principal::Group(_) => return Err(gone().into()),
    }
    answer::show(&me)
}
