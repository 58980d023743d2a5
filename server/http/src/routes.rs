//! The whole route table on one page. Everything but the pages is registered from it; the pages' own registration
//! ([`crate::pages::configure`]) is compared with it by a test. `tests/authz.txt` is generated from it.
//!
//! A HEAD is answered as its GET (see [`crate::middleware::edge`]), so it has no rows. A known path with another method is
//! 405 with `Allow`.
use std::sync::LazyLock;

use actix_web::dev::ResourceDef;
use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, ResponseError, Route, web};

use crate::middleware::Area;
use crate::problem::Problem;
use crate::{api, assets, health, metrics, oauth, openapi, pages};

/// What somebody must be to get more than a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Duty {
    /// Anybody.
    Nobody,
    /// A network that the configuration names.
    Network,
    /// An OAuth client of the right kind.
    Client,
    /// Anybody with an API token; what they see is theirs.
    AnyToken,
    /// Anybody who is signed in; what they see is theirs.
    SignedIn,
    /// Whoever may read this very thing.
    Reader,
    /// Whoever asked for it.
    Requester,
    /// Whoever may decide it now.
    Decider,
    /// Whoever holds it.
    Holder,
    /// An administrator, or an approver of it.
    Revoker,
    /// An auditor or administrator.
    Auditor,
    /// As [`Self::Auditor`], and owners of targets.
    Owner,
    /// An administrator.
    Administrator,
    /// Anybody on the demo's machine.
    Demo,
}

impl Duty {
    /// The word in `tests/authz.txt`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nobody => "nobody",
            Self::Network => "network",
            Self::Client => "client",
            Self::AnyToken => "any-token",
            Self::SignedIn => "signed-in",
            Self::Reader => "reader",
            Self::Requester => "requester",
            Self::Decider => "decider",
            Self::Holder => "holder",
            Self::Revoker => "revoker",
            Self::Auditor => "auditor",
            Self::Owner => "owner",
            Self::Administrator => "administrator",
            Self::Demo => "demo",
        }
    }
}

/// One route.
#[derive(Clone, Copy)]
pub struct Row {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// Path pattern.
    pub path: &'static str,
    /// Who gets more than a refusal.
    pub duty: Duty,
    /// Its handler; the pages register their own.
    handler: Option<fn(Route) -> Route>,
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} {}", self.method, self.path, self.duty.as_str())
    }
}

impl Row {
    /// The surface it belongs to.
    pub fn area(&self) -> Area {
        Area::of(self.path)
    }
}

const fn get(path: &'static str, duty: Duty, handler: fn(Route) -> Route) -> Row {
    Row { method: "GET", path, duty, handler: Some(handler) }
}
const fn post(path: &'static str, duty: Duty, handler: fn(Route) -> Route) -> Row {
    Row { method: "POST", path, duty, handler: Some(handler) }
}
const fn page(path: &'static str, duty: Duty) -> Row {
    Row { method: "GET", path, duty, handler: None }
}
const fn form(path: &'static str, duty: Duty) -> Row {
    Row { method: "POST", path, duty, handler: None }
}

