//! `/api/v1/admin/findings`: accounts at targets that are not as our records say.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::views::reports::FindingRow;
use hallpass_client::wire::admin::Finding;
use hallpass_client::wire::common::Page;
use hallpass_domain::ids::FindingId;

use crate::api::answer::{self, Answer};
use crate::api::idempotency::once;
use crate::api::shapes::common::page;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::params::{self, Params};
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

fn shape(f: FindingRow) -> Finding {
    Finding {
        id: f.id,
        target: f.target,
        account: f.name,
        kind: f.kind,
        differences: f.differences,
        since: f.since,
        removing_since: f.removing_since,
        confirmed_by: f.confirmed_by,
        trouble: f.trouble,
        can_confirm: f.can_confirm,
        what_happens: f.what_happens,
    }
}

/// Accounts at targets that are not as our records say, newest first; with `target`, those at the target of this name.
#[utoipa::path(get, path = "/api/v1/admin/findings", tag = "Catalogue", params(("target" = Option<String>, Query), ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<Finding>), (status = "default", body = ProblemBody)))]
pub async fn list(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let _readable = state.broker.overseen(&who.caller).await?;
    let params = Params::of(&req)?;
    let (limit, after) = (params.limit()?, params.after()?.map(FindingId));
    let rows = state.broker.findings_view(&who.caller, params.text("target"), after, limit + 1).await?;
    answer::show(&page(rows, limit, |f| f.id.clone(), shape))
}

/// An administrator's yes: the account is removed.
#[utoipa::path(post, path = "/api/v1/admin/findings/{id}/remove", tag = "Catalogue", params(("id" = String, Path)),
    responses((status = 200, body = Finding), (status = "default", body = ProblemBody)))]
pub async fn remove(
    state: web::Data<AppState>,
    req: HttpRequest,
    id: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let _readable = state.broker.overseen(&who.caller).await?;
    let id: FindingId = params::id(&id, "finding")?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move {
        let finding = broker.confirm_removal(&caller, id).await?;
        Answer::ok(&shape(broker.finding_view(&caller, &finding).await?))
    })
    .await
}
