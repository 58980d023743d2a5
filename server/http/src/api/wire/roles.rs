//! Roles as the caller may ask for them.
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::common::{Proof, RoleLine, Span};

words! {
    /// How the caller stands to a role.
    RoleState {
        /// May ask.
        Eligible => "eligible",
        /// Has a pending request.
        Pending => "pending",
        /// Has a grant that begins later.
        Scheduled => "scheduled",
        /// Has an active grant, or the role is standing.
        Active => "active",
        /// May not ask; `why_not` says why.
        NotEligible => "not_eligible",
    }
}

/// `GET /api/v1/roles/{name}`, and an item of `GET /api/v1/roles`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Role {
    /// Name, purpose, target, tier.
    pub role: RoleLine,
    /// How the caller stands to it.
    pub state: RoleState,
    /// Why the caller may not ask, in a sentence.
    pub why_not: Option<String>,
    /// Length that is taken where none is asked for.
    pub usual: Span,
    /// Longest length.
    pub longest: Span,
    /// Scope parameters; empty: the role is all or nothing.
    pub scope: Vec<ScopeParam>,
    /// Who approves, in order. Empty: no request is needed (standing).
    pub stages: Vec<RoleStage>,
    /// Eligible workloads need no request.
    pub standing: bool,
    /// How the target checks tokens: `introspect` or `offline`; none for kinds without tokens.
    pub verification: Option<String>,
    /// Reference of the pending request behind `state`.
    pub pending: Option<String>,
    /// Id of the grant behind `state`.
    pub grant_id: Option<String>,
    /// End of that grant.
    pub until: Option<DateTime<Utc>>,
    /// What revocation cuts and what it cannot, in sentences, from the target kind's descriptor.
    pub notes: Vec<String>,
}

/// One parameter of a role's scope: a closed list of values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ScopeParam {
    /// Name, as in the member `scope` of a request.
    pub name: String,
    /// Label as people read it.
    pub label: String,
    /// Every value that may be asked for.
    pub allowed: Vec<String>,
    /// Taken where the parameter is left out.
    pub default: Vec<String>,
    /// More than one value may be asked for.
    pub multiple: bool,
    /// At least one value is needed.
    pub required: bool,
}

/// One stage of the role's workflow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RoleStage {
    /// Title.
    pub name: String,
    /// How many distinct people must approve.
    pub need: u32,
    /// Groups and people who may decide, by name.
    pub deciders: Vec<String>,
    /// What they must prove.
    pub proof: Proof,
}
