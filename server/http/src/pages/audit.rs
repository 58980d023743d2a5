//! The auditor's pages: audit explorer and reconciler reports.
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::admin::Outcome;
use hallpass_broker::views::audit::AuditFilter;
use hallpass_domain::ids::FindingId;
use hallpass_domain::refusal::Refusal;

use super::forms::Form;
use super::visit::visit;
use crate::AppState;

/// GET /audit
pub async fn index(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let q = Form::read(request.query_string().as_bytes());
        let of = |name: &str| q.get(name).chars().take(200).collect::<String>();
        let filter = AuditFilter {
            actor: of("actor"),
            action: of("action"),
            object: of("object"),
            from: of("from"),
            to: of("to"),
        };
        let view =
            v.state.broker.audit_view(&caller, filter, q.get("before").parse().ok(), &v.zone()).await?;
        Ok(v.page(hallpass_views::audit::index(&v.shell().await, &view)))
    })
}

/// GET /reports
pub async fn reports(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let q = Form::read(request.query_string().as_bytes());
        let at = Some(q.get("target")).filter(|name| !name.is_empty());
        let view = v.state.broker.reports_view(&v.caller()?, at, q.get("before").parse().ok()).await?;
        Ok(v.page(hallpass_views::reports::index(&v.shell().await, &view)))
    })
}

/// POST /reports/findings/{id}/remove: an administrator's yes.
pub async fn remove_account(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        let id: FindingId = id.parse().map_err(|_| Refusal::not_found("finding"))?;
        v.state.broker.confirm_removal(&caller, id).await?;
        Ok(v.redirect(
            "/reports",
            Some(("good", "It is being removed: no new login first, then its sessions, then the account. It stays on this page until that is proven.")),
        ))
    })
}

/// POST /reports/targets/{name}/check
pub async fn check_target(
    state: Data<AppState>,
    request: HttpRequest,
    name: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        let tried = v.state.broker.check_target(&caller, &name).await?;
        Ok(v.redirect(
            "/reports",
            Some(match tried.outcome {
                Outcome::Fit => ("good", "Tried: everything that revocation needs works there."),
                Outcome::Unreachable => ("bad", "The target does not answer, so it could not be tried."),
                _ => ("bad", "Tried: it is not fit. The table of targets says why, and what to do."),
            }),
        ))
    })
}
