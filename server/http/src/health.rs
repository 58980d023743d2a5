//! `/livez` and `/readyz`: for whatever runs or balances servers.
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, web};
use hallpass_broker::reconcile::watch_audit::TOO_LONG;
use hallpass_domain::ports::clock::Trust;

use crate::state::AppState;

/// Longest time for the store's answer.
const STORE_LIMIT: Duration = Duration::from_secs(3);

/// The process runs.
pub async fn live() -> HttpResponse {
    plain(StatusCode::OK, "ok\n".to_owned())
}

/// Whether this server should get requests: the store can be written, the clock may be trusted, the log is sealed and
/// its checkpoints get out, and it is not stopping. Each check has its own line.
pub async fn ready(state: web::Data<AppState>) -> HttpResponse {
    let checks = [
        ("store", store(&state).await),
        ("clock", clock(&state)),
        ("audit", audit(&state).await),
        ("server", server(&state)),
    ];
    let good = checks.iter().all(|(_, c)| c.is_ok());
    let lines: String = checks
        .iter()
        .map(|(name, check)| format!("{name}: {}\n", check.as_ref().err().map_or("ok", |e| e)))
        .collect();
    plain(if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }, lines)
}

type Check = Result<(), &'static str>;

async fn store(state: &AppState) -> Check {
    match tokio::time::timeout(STORE_LIMIT, state.broker.store.probe()).await {
        Ok(Ok(())) if state.broker.health.is_writable() => Ok(()),
        Ok(Ok(())) => Err("was not writable a moment ago"),
        Ok(Err(error)) => {
            tracing::warn!(%error, "not ready");
            Err("cannot be written")
        }
        Err(_) => Err("does not answer"),
    }
}

fn clock(state: &AppState) -> Check {
    match state.broker.clock.trust() {
        Trust::Good | Trust::HoldBulk => Ok(()),
        Trust::NoIssuing => Err("differs from the database's by more than 30 s"),
    }
}

async fn audit(state: &AppState) -> Check {
    let (_, oldest) = state.broker.store.unsealed_tail().await.map_err(|_| "cannot be read")?;
    let (watch, now) = (&state.broker.audit_watch, state.broker.now());
    if watch.stops_issuing() || oldest.is_some_and(|t| now - t > TOO_LONG) {
        return Err("events wait for their seal for more than 30 s");
    }
    if watch.unpublished_for(now) > TOO_LONG {
        return Err("checkpoints have not got out for more than 30 s");
    }
    Ok(())
}

fn server(state: &AppState) -> Check {
    if state.is_stopping() { Err("stopping") } else { Ok(()) }
}

fn plain(status: StatusCode, text: String) -> HttpResponse {
    let mut answer = HttpResponse::build(status)
        .insert_header((header::CONTENT_TYPE, "text/plain; charset=utf-8"))
        .body(text);
    answer.extensions_mut().insert(crate::middleware::render::Worded);
    answer
}