/// Every route.
pub const ROUTES: &[Row] = &[
    // health
    get("/livez", Duty::Nobody, |r| r.to(health::live)),
    get("/readyz", Duty::Nobody, |r| r.to(health::ready)),
    get("/metrics", Duty::Network, |r| r.to(metrics::show)),
    // files
    get("/assets/{file}", Duty::Nobody, |r| r.to(assets::file)),
    // OAuth
    post("/oauth/introspect", Duty::Client, |r| r.to(oauth::introspect::introspect)),
    post("/oauth/token", Duty::Client, |r| r.to(oauth::token::token)),
    post("/oauth/revoke", Duty::Client, |r| r.to(oauth::revoke::revoke)),
    post("/oauth/device_authorization", Duty::Client, |r| r.to(oauth::device_authorization::ask)),
    get("/oauth/jwks.json", Duty::Nobody, |r| r.to(oauth::jwks::jwks)),
    get("/.well-known/oauth-authorization-server", Duty::Nobody, |r| r.to(oauth::metadata::show)),
    // API
    get("/api/openapi.json", Duty::Nobody, |r| r.to(openapi::show)),
    get("/api/v1/me", Duty::AnyToken, |r| r.to(api::me::show)),
    get("/api/v1/roles", Duty::AnyToken, |r| r.to(api::roles::list::list)),
    get("/api/v1/roles/{name}", Duty::Reader, |r| r.to(api::roles::show::show)),
    get("/api/v1/requests", Duty::AnyToken, |r| r.to(api::requests::list::list)),
    post("/api/v1/requests", Duty::AnyToken, |r| r.to(api::requests::create::create)),
    get("/api/v1/requests/{reference}", Duty::Reader, |r| r.to(api::requests::show::show)),
    post("/api/v1/requests/{reference}/decisions", Duty::Decider, |r| r.to(api::requests::decide::decide)),
    post("/api/v1/requests/{reference}/withdraw", Duty::Requester, |r| {
        r.to(api::requests::withdraw::withdraw)
    }),
    get("/api/v1/grants", Duty::AnyToken, |r| r.to(api::grants::list::list)),
    get("/api/v1/grants/{id}", Duty::Reader, |r| r.to(api::grants::show::show)),
    post("/api/v1/grants/{id}/credentials", Duty::Holder, |r| r.to(api::grants::issue::issue)),
    post("/api/v1/grants/{id}/end", Duty::Holder, |r| r.to(api::grants::end::end)),
    post("/api/v1/grants/{id}/revoke", Duty::Revoker, |r| r.to(api::grants::revoke::revoke)),
    post("/api/v1/grants/{id}/lift", Duty::Administrator, |r| r.to(api::grants::lift::lift)),
    get("/api/v1/grants/{id}/receipt", Duty::Reader, |r| r.to(api::grants::receipt::receipt)),
    get("/api/v1/credentials/{id}", Duty::Reader, |r| r.to(api::credential::show)),
    get("/api/v1/audit/events", Duty::Auditor, |r| r.to(api::audit::events::events)),
    get("/api/v1/audit/export", Duty::Auditor, |r| r.to(api::audit::export::export)),
    get("/api/v1/audit/checkpoint", Duty::AnyToken, |r| r.to(api::audit::checkpoint::checkpoint)),
    get("/api/v1/audit/vkey", Duty::AnyToken, |r| r.to(api::audit::checkpoint::vkey)),
    post("/api/v1/admin/catalogue", Duty::Administrator, |r| r.to(api::admin::apply::apply)),
    post("/api/v1/admin/clients/{client_id}/secret", Duty::Administrator, |r| {
        r.to(api::admin::clients::rotate)
    }),
    get("/api/v1/admin/catalogue/targets", Duty::Owner, |r| r.to(api::admin::targets::list)),
    get("/api/v1/admin/catalogue/roles", Duty::Owner, |r| r.to(api::admin::roles::list)),
    post("/api/v1/admin/catalogue/targets/{name}/check", Duty::Administrator, |r| {
        r.to(api::admin::check::check)
    }),
    get("/api/v1/admin/findings", Duty::Owner, |r| r.to(api::admin::findings::list)),
    post("/api/v1/admin/findings/{id}/remove", Duty::Administrator, |r| r.to(api::admin::findings::remove)),
    get("/api/v1/admin/catalogue/workflows", Duty::Owner, |r| r.to(api::admin::workflows::list)),
    get("/api/v1/admin/catalogue/groups", Duty::Owner, |r| r.to(api::admin::groups::list)),
    get("/api/v1/admin/catalogue/people", Duty::Owner, |r| r.to(api::admin::people::list)),
    get("/api/v1/admin/catalogue/workloads", Duty::Owner, |r| r.to(api::admin::workloads::list)),
    // pages, signed out
    page("/sign-in", Duty::Nobody),
    form("/sign-in", Duty::Nobody),
    page("/sign-in/second-factor", Duty::Nobody),
    form("/sign-in/second-factor", Duty::Nobody),
    form("/sign-out", Duty::Nobody),
    page("/first-run", Duty::Nobody),
    form("/first-run", Duty::Nobody),
    // pages, everybody
    page("/", Duty::SignedIn),
    page("/catalogue", Duty::SignedIn),
    page("/request", Duty::SignedIn),
    form("/request", Duty::SignedIn),
    page("/requests", Duty::SignedIn),
    page("/requests/{reference}", Duty::Reader),
    form("/requests/{reference}/withdraw", Duty::Requester),
    page("/access", Duty::SignedIn),
    page("/grants/{id}", Duty::Reader),
    form("/grants/{id}/credentials", Duty::Holder),
    form("/grants/{id}/end", Duty::Holder),
    form("/grants/{id}/revoke", Duty::Revoker),
    form("/grants/{id}/lift", Duty::Administrator),
    page("/grants/{id}/receipt", Duty::Reader),
    page("/grants/{id}/receipt.json", Duty::Reader),
    page("/credentials/{id}/watch", Duty::Reader),
    page("/device", Duty::SignedIn),
    form("/device", Duty::SignedIn),
    form("/device/confirm", Duty::SignedIn),
    // pages, approvers
    page("/inbox", Duty::SignedIn),
    page("/r/{reference}", Duty::SignedIn),
    form("/r/{reference}", Duty::Decider),
    // pages, account
    page("/account", Duty::SignedIn),
    form("/account/password", Duty::SignedIn),
    page("/account/totp", Duty::SignedIn),
    form("/account/totp", Duty::SignedIn),
    page("/account/totp/remove", Duty::SignedIn),
    form("/account/totp/remove", Duty::SignedIn),
    form("/account/recovery-codes", Duty::SignedIn),
    form("/account/zone", Duty::SignedIn),
    form("/account/sessions/{id}/end", Duty::SignedIn),
    form("/account/sessions/end-all", Duty::SignedIn),
    // pages, administrators, auditors, owners
    page("/audit", Duty::Auditor),
    page("/reports", Duty::Owner),
    form("/reports/findings/{id}/remove", Duty::Administrator),
    form("/reports/targets/{name}/check", Duty::Administrator),
    page("/catalogue/{noun}", Duty::Owner),
    // pages, demo only
    page("/demo", Duty::Demo),
    page("/demo/mail", Duty::Demo),
    page("/demo/mail/{id}", Duty::Demo),
    page("/demo/mail/{id}/html", Duty::Demo),
    form("/demo/act-as", Duty::Demo),
];

