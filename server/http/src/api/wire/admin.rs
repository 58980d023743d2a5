//! The catalogue: config as code, and its objects to read.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::common::{Proof, Span, Tier};
use super::roles::ScopeParam;

/// Body of `POST /api/v1/admin/catalogue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ApplyCatalogue {
    /// The whole catalogue file.
    pub toml: String,
    /// False: only the difference. True: apply it, in one transaction.
    pub apply: bool,
    /// Apply only if the catalogue is still at this revision (from the difference that was shown), else 409 `conflict`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub if_revision: Option<i64>,
}

words! {
    /// What happens to an object.
    ChangeAction {
        /// New.
        Add => "add",
        /// Different.
        Change => "change",
        /// No longer offered; kept for history.
        Retire => "retire",
    }
}

/// Answer of `POST /api/v1/admin/catalogue`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CatalogueDiff {
    /// Whether it was applied. An empty difference is applied without a change.
    pub applied: bool,
    /// Revision of the catalogue: after applying, or as compared with.
    pub revision: i64,
    /// The changes, in order of noun and name.
    pub changes: Vec<CatalogueChange>,
    /// What is allowed but looks wrong, in sentences.
    pub warnings: Vec<String>,
    /// Targets that were tried with a throw-away account, or (not applied) would be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub checks: Vec<TargetCheck>,
}

/// One changed object.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct CatalogueChange {
    /// What happens.
    pub action: ChangeAction,
    /// `person`, `group`, `workload`, `target`, `role`, `workflow`.
    pub noun: String,
    /// Name of the object.
    pub name: String,
    /// What differs.
    pub fields: Vec<FieldChange>,
}

/// One changed member.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct FieldChange {
    /// Name of the member.
    pub field: String,
    /// Before, as text; none where it was not there. Secrets read `(secret)`.
    pub before: Option<String>,
    /// After, as text; none where it is taken away.
    pub after: Option<String>,
}

/// `GET /api/v1/admin/catalogue/targets`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
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
    pub blocked_from: Vec<BlockedRole>,
    /// Gets nothing.
    pub disabled: bool,
    /// When it last authenticated.
    pub last_seen_at: Option<DateTime<Utc>>,
    /// Grants that are active now.
    pub active_grants: u32,
}

words! {
    /// What trying a target came to.
    CheckOutcome {
        /// Everything that revocation needs works there.
        Fit => "fit",
        /// It does not: see the problems.
        Unfit => "unfit",
        /// It did not answer.
        Unreachable => "unreachable",
        /// Nothing was done yet: it would be tried when the file is applied.
        WouldTry => "would_try",
    }
}

/// A target that was tried with a throw-away account.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct TargetCheck {
    /// Name of the target.
    pub target: String,
    /// What came of it.
    pub outcome: CheckOutcome,
    /// Databases in which a login was tried.
    pub databases: Vec<String>,
    /// Version, as the target says.
    pub version: Option<String>,
    /// What is wrong, each with what to do.
    pub problems: Vec<String>,
}

/// An account at a target that is not as our records say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Finding {
    /// Id.
    pub id: String,
    /// Name of the target.
    pub target: String,
    /// Name of the account.
    pub account: String,
    /// `unknown` (our mark, no record), `reappeared`, `changed` or `missing`.
    pub kind: String,
    /// The differences, in words.
    pub differences: Vec<String>,
    /// When it was seen first.
    pub since: DateTime<Utc>,
    /// Since when it is being removed.
    pub removing_since: Option<DateTime<Utc>>,
    /// Who said so.
    pub confirmed_by: Option<String>,
    /// What stands in the way of the removal.
    pub trouble: Option<String>,
    /// It waits for the yes of an administrator, and the caller is one.
    pub can_confirm: bool,
    /// What happens with it, in a sentence.
    pub what_happens: String,
}
