//! The catalogue's objects, to read. They are changed as code, with `hallpass admin apply`.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::common::RoleLine;

/// A list of one kind of object.
#[derive(Debug, Clone, Serialize)]
pub struct ObjectsView<T> {
    /// Search text, as typed.
    pub query: String,
    /// One page of rows.
    pub rows: Vec<T>,
    /// Cursor of the next page, for the parameter `after`.
    pub next: Option<String>,
    /// Revision of the catalogue and when it was applied.
    pub revision: i64,
    /// When that revision was applied.
    pub applied_at: Option<DateTime<Utc>>,
    /// Who applied it.
    pub applied_by: Option<String>,
}

/// `/catalogue/targets`.
#[derive(Debug, Clone, Serialize)]
pub struct TargetRow {
    /// Name.
    pub name: String,
    /// Kind in words.
    pub kind: String,
    /// Environment.
    pub environment: String,
    /// Where it is: a host or an audience. Never with credentials.
    pub address: String,
    /// Names of its owners.
    pub owners: Vec<String>,
    /// How tokens are verified there: `introspect`, `offline`, or empty for kinds without tokens.
    pub verification: String,
    /// Roles on it.
    pub roles: Vec<String>,
    /// `reachable`, `unreachable`, `observing` or `unknown`.
    pub health: String,
    /// When it answered last.
    pub last_seen_at: Option<DateTime<Utc>>,
}

/// `/catalogue/roles`.
#[derive(Debug, Clone, Serialize)]
pub struct RoleRow {
    /// The role.
    pub role: RoleLine,
    /// Revision.
    pub revision: i64,
    /// Who is eligible: groups, people and workloads by name.
    pub eligible: Vec<String>,
    /// The usual length, in seconds.
    pub usual_seconds: i64,
    /// The longest length, in seconds.
    pub longest_seconds: i64,
    /// Name of the workflow.
    pub workflow: String,
    /// What it gives, in words.
    pub gives: Vec<String>,
    /// Scope parameters, each with its values.
    pub scope: Vec<super::common::ScopeValue>,
    /// Needs no request.
    pub standing: bool,
}

/// `/catalogue/workflows`.
#[derive(Debug, Clone, Serialize)]
pub struct WorkflowRow {
    /// Name.
    pub name: String,
    /// Revision.
    pub revision: i64,
    /// Its stages, in order.
    pub stages: Vec<WorkflowStage>,
    /// Roles that use it.
    pub roles: Vec<String>,
}

/// One stage of a workflow.
#[derive(Debug, Clone, Serialize)]
pub struct WorkflowStage {
    /// Name.
    pub name: String,
    /// How many distinct people must approve.
    pub need: i64,
    /// Who may: groups and people by name.
    pub deciders: Vec<String>,
    /// `session` or `step-up`.
    pub proof: String,
    /// It lapses after so many seconds.
    pub lapses_after_seconds: i64,
}

/// `/catalogue/groups`.
#[derive(Debug, Clone, Serialize)]
pub struct GroupRow {
    /// Name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// Names of its members.
    pub members: Vec<String>,
    /// Workflows in which it decides.
    pub decides_in: Vec<String>,
    /// Roles that its members may ask for.
    pub eligible_for: Vec<String>,
}

/// `/catalogue/people`.
#[derive(Debug, Clone, Serialize)]
pub struct PersonRow {
    /// Full name.
    pub name: String,
    /// Email address.
    pub email: String,
    /// `administrator`, `auditor`, `owner`.
    pub duties: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// `enabled` or `disabled`.
    pub state: String,
    /// Has a second factor.
    pub second_factor: bool,
    /// Last sign-in.
    pub last_sign_in_at: Option<DateTime<Utc>>,
    /// Grants active now.
    pub active_grants: i64,
}

/// A standing role that a workload does not get, because its grant was revoked.
#[derive(Debug, Clone, Serialize)]
pub struct BlockLine {
    /// Name of the role.
    pub role: String,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Who revoked.
    pub by: Option<String>,
    /// The revoked grant, on whose page the block is lifted.
    pub grant_id: String,
}

/// `/catalogue/workloads`.
#[derive(Debug, Clone, Serialize)]
pub struct WorkloadRow {
    /// Name.
    pub name: String,
    /// OAuth client id.
    pub client_id: String,
    /// Names of its owners.
    pub owners: Vec<String>,
    /// Roles that it may ask for.
    pub eligible_for: Vec<String>,
    /// Standing roles that it does not get until an administrator lifts that.
    pub blocked_from: Vec<BlockLine>,
    /// `enabled` or `disabled`.
    pub state: String,
    /// When it last authenticated.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Grants active now.
    pub active_grants: i64,
}
