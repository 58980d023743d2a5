//! `GET /.well-known/oauth-authorization-server` (RFC 8414).
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde_json::{Value, json};

use super::answer::API_SCOPE;
use super::token::DEVICE_GRANT;
use crate::state::AppState;

/// The metadata of an issuer. `issuer` is the base URL exactly; arrays that would be empty are left out, but for
/// `response_types_supported`, which is required (§2) and empty because there is no authorization endpoint.
pub fn metadata(issuer: &str) -> Value {
    let at = |path: &str| format!("{issuer}{path}");
    let methods = ["client_secret_basic", "client_secret_post"];
    json!({
        "issuer": issuer,
        "token_endpoint": at("/oauth/token"),
        "jwks_uri": at("/oauth/jwks.json"),
        "device_authorization_endpoint": at("/oauth/device_authorization"),
        "introspection_endpoint": at("/oauth/introspect"),
        "revocation_endpoint": at("/oauth/revoke"),
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials", DEVICE_GRANT],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "scopes_supported": [API_SCOPE],
        "authorization_details_types_supported": ["hallpass_role"],
        "service_documentation": at("/api/openapi.json"),
    })
}

/// Answers it.
#[utoipa::path(get, path = "/.well-known/oauth-authorization-server", tag = "OAuth", responses((status = 200, description = "RFC 8414 §2")))]
pub async fn show(state: web::Data<AppState>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .json(metadata(&state.config.base_url))
}

#[cfg(test)]
mod tests {
    use super::metadata;

    #[test]
    fn the_issuer_is_the_base_url_exactly() {
        let metadata = metadata("https://access.example.org");
        assert_eq!(metadata["issuer"], "https://access.example.org");
        assert_eq!(metadata["token_endpoint"], "https://access.example.org/oauth/token");
        for needed in [
            "grant_types_supported",
            "token_endpoint_auth_methods_supported",
            "response_types_supported",
            "jwks_uri",
        ] {
            assert!(metadata.get(needed).is_some(), "{needed}");
        }
        assert!(metadata.get("authorization_endpoint").is_none());
    }
}
