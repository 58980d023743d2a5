//! The one middleware: id, address, host, time limit, panics, words of errors, headers, log, counters.
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::body::BoxBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::{HttpMessage, HttpResponse, ResponseError, web};
use futures_util::FutureExt;
use hallpass_broker::log_scope;

use super::{Area, access_log, headers, host, render};
use crate::address::client_address;
use crate::context::{Ctx, request_id};
use crate::problem::Problem;
use crate::state::AppState;

/// Longest time for an answer, body included as it is read by the handler; a long-poll may hold one for a minute.
const LIMIT: Duration = Duration::from_secs(75);

/// An answer that takes the place of one that never came.
#[derive(Debug)]
struct Instead(std::cell::RefCell<Option<HttpResponse>>, StatusCode);

impl std::fmt::Display for Instead {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.1.fmt(f)
    }
}
impl ResponseError for Instead {
    fn status_code(&self) -> StatusCode {
        self.1
    }
    fn error_response(&self) -> HttpResponse {
        self.0.borrow_mut().take().unwrap_or_else(|| HttpResponse::new(self.1))
    }
}

/// See the module.
pub async fn edge(
    mut req: ServiceRequest,
    next: Next<BoxBody>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let Some(state) = req.app_data::<web::Data<AppState>>().cloned() else { return next.call(req).await };
    let started = Instant::now();
    let ctx = context(&state, &req);
    let area = Area::of(req.path());
    let (method, path): (Method, Rc<str>) = (req.method().clone(), Rc::from(req.path()));
    req.extensions_mut().insert(ctx.clone());
    // HEAD is GET without the body (RFC 9110 §9.3.2): the connection, which knows what was asked, leaves the body out.
    if method == Method::HEAD {
        req.head_mut().method = Method::GET;
    }
    let misdirected = state.config.plain_http_on_loopback
        && area != Area::Ops
        && !host::is_ours(req.headers(), req.uri().authority().map(|a| a.as_str()));
    let done = if misdirected {
        let problem = Problem::new(
            StatusCode::MISDIRECTED_REQUEST,
            "not_found",
            "This server answers on loopback only. Use the address that it printed when it started.",
        );
        Ok(req.into_response(problem.error_response()))
    } else {
        let answered = answered(&state, &ctx, area, &path, next, req);
        log_scope::of_request(Arc::clone(&ctx.request_id), answered).await
    };
    let https = state.config.is_https();
    let (done, status, pattern) = match done {
        Ok(mut answer) => {
            render::render(&state, area, &path, &ctx.request_id, answer.response_mut());
            headers::set(answer.response_mut().headers_mut(), &ctx.request_id, https);
            let (status, pattern) = (answer.status(), answer.request().match_pattern());
            (Ok(answer), status, pattern)
        }
        Err(mut answer) => {
            headers::set(answer.headers_mut(), &ctx.request_id, https);
            let status = answer.status();
            (Err(Instead(Some(answer).into(), status).into()), status, None)
        }
    };
    let took = started.elapsed();
    state.metrics.count(pattern.as_deref(), status, took);
    access_log::log(
        area,
        &access_log::Line {
            request_id: &ctx.request_id,
            method: &method,
            path: &path,
            status,
            took,
            address: ctx.address,
        },
    );
    done
}

/// The handler's answer, whatever becomes of it.
async fn answered(
    state: &AppState,
    ctx: &Ctx,
    area: Area,
    path: &str,
    next: Next<BoxBody>,
    req: ServiceRequest,
) -> Result<ServiceResponse<BoxBody>, HttpResponse> {
    let instead = |problem| render::answer(state, area, path, &ctx.request_id, problem);
    match tokio::time::timeout(LIMIT, AssertUnwindSafe(next.call(req)).catch_unwind()).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => {
            let mut answer = error.error_response();
            render::render(state, area, path, &ctx.request_id, &mut answer);
            Err(answer)
        }
        Ok(Err(_panic)) => {
            tracing::error!(path, "a handler panicked");
            Err(instead(Problem::internal()))
        }
        Err(_elapsed) => {
            tracing::error!(path, "an answer took too long and was given up");
            Err(instead(Problem::new(
                StatusCode::SERVICE_UNAVAILABLE,
                "overloaded",
                "This took too long and was given up. What was committed stays; look before you try again.",
            )))
        }
    }
}

fn context(state: &AppState, req: &ServiceRequest) -> Ctx {
    let presented = req.headers().get(headers::REQUEST_ID).and_then(|v| v.to_str().ok());
    let peer = req.peer_addr().map_or(std::net::IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED), |a| a.ip());
    let address = if state.config.trusted_proxies.is_empty() {
        peer.to_canonical()
    } else {
        let forwarded: Vec<&str> = req
            .headers()
            .get_all(header::HeaderName::from_static("x-forwarded-for"))
            .filter_map(|v| v.to_str().ok())
            .collect();
        client_address(peer, forwarded.into_iter(), &state.config.trusted_proxies)
    };
    Ctx { request_id: request_id(presented), address }
}
