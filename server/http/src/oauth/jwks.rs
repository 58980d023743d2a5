//! `GET /oauth/jwks.json` (RFC 7517 §5): the public keys of tokens for targets.
use actix_web::http::header;
use actix_web::{HttpResponse, web};
use serde_json::json;

use crate::state::AppState;

/// Keys that verifiers may still need, and those published ahead of their first use.
#[utoipa::path(get, path = "/oauth/jwks.json", tag = "OAuth", responses((status = 200, description = "A JWK set")))]
pub async fn jwks(state: web::Data<AppState>) -> HttpResponse {
    let keys = state.broker.signer.published(state.broker.now());
    HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/jwk-set+json"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=300"))
        .body(json!({ "keys": keys }).to_string())
}
