//! The catalogue's objects, to read.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::common::{Proof, Span, Tier};
use super::roles::ScopeParam;

/// `GET /api/v1/admin/catalogue/targets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TargetItem {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// `postgresql` or `oauth`.
    pub kind: String,
    /// Environment.
    pub environment: String,
    /// Host and port, or audience; never with credentials.
    pub address: String,
    /// `introspect` or `offline`, for targets that check tokens.
    pub verification: Option<String>,
    /// Names of its owners.
    pub owners: Vec<String>,
    /// Roles on it.
    pub roles: Vec<String>,
    /// `reachable`, `unreachable`, `observing` or `unknown`.
    pub health: String,
    /// Nothing new is issued.
    pub disabled: bool,
    /// Counts changes.
    pub revision: i64,
}

/// `GET /api/v1/admin/catalogue/roles`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RoleItem {
    /// Name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Name of its target.
    pub target: String,
    /// Risk.
    pub tier: Tier,
    /// Handles of who may ask.
    pub eligible: Vec<String>,
    /// Length that is taken where none is asked for.
    pub usual: Span,
    /// Longest length.
    pub longest: Span,
    /// Name of its workflow.
    pub workflow: String,
    /// Scope parameters.
    pub scope: Vec<ScopeParam>,
    /// Kind of credential that it gives: `access_token` or `postgresql_login`.
    pub kind: String,
    /// Eligible workloads need no request.
    pub standing: bool,
    /// Counts changes.
    pub revision: i64,
}

/// A standing role that a workload does not get, because its grant was revoked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct BlockedRole {
    /// Name of the role.
    pub role: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who revoked.
    pub by: Option<String>,
    /// The revoked grant: `POST /api/v1/grants/{id}/lift` ends the block.
    pub grant_id: String,
}

/// `GET /api/v1/admin/catalogue/workflows`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowItem {
    /// Name.
    pub name: String,
    /// Stages, in order.
    pub stages: Vec<WorkflowStage>,
    /// Roles that use it.
    pub roles: Vec<String>,
    /// Counts changes.
    pub revision: i64,
}

/// One stage of a workflow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkflowStage {
    /// Title.
    pub name: String,
    /// How many distinct people must approve.
    pub need: u32,
    /// Groups and people who may decide, by name.
    pub deciders: Vec<String>,
    /// Proof asked for; none: the tier's default.
    pub proof: Option<Proof>,
    /// It lapses after so long.
    pub lapses_after: Span,
}

/// `GET /api/v1/admin/catalogue/groups`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct GroupItem {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// Handles of its members.
    pub members: Vec<String>,
    /// Workflows in which it decides.
    pub decides_in: Vec<String>,
    /// Roles that its members may ask for.
    pub eligible_for: Vec<String>,
}

/// `GET /api/v1/admin/catalogue/people`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PersonItem {
    /// Mail address.
    pub email: String,
    /// Full name.
    pub name: String,
    /// Duties.
    pub duties: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Has a second factor.
    pub second_factor: bool,
    /// Cannot sign in, decide or hold access.
    pub disabled: bool,
    /// Last sign-in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Grants that are active now.
    pub active_grants: u32,
}

/// `GET /api/v1/admin/catalogue/workloads`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct WorkloadItem {
    /// Name.
    pub name: String,
    /// Title.
    pub title: String,
    /// OAuth client id; none until a secret was made.
    pub client_id: Option<String>,
    /// Handles of its owners.
    pub owners: Vec<String>,
    /// Roles that it may ask for.
    pub eligible_for: Vec<String>,
    /// Standing roles that it does not get until an administrator lifts that.
    #[serde(default)]
    pub blocked_from: Vec<BlockedRole>,
    /// Gets nothing.
    pub disabled: bool,
    /// When it last authenticated.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Grants that are active now.
    pub active_grants: u32,
}
