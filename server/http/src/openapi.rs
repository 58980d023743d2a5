//! `GET /api/openapi.json`: OpenAPI 3.1, from the handlers and the types that they answer with.
use std::sync::LazyLock;

use actix_web::http::header;
use actix_web::{HttpResponse, web};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::openapi::{SecurityRequirement, Server};
use utoipa::{Modify, OpenApi};

use crate::state::AppState;
use crate::{api, oauth};

#[derive(OpenApi)]
#[openapi(
    info(title = "Hallpass", description = "Just-in-time, just-enough access. See docs/api.md for the rules of all requests."),
    modifiers(&Bearer),
    paths(
        api::me::show, api::roles::list::list, api::roles::show::show,
        api::requests::list::list, api::requests::create::create, api::requests::show::show, api::requests::decide::decide, api::requests::withdraw::withdraw,
        api::grants::list::list, api::grants::show::show, api::grants::issue::issue, api::grants::end::end, api::grants::revoke::revoke, api::grants::lift::lift, api::grants::receipt::receipt,
        api::credential::show,
        api::audit::events::events, api::audit::export::export, api::audit::checkpoint::checkpoint, api::audit::checkpoint::vkey,
        api::admin::apply::apply, api::admin::check::check, api::admin::clients::rotate, api::admin::findings::list, api::admin::findings::remove, api::admin::targets::list, api::admin::roles::list, api::admin::workflows::list, api::admin::groups::list, api::admin::people::list, api::admin::workloads::list,
        oauth::token::token, oauth::device_authorization::ask, oauth::introspect::introspect, oauth::revoke::revoke, oauth::jwks::jwks, oauth::metadata::show,
    )
)]
struct Doc;

/// Every operation of `/api/v1` takes an opaque bearer token.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, doc: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        doc.components.get_or_insert_default().add_security_scheme("token", scheme);
        for (path, item) in &mut doc.paths.paths {
            if !path.starts_with("/api/v1/") {
                continue;
            }
            for operation in [&mut item.get, &mut item.post].into_iter().flatten() {
                operation.security = Some(vec![SecurityRequirement::new("token", Vec::<String>::new())]);
            }
        }
    }
}

/// The document without a server.
fn document() -> utoipa::openapi::OpenApi {
    static DOC: LazyLock<utoipa::openapi::OpenApi> = LazyLock::new(Doc::openapi);
    DOC.clone()
}

/// Answers it, for this instance.
pub async fn show(state: web::Data<AppState>) -> HttpResponse {
    let mut doc = document();
    doc.servers = Some(vec![Server::new(state.config.base_url.clone())]);
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "public, max-age=300")).json(doc)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::middleware::Area;
    use crate::routes::ROUTES;

    #[test]
    fn every_route_of_the_api_is_described() {
        let doc = serde_json::to_value(document()).unwrap();
        assert_eq!(doc["openapi"], "3.1.0");
        for row in ROUTES
            .iter()
            .filter(|r| matches!(r.area(), Area::Api | Area::Oauth) && r.path != "/api/openapi.json")
        {
            let operation = &doc["paths"][row.path][row.method.to_lowercase()];
            assert!(operation.is_object(), "{row:?} is not in the document");
            assert_eq!(operation["security"].is_array(), row.area() == Area::Api, "{row:?}");
        }
        let described: usize =
            doc["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(
            described,
            ROUTES.iter().filter(|r| matches!(r.area(), Area::Api | Area::Oauth)).count() - 1,
            "nothing else is described"
        );
    }

    #[test]
    fn schemas_are_there() {
        let doc = serde_json::to_value(document()).unwrap();
        for name in
            ["Request", "Grant", "Issued", "GrantReceipt", "Problem", "Role", "CatalogueDiff", "NewClient"]
        {
            assert!(doc["components"]["schemas"][name].is_object(), "{name}");
        }
    }
}
