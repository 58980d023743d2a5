//! Answers of the OAuth endpoints.
use actix_web::HttpResponse;
use actix_web::http::header;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// Scope of an opaque token for `/api/v1`; every other scope is the name of a role.
pub const API_SCOPE: &str = "hallpass.api";

/// RFC 6749 §5.1.
#[derive(Serialize, ToSchema)]
pub struct TokenAnswer {
    /// The token: opaque (`hpa_…`) for `hallpass.api`, else a JWT.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: &'static str,
    /// Seconds.
    pub expires_in: i64,
    /// The scope that was given.
    pub scope: String,
    /// What a role's token allows (RFC 9396 §7); none for `hallpass.api`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Value>,
}

/// RFC 8628 §3.2.
#[derive(Serialize, ToSchema)]
pub struct DeviceAuthorization {
    /// For polling; secret.
    pub device_code: String,
    /// What the person types: eight consonants, `BCDF-GHJK`.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds between polls.
    pub interval: i32,
}

/// 200 with JSON that nobody keeps (RFC 6749 §5.1).
pub fn json(body: &impl Serialize) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::PRAGMA, "no-cache"))
        .json(body)
}
