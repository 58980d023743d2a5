//! The server: listeners, TLS, workers, and the stop.
use std::net::TcpListener;
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::dev::{Server, ServiceFactory, ServiceRequest, ServiceResponse};
use actix_web::{App, HttpServer, web};

use crate::middleware::edge;
use crate::routes;
use crate::state::AppState;

/// Time for the head of a request to arrive.
const HEAD_LIMIT: Duration = Duration::from_secs(15);
/// Connections kept open between requests.
const KEEP_ALIVE: Duration = Duration::from_secs(75);

/// The application over a state: every route, behind the one middleware.
pub fn app(
    state: web::Data<AppState>,
) -> App<
    impl ServiceFactory<
        ServiceRequest,
        Config = (),
        Response = ServiceResponse<BoxBody>,
        Error = actix_web::Error,
        InitError = (),
    >,
> {
    let demo = state.config.demo;
    let forms = web::PayloadConfig::new(state.config.limits.body);
    App::new()
        .wrap(actix_web::middleware::from_fn(edge))
        .app_data(forms)
        .app_data(state)
        .configure(routes::configure(demo))
}

/// Serves on listeners that are bound already, over TLS where the configuration has it. The answer runs when it is
/// awaited; its handle stops it: gracefully, answers under way are finished. Call [`AppState::stop`] first, so that
/// answers which wait for something come at once. Signals are the caller's business.
///
/// # Errors
/// A base URL that is neither https nor loopback, or a listener that cannot be used.
pub fn serve(listeners: Vec<TcpListener>, state: web::Data<AppState>) -> std::io::Result<Server> {
    if let Some(mistake) = state.config.mistake() {
        return Err(std::io::Error::new(std::io::ErrorKind::InvalidInput, mistake));
    }
    if state.config.plain_http_on_loopback
        && !listeners.iter().all(|l| l.local_addr().is_ok_and(|a| a.ip().is_loopback()))
    {
        return Err(std::io::Error::new(
            std::io::ErrorKind::InvalidInput,
            "Plain http is served on loopback addresses only.",
        ));
    }
    let (tls, workers, patience) =
        (state.config.tls.clone(), state.config.workers, state.config.shutdown_seconds);
    let mut server = HttpServer::new(move || app(state.clone()))
        .client_request_timeout(HEAD_LIMIT)
        .keep_alive(KEEP_ALIVE)
        .shutdown_timeout(patience)
        .disable_signals();
    if workers > 0 {
        server = server.workers(workers);
    }
    for listener in listeners {
        server = match &tls {
            Some(tls) => server.listen_rustls_0_23(listener, tls.clone())?,
            None => server.listen(listener)?,
        };
    }
    Ok(server.run())
}
