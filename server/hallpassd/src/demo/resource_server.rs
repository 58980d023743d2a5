//! Two small resource servers: one asks Hallpass about each token (RFC 7662), one checks the signature alone.
//!
//! Each is a real HTTP server on its own loopback port. Its page shows what it thought of the tokens that it was
//! sent, so that the difference before, during and after a grant can be seen.
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::http::header;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use hallpass_adapters::signers::{Expected, verify_access_token};
use hallpass_broker::Broker;
use hallpass_domain::target::{TargetSettings, Verification};
use serde_json::json;

use crate::compose::StartError;

/// Answers kept for the page.
const KEPT: usize = 30;

struct Server {
    broker: Arc<Broker>,
    name: String,
    seen: Mutex<VecDeque<Seen>>,
}

#[derive(Clone)]
struct Seen {
    at: String,
    token: String,
    verdict: String,
    good: bool,
}

/// Starts the resource server of a target on a loopback port; `port` 0 takes a free one. Answers the port.
pub fn start(
    broker: &Arc<Broker>,
    name: &str,
    port: u16,
) -> Result<(u16, actix_web::dev::Server), StartError> {
    let listener = std::net::TcpListener::bind(("127.0.0.1", port))
        .map_err(|e| StartError(format!("the demo's {name} cannot listen on 127.0.0.1:{port}: {e}")))?;
    let port = listener.local_addr().map_err(|e| StartError(e.to_string()))?.port();
    let state =
        web::Data::new(Server { broker: Arc::clone(broker), name: name.to_owned(), seen: Mutex::default() });
    let server = HttpServer::new(move || {
        App::new().app_data(state.clone()).route("/", web::get().to(page)).route("/api", web::get().to(api))
    })
    .workers(1)
    .disable_signals()
    .listen(listener)
    .map_err(|e| StartError(e.to_string()))?
    .run();
    Ok((port, server))
}

/// `GET /api` with a Bearer token: 200 with what it may do, or 401 as RFC 6750 §3 says.
async fn api(server: web::Data<Server>, request: HttpRequest) -> HttpResponse {
    let token = request
        .headers()
        .get(header::AUTHORIZATION)
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.strip_prefix("Bearer "))
        .map(str::to_owned);
    let Some(token) = token else {
        return HttpResponse::Unauthorized()
            .insert_header((header::WWW_AUTHENTICATE, "Bearer"))
            .json(json!({ "error": "send a token of yours: Authorization: Bearer …" }));
    };
    let verdict = judge(&server, &token).await;
    let now = server.broker.now();
    let seen = Seen {
        at: now.format("%H:%M:%S%.3f UTC").to_string(),
        token: format!(
            "…{}",
            token.chars().rev().take(8).collect::<Vec<_>>().into_iter().rev().collect::<String>()
        ),
        verdict: verdict.as_ref().map_or_else(Clone::clone, |v| {
            format!("accepted for {}", v.get("scope").and_then(|s| s.as_str()).unwrap_or_default())
        }),
        good: verdict.is_ok(),
    };
    {
        let mut kept = server.seen.lock().unwrap_or_else(PoisonError::into_inner);
        kept.push_front(seen);
        kept.truncate(KEPT);
    }
    match verdict {
        Ok(claims) => HttpResponse::Ok().json(json!({ "server": server.name, "hello": claims.get("sub"), "role": claims.get("scope"), "authorization_details": claims.get("authorization_details"), "at": now })),
        Err(why) => HttpResponse::Unauthorized().insert_header((header::WWW_AUTHENTICATE, "Bearer error=\"invalid_token\"")).json(json!({ "server": server.name, "error": why, "at": now })),
    }
}

/// The claims, or why not: as this server's target says, by introspection or by signature alone.
async fn judge(server: &Server, token: &str) -> Result<serde_json::Value, String> {
    let catalogue = server.broker.catalogue().await.map_err(|r| r.message)?;
    let target = catalogue
        .targets
        .values()
        .find(|t| t.name.as_str() == server.name)
        .ok_or("this server is not in the catalogue")?;
    let TargetSettings::Oauth(oauth) = &target.settings else { return Err("not an OAuth target".to_owned()) };
    match oauth.verification {
        Verification::Introspect => {
            let answer: serde_json::Value =
                serde_json::from_str(&server.broker.introspect(target.id, token).await)
                    .map_err(|e| e.to_string())?;
            if answer.get("active") == Some(&json!(true)) {
                Ok(answer)
            } else {
                Err("introspection says: not active".to_owned())
            }
        }
        Verification::Offline => {
            let keys = server.broker.signer.published(server.broker.now());
            let expected = Expected {
                issuer: &server.broker.settings.base_url,
                audience: &oauth.audience,
                now: server.broker.now(),
            };
            verify_access_token(token, &keys, &expected)
                .map(serde_json::Value::Object)
                .map_err(|e| format!("offline check says: {e}"))
        }
    }
}

async fn page(server: web::Data<Server>) -> HttpResponse {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let rows: String = server
        .seen
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .iter()
        .map(|s| {
            format!(
                "<tr><td>{}</td><td><code>{}</code></td><td>{} {}</td></tr>",
                escape(&s.at),
                escape(&s.token),
                if s.good { "✓" } else { "✗" },
                escape(&s.verdict)
            )
        })
        .collect();
    let how = if server.name == "reports-api" {
        "This server checks the signature alone (offline): a token that was ended early is accepted until it expires."
    } else {
        "This server asks Hallpass about every token (introspection): access ends at the very second."
    };
    let body = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\"><meta http-equiv=refresh content=2><title>{0}</title>\
         <h1>{0}</h1><p>{how}</p><p>Try it: <code>hallpass run ROLE -- sh -c 'curl -H \"Authorization: Bearer $HALLPASS_ACCESS_TOKEN\" http://{{this address}}/api'</code></p>\
         <table><caption>What it thought of the tokens it was sent</caption><thead><tr><th scope=col>At<th scope=col>Token<th scope=col>Verdict</thead><tbody>{rows}</tbody></table></html>",
        escape(&server.name)
    );
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"))
        .body(body)
}
