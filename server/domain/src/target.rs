//! Targets: systems on which access is given.
use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::ids::{TargetId, UserId};
use crate::text::Name;

/// How a target that checks tokens checks them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verification {
    /// Asks Hallpass each time (RFC 7662): revocation is instant.
    Introspect,
    /// Checks the signature alone: an ended token may be accepted until it expires.
    Offline,
}

/// Signature algorithm of a target's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TokenAlg {
    /// Ed25519 (RFC 8037, RFC 9864).
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// ECDSA on P-256 (RFC 7518 §3.4).
    #[serde(rename = "ES256")]
    Es256,
}

impl TokenAlg {
    /// `alg` header value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::EdDsa => "EdDSA",
            Self::Es256 => "ES256",
        }
    }
}

/// An OAuth audience.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OauthTarget {
    /// `aud` of its tokens (an absolute URI, RFC 8707).
    pub audience: String,
    /// How it checks tokens.
    pub verification: Verification,
    /// Signature algorithm.
    pub alg: TokenAlg,
    /// Seconds past `exp` during which it may still accept a token (its clock leeway).
    #[serde(default)]
    pub leeway_seconds: i64,
}

/// How the connection to a PostgreSQL server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PgTls {
    /// TLS with certificate and host name checked.
    #[default]
    VerifyFull,
    /// No TLS: loopback and Unix sockets only.
    Disable,
}

/// A PostgreSQL cluster.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlTarget {
    /// Host name, address, or directory of a Unix socket.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Host that logins are told to use, where it differs.
    #[serde(default)]
    pub public_host: Option<String>,
    /// Database in which role DDL is done and locks are taken.
    pub maintenance_database: String,
    /// Administrator role of ours there.
    pub admin_user: String,
    /// TLS.
    #[serde(default)]
    pub tls: PgTls,
    /// PEM file with the authority that signed the server's certificate; the system's otherwise.
    #[serde(default)]
    pub ca_file: Option<String>,
    /// NOLOGIN role without privileges or members that receives what a login left behind.
    pub quarantine_role: String,
    /// Statement time-out of our work there, milliseconds.
    #[serde(default = "default_statement_ms")]
    pub statement_timeout_ms: u64,
}

fn default_statement_ms() -> u64 {
    5_000
}

/// Kind-specific settings of a target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TargetSettings {
    /// See [`OauthTarget`].
    Oauth(OauthTarget),
    /// See [`PostgresqlTarget`].
    Postgresql(PostgresqlTarget),
}

impl TargetSettings {
    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Oauth(_) => "oauth",
            Self::Postgresql(_) => "postgresql",
        }
    }
}

/// A system on which access is given.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// Identity.
    pub id: TargetId,
    /// Unique name.
    pub name: Name,
    /// Title as people read it.
    pub title: String,
    /// `production`, `staging`, …: shown with every role.
    pub environment: String,
    /// Kind and its settings.
    pub settings: TargetSettings,
    /// Our password there, sealed by [`crate::ports::sealer::Sealer`] (text form); none where none is needed.
    pub sealed_secret: Option<String>,
    /// People who answer for it and are alerted.
    pub owners: BTreeSet<UserId>,
    /// Nothing new is issued; what lives is still revoked.
    pub disabled: bool,
    /// Counts catalogue changes.
    pub revision: i64,
    /// Compare-and-swap counter.
    pub version: i64,
}
