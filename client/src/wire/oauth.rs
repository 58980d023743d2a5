//! OAuth answers, member by member as in their RFCs.
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `client_id` of the `hallpass` command: a public client that only has the device flow.
pub const COMMAND_LINE_CLIENT: &str = "hallpass-cli";
/// Scope of an opaque token for `/api/v1`; every other scope is the name of a role.
pub const API_SCOPE: &str = "hallpass.api";
/// `grant_type` of the device flow (RFC 8628 §3.4).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";
/// `authorization_details` type of a role.
pub const ROLE_DETAIL: &str = "hallpass_role";

/// Answer of `POST /oauth/token` (RFC 6749 §5.1).
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TokenAnswer {
    /// The token: opaque (`hpa_…`) for `hallpass.api`, else a JWT.
    pub access_token: String,
    /// `Bearer`.
    pub token_type: String,
    /// Seconds.
    pub expires_in: i64,
    /// The scope that was given.
    pub scope: String,
    /// What a role's token allows (RFC 9396 §7); none for `hallpass.api`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Vec<Value>>,
}

/// Keeps the token out of logs.
impl std::fmt::Debug for TokenAnswer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TokenAnswer")
            .field("scope", &self.scope)
            .field("expires_in", &self.expires_in)
            .finish_non_exhaustive()
    }
}

/// Answer of `POST /oauth/device_authorization` (RFC 8628 §3.2).
#[derive(Clone, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DeviceAuthorization {
    /// For polling; secret.
    pub device_code: String,
    /// What the person types: eight consonants, `BCDF-GHJK`.
    pub user_code: String,
    /// Where.
    pub verification_uri: String,
    /// Seconds.
    pub expires_in: i64,
    /// Seconds between polls; 5 where left out.
    #[serde(default = "default_interval")]
    pub interval: u64,
}

fn default_interval() -> u64 {
    5
}

/// Keeps the device code out of logs.
impl std::fmt::Debug for DeviceAuthorization {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeviceAuthorization").field("user_code", &self.user_code).finish_non_exhaustive()
    }
}

/// An error of any `/oauth` endpoint (RFC 6749 §5.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct OauthError {
    /// `invalid_request`, `invalid_client`, `invalid_grant`, `unauthorized_client`, `unsupported_grant_type`,
    /// `invalid_scope`, `invalid_target`, `unsupported_token_type`, `authorization_pending`, `slow_down`,
    /// `access_denied`, `expired_token`, `temporarily_unavailable`, `server_error`.
    pub error: String,
    /// For people who write programs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
    /// With `invalid_scope`, where the role is known and the caller has no grant: where to ask
    /// (`…/api/v1/requests`), or the caller's pending request (`…/api/v1/requests/R-…`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_uri: Option<String>,
}

/// Answer of `POST /oauth/introspect` (RFC 7662 §2.2). Inactive: `{"active":false}` and nothing else.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Introspection {
    /// Whether the token may be used, now.
    pub active: bool,
    /// Name of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The client that fetched it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `user:<id>` or `workload:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub: Option<String>,
    /// The target's audience.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aud: Option<String>,
    /// The issuer: the base URL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iss: Option<String>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exp: Option<i64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iat: Option<i64>,
    /// Seconds since 1970.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nbf: Option<i64>,
    /// Id of the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jti: Option<String>,
    /// `Bearer`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_type: Option<String>,
    /// What it allows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorization_details: Option<Vec<Value>>,
}

/// A JWK set (RFC 7517 §5), its keys as they are: which of them can be used is for who verifies to say.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct JwkSet {
    /// The keys.
    pub keys: Vec<Value>,
}

/// One element of `authorization_details`: a role with its scope.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleDetail {
    /// [`ROLE_DETAIL`].
    #[serde(rename = "type")]
    pub kind: String,
    /// Name of the role.
    pub role: String,
    /// Name of the target.
    pub target: String,
    /// Scope as approved.
    pub scope: super::common::Scope,
    /// Id of the grant.
    pub grant_id: String,
}

/// `GET /.well-known/oauth-authorization-server` (RFC 8414 §2).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Metadata {
    /// The base URL, without a trailing slash.
    pub issuer: String,
    /// `{issuer}/oauth/token`.
    pub token_endpoint: String,
    /// `{issuer}/oauth/jwks.json`.
    pub jwks_uri: String,
    /// `{issuer}/oauth/device_authorization`.
    pub device_authorization_endpoint: String,
    /// `{issuer}/oauth/introspect`.
    pub introspection_endpoint: String,
    /// `{issuer}/oauth/revoke`.
    pub revocation_endpoint: String,
    /// Empty: there is no authorization endpoint.
    pub response_types_supported: Vec<String>,
    /// `client_credentials` and the device code.
    pub grant_types_supported: Vec<String>,
    /// `client_secret_basic`, `client_secret_post`, `none` (device flow only).
    pub token_endpoint_auth_methods_supported: Vec<String>,
    /// `hallpass.api`; role names are not listed here.
    pub scopes_supported: Vec<String>,
    /// `["hallpass_role"]`.
    pub authorization_details_types_supported: Vec<String>,
    /// Where people read about it.
    pub service_documentation: String,
}
