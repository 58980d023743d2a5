//! Roles: named permissions on one target.
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::ids::{RoleId, TargetId, WorkflowId};
use crate::principal::Principal;
use crate::scope::ScopeSchema;
use crate::text::Name;

/// How much harm a role can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// Everyday.
    Low,
    /// Needs a look.
    Medium,
    /// Can do lasting harm: a second factor per decision.
    High,
}

impl Tier {
    /// The word in pages, API and catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// What a role issues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// JWT access token, RFC 9068.
    AccessToken,
    /// PostgreSQL login role.
    PostgresqlLogin,
}

impl CredentialKind {
    /// The word in pages, API and catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AccessToken => "access_token",
            Self::PostgresqlLogin => "postgresql_login",
        }
    }
}

/// What a PostgreSQL login of the role may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostgresqlRole {
    /// Database to connect to.
    pub database: String,
    /// NOLOGIN group roles that the login joins, whatever the scope.
    #[serde(default)]
    pub groups: Vec<String>,
    /// Further group roles by scope parameter and value: `scope_groups.access.write = ["orders_write"]`.
    #[serde(default)]
    pub scope_groups: BTreeMap<String, BTreeMap<String, Vec<String>>>,
    /// `CONNECTION LIMIT` of each login.
    #[serde(default = "default_connection_limit")]
    pub connection_limit: i32,
}

fn default_connection_limit() -> i32 {
    5
}

/// What a token of the role says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenRole {
    /// Longest life of one token in seconds; never past the grant. Offline-verified targets cap it at 300.
    pub token_seconds: i64,
}

/// Kind-specific settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RoleSettings {
    /// See [`TokenRole`].
    AccessToken(TokenRole),
    /// See [`PostgresqlRole`].
    PostgresqlLogin(PostgresqlRole),
}

impl RoleSettings {
    /// The kind of credential that the role issues.
    pub fn kind(&self) -> CredentialKind {
        match self {
            Self::AccessToken(_) => CredentialKind::AccessToken,
            Self::PostgresqlLogin(_) => CredentialKind::PostgresqlLogin,
        }
    }
}

/// Named permissions on one target.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Role {
    /// Identity.
    pub id: RoleId,
    /// Unique name over all targets, as scripts use it.
    pub name: Name,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// The target it is on.
    pub target_id: TargetId,
    /// Risk.
    pub tier: Tier,
    /// Who may ask.
    pub eligible: Vec<Principal>,
    /// Longest duration of a grant, seconds.
    pub max_seconds: i64,
    /// Usual duration, seconds; preselected in the form.
    pub usual_seconds: i64,
    /// Who must approve.
    pub workflow_id: WorkflowId,
    /// Scope parameters.
    pub scope_schema: ScopeSchema,
    /// What is issued and how.
    pub settings: RoleSettings,
    /// Eligible workloads need no request (low tier only).
    pub standing: bool,
    /// Removed from the catalogue; kept for history.
    pub retired: bool,
    /// Counts catalogue changes; a pending request pins it.
    pub revision: i64,
    /// Compare-and-swap counter.
    pub version: i64,
}