/// Every path once: the labels of the metrics.
pub fn paths() -> impl Iterator<Item = &'static str> {
    ROUTES
        .iter()
        .enumerate()
        .filter(|(index, row)| !ROUTES.iter().take(*index).any(|r| r.path == row.path))
        .map(|(_, row)| row.path)
}

/// Registers every route; the demo's only in the demo.
pub fn configure(demo: bool) -> impl FnOnce(&mut web::ServiceConfig) {
    move |cfg| {
        for row in ROUTES {
            if let Some(handler) = row.handler {
                let method = if row.method == "POST" { Method::POST } else { Method::GET };
                cfg.route(row.path, handler(web::method(method)));
            }
        }
        pages::configure(cfg);
        if demo {
            pages::configure_demo(cfg);
        }
        cfg.default_service(web::to(move |req: HttpRequest| async move { unmatched(&req, demo) }));
    }
}

/// No route: 405 where the path has one for another method, else 404.
fn unmatched(req: &HttpRequest, demo: bool) -> HttpResponse {
    static PATTERNS: LazyLock<Vec<(ResourceDef, &'static Row)>> =
        LazyLock::new(|| ROUTES.iter().map(|row| (ResourceDef::new(row.path), row)).collect());
    let known = PATTERNS
        .iter()
        .filter(|(pattern, row)| (demo || row.duty != Duty::Demo) && pattern.is_match(req.path()));
    let mut allowed: Vec<&str> = known
        .flat_map(|(_, row)| if row.method == "GET" { &["GET", "HEAD"][..] } else { &["POST"][..] })
        .copied()
        .collect();
    allowed.sort_unstable();
    allowed.dedup();
    if allowed.is_empty() {
        return Problem::of_status(actix_web::http::StatusCode::NOT_FOUND).error_response();
    }
    let mut answer = Problem::of_status(actix_web::http::StatusCode::METHOD_NOT_ALLOWED).error_response();
    if let Ok(value) = header::HeaderValue::from_str(&allowed.join(", ")) {
        answer.headers_mut().insert(header::ALLOW, value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::App;
    use actix_web::test::{TestRequest, call_service, init_service};

    /// An address of a pattern.
    fn example(path: &str) -> String {
        path.split('/')
            .map(|part| if part.starts_with('{') { "x" } else { part })
            .collect::<Vec<_>>()
            .join("/")
    }

    #[actix_web::test]
    async fn every_row_is_registered() {
        // Without a state: handlers answer 500, and what no route takes answers 404 or 405.
        let app = init_service(App::new().configure(configure(true))).await;
        for row in ROUTES {
            let method = if row.method == "POST" { Method::POST } else { Method::GET };
            let req = TestRequest::with_uri(&example(row.path)).method(method).to_request();
            let status = call_service(&app, req).await.status().as_u16();
            let assets = row.path.starts_with("/assets");
            assert!(assets || !matches!(status, 404 | 405), "{row:?} has no handler: {status}");
        }
    }

    #[actix_web::test]
    async fn other_methods_and_paths() {
        let app = init_service(App::new().configure(configure(false))).await;
        let ask = async |method: Method, path: &str| {
            let answer = call_service(&app, TestRequest::with_uri(path).method(method).to_request()).await;
            let allow = answer.headers().get("allow").map(|v| v.to_str().unwrap().to_owned());
            (answer.status().as_u16(), allow)
        };
        assert_eq!(ask(Method::DELETE, "/api/v1/requests").await, (405, Some("GET, HEAD, POST".to_owned())));
        assert_eq!(ask(Method::GET, "/oauth/token").await, (405, Some("POST".to_owned())));
        assert_eq!(ask(Method::GET, "/sign-out").await, (405, Some("POST".to_owned())));
        assert_eq!(ask(Method::GET, "/no/such").await, (404, None));
        assert_eq!(
            ask(Method::GET, "/demo/mail").await,
            (404, None),
            "nothing under /demo exists outside the demo"
        );
        assert_eq!(ask(Method::POST, "/demo/act-as").await, (404, None));
    }

    #[test]
    fn each_route_once() {
        for (index, row) in ROUTES.iter().enumerate() {
            assert!(
                !ROUTES.iter().take(index).any(|r| r.path == row.path && r.method == row.method),
                "{row:?} is there twice"
            );
        }
        assert_eq!(
            paths().count(),
            ROUTES.iter().map(|r| r.path).collect::<std::collections::BTreeSet<_>>().len()
        );
    }
}
