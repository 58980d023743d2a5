//! Signatures of tokens and of the audit log.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::target::TokenAlg;

/// Header and claims were not signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the token could not be signed: {0}")]
pub struct SignError(pub String);

/// A public key as published (RFC 7517, RFC 8037); no private member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PublicJwk {
    /// `OKP` or `EC`.
    pub kty: String,
    /// `Ed25519` or `P-256`.
    pub crv: String,
    /// Key id: RFC 7638 thumbprint.
    pub kid: String,
    /// `sig`.
    #[serde(rename = "use")]
    pub use_: String,
    /// `EdDSA` or `ES256`.
    pub alg: String,
    /// x, base64url.
    pub x: String,
    /// y, base64url, for `EC`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub y: Option<String>,
}

/// Signs JWTs (RFC 7515 compact) with the newest usable key of an algorithm.
pub trait TokenSigner: Send + Sync {
    /// `header.claims.signature` with `typ` as given, `alg` and `kid` of the key in use at `now`.
    fn sign_jwt(
        &self,
        alg: TokenAlg,
        typ: &str,
        claims: &serde_json::Value,
        now: Timestamp,
    ) -> Result<String, SignError>;
    /// Every key that a verifier may still need at `now`, and those published ahead of their first use.
    fn published(&self, now: Timestamp) -> Vec<PublicJwk>;
}
