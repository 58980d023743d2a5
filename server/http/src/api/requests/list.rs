//! `GET /api/v1/requests`.
use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_broker::queries::waiting::{self, Place};
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::common::Page;
use hallpass_client::wire::requests::{RequestItem, RequestState};
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::RoleId;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page as Keyset;
use hallpass_domain::principal::Duty;
use hallpass_domain::request as domain;
use uuid::Uuid;

use crate::api::answer;
use crate::api::shapes::common::page;
use crate::api::shapes::request::item;
use crate::bearer::ApiCaller;
use crate::params::{Params, bad_cursor};
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// A row with the cursor behind it.
type Row = (String, domain::Request);

struct Wanted {
    state: Option<domain::RequestState>,
    role: Option<RoleId>,
    limit: u32,
}

impl Wanted {
    fn fits(&self, r: &domain::Request) -> bool {
        self.state.is_none_or(|s| s == r.state) && self.role.is_none_or(|id| id == r.role_id)
    }
}

/// Requests: the caller's own, those to approve, those decided, or all.
#[utoipa::path(get, path = "/api/v1/requests", tag = "Requests",
    params(("view" = Option<String>, Query), ("state" = Option<String>, Query), ("role" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<RequestItem>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let params = Params::of(&req)?;
    let (broker, caller) = (&state.broker, &who.caller);
    let catalogue = broker.catalogue().await?;
    let wanted = Wanted {
        state: params.word("state", RequestState::WORDS)?.and_then(domain::RequestState::parse),
        role: params.text("role").map(|name| role_id(&catalogue, name)).transpose()?,
        limit: params.limit()?,
    };
    let rows = match params.word("view", &["mine", "to_approve", "decided", "all"])?.unwrap_or("mine") {
        "to_approve" => to_approve(broker, caller, &wanted, params.text("after")).await?,
        "decided" => decided(broker, caller, &wanted, params.after()?).await?,
        "all" if !(caller.has(Duty::Administrator) || caller.has(Duty::Auditor)) => return Err(only_duties()),
        view => stored(broker, caller, &wanted, params.after()?, view == "all").await?,
    };
    let cut = page(rows, wanted.limit, |(cursor, _)| cursor.clone(), |(_, request)| request);
    let mut items = Vec::with_capacity(cut.items.len());
    for request in &cut.items {
        items.push(item(broker, &catalogue, request).await?);
    }
    answer::show(&Page { items, next: cut.next })
}

/// Lists of everybody's are for administrators and auditors.
pub fn only_duties() -> Problem {
    Problem::new(StatusCode::FORBIDDEN, "duty_needed", "Only administrators and auditors list everybody's.")
}

/// A role by name, removed ones too; what does not exist fits nothing and is said so.
///
/// # Errors
/// 422 `unknown_role`.
pub fn role_id(catalogue: &Catalogue, name: &str) -> Result<RoleId, Problem> {
    let all = || catalogue.roles.values().filter(|r| r.name.as_str() == name);
    all()
        .find(|r| !r.retired)
        .or_else(|| all().next())
        .map(|r| r.id)
        .ok_or_else(|| Problem::wrong("unknown_role", "role", "There is no role of that name."))
}

async fn stored(
    broker: &Broker,
    caller: &Caller,
    wanted: &Wanted,
    after: Option<Uuid>,
    all: bool,
) -> Result<Vec<Row>, Problem> {
    let filter =
        RequestFilter { of: (!all).then(|| caller.principal()), state: wanted.state, role: wanted.role };
    let found = broker
        .store
        .requests(&filter, Keyset { after, limit: wanted.limit + 1 })
        .await
        .map_err(unreadable)?;
    Ok(found.into_iter().map(|r| (r.id.to_string(), r)).collect())
}

/// The open stage is the caller's to decide and he has not yet; soonest deadline first.
async fn to_approve(
    broker: &Broker,
    caller: &Caller,
    wanted: &Wanted,
    after: Option<&str>,
) -> Result<Vec<Row>, Problem> {
    let after = after.map(|c| Place::parse(c).ok_or_else(bad_cursor)).transpose()?;
    if wanted.state.is_some_and(|s| s != domain::RequestState::Pending) {
        return Ok(Vec::new());
    }
    let limit = usize::try_from(wanted.limit).unwrap_or(usize::MAX).saturating_add(1);
    let which = waiting::Wanted { after, limit, own: false, role: wanted.role };
    let found = broker.waiting_for(caller.human()?.user(), which).await?;
    Ok(found.into_iter().map(|w| (Place::of(&w.request).to_string(), w.request)).collect())
}

/// The caller decided it; newest decision first.
async fn decided(
    broker: &Broker,
    caller: &Caller,
    wanted: &Wanted,
    mut after: Option<Uuid>,
) -> Result<Vec<Row>, Problem> {
    let user = caller.human()?.user();
    let enough = usize::try_from(wanted.limit).unwrap_or(usize::MAX).saturating_add(1);
    let mut rows = Vec::new();
    loop {
        let found = broker.store.decided_by(user, Keyset { after, limit: 200 }).await.map_err(unreadable)?;
        let last = found.last().map(|(d, _)| d.id.0);
        let full = found.len() >= 200;
        rows.extend(found.into_iter().filter(|(_, r)| wanted.fits(r)).map(|(d, r)| (d.id.to_string(), r)));
        if rows.len() >= enough || !full || last.is_none() {
            return Ok(rows);
        }
        after = last;
    }
}
