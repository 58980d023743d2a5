//! `GET /api/v1/audit/checkpoint` and `/vkey`: what whoever checks the log keeps outside.
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use hallpass_broker::broker::unreadable;

use crate::bearer::ApiCaller;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

fn text(body: String) -> HttpResponse {
    HttpResponse::Ok().insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8")).body(body)
}

/// The newest signed checkpoint (C2SP tlog-checkpoint).
#[utoipa::path(get, path = "/api/v1/audit/checkpoint", tag = "Audit", responses((status = 200, content_type = "text/plain", body = String), (status = "default", body = ProblemBody)))]
pub async fn checkpoint(state: web::Data<AppState>, _who: ApiCaller) -> Result<HttpResponse, Problem> {
    let head = state.broker.store.log_head().await.map_err(unreadable)?;
    head.checkpoint.map(text).ok_or_else(|| Problem::not_found("checkpoint yet"))
}

/// The verifier key of the log (C2SP signed-note), one line.
#[utoipa::path(get, path = "/api/v1/audit/vkey", tag = "Audit", responses((status = 200, content_type = "text/plain", body = String), (status = "default", body = ProblemBody)))]
pub async fn vkey(state: web::Data<AppState>, _who: ApiCaller) -> Result<HttpResponse, Problem> {
    Ok(text(format!("{}\n", state.broker.log_signer.verifier())))
}
