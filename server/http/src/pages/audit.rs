//! The auditor's pages: audit explorer and reconciler reports.
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::views::audit::AuditFilter;

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
        let view = v.state.broker.reports_view(&v.caller()?).await?;
        Ok(v.page(hallpass_views::reports::index(&v.shell().await, &view)))
    })
}
