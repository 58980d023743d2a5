//! Two small resource servers: one asks Hallpass about each token (RFC 7662), one checks the signature alone (RFC 9068 §4).
//!
//! Each is a server of its own on a loopback port and knows of Hallpass what any resource server would: its address, and a
//! client secret or the published keys. Its page shows what became of the tokens that it was sent, so that the difference
//! before, during and after a grant can be seen.
mod check;
mod page;
mod seen;

use std::net::TcpListener;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use hallpass_domain::Timestamp;
use serde_json::json;

pub use check::Check;
use check::{Accepted, Refused};
use seen::Seen;

use crate::compose::StartError;

/// The time of day, as the machine has it.
pub type Now = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// A resource server as it is set up.
pub struct Setup {
    /// Name of its target.
    pub name: String,
    /// Its own address.
    pub url: String,
    /// Hallpass's address, for the page.
    pub hallpass: String,
    /// A role to try, for the page.
    pub role: String,
    /// How it checks tokens.
    pub check: Check,
    /// Time.
    pub now: Now,
}

struct Server {
    setup: Setup,
    seen: Mutex<Seen>,
}

/// A loopback port: the one of earlier starts where it is free, else another.
///
/// # Errors
/// Where none can be had.
pub fn listen(remembered: u16) -> Result<(u16, TcpListener), StartError> {
    let listener = TcpListener::bind(("127.0.0.1", remembered))
        .or_else(|_| TcpListener::bind(("127.0.0.1", 0)))
        .map_err(|e| StartError::because("finding a port for the demo's resource servers", e))?;
    let port = listener.local_addr().map_err(|e| StartError(e.to_string()))?.port();
    Ok((port, listener))
}

/// Starts one.
///
/// # Errors
/// Where it cannot listen.
pub fn start(setup: Setup, listener: TcpListener) -> Result<actix_web::dev::Server, StartError> {
    let state = web::Data::new(Server { setup, seen: Mutex::default() });
    let server = HttpServer::new(move || {
        App::new()
            .app_data(state.clone())
            .route("/", web::get().to(show))
            .route("/page.css", web::get().to(sheet))
            .route("/api", web::get().to(api))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(|e| StartError(e.to_string()))?
    .run();
    Ok(server)
}

/// `GET /api` with a Bearer token: 200 with what it may do, or 401 as RFC 6750 §3 says; 503 where it cannot be checked.
async fn api(server: web::Data<Server>, request: HttpRequest) -> HttpResponse {
    let name = &server.setup.name;
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim().to_owned());
    let Some(token) = token else {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            .json(json!({ "server": name, "error": "no token: send Authorization: Bearer …" }));
    };
    let verdict = server.setup.check.judge(&token, &server.setup.now).await;
    let at = (server.setup.now)();
    server.seen.lock().unwrap_or_else(PoisonError::into_inner).note(&token, at, &verdict);
    match verdict {
        Ok(Accepted { subject, role, details, .. }) => HttpResponse::Ok().json(
            json!({ "server": name, "hello": subject, "role": role, "authorization_details": details, "at": at }),
        ),
        Err(Refused::Token(why)) => HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\""))
            .json(json!({ "server": name, "error": why, "at": at })),
        Err(Refused::Unchecked(why)) => {
            HttpResponse::ServiceUnavailable().json(json!({ "server": name, "error": why, "at": at }))
        }
    }
}

async fn show(server: web::Data<Server>, request: HttpRequest) -> HttpResponse {
    let still = request.query_string() == page::STILL;
    let body = page::page(&server.setup, &server.seen.lock().unwrap_or_else(PoisonError::into_inner), still);
    let mut answer = HttpResponse::Ok();
    if !still {
        answer.insert_header((header::REFRESH, "2"));
    }
    answer
        .content_type("text/html; charset=utf-8")
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(body)
}

async fn sheet() -> HttpResponse {
    HttpResponse::Ok().content_type("text/css; charset=utf-8").body(page::SHEET)
}
