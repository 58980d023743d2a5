//! Workflows: ordered stages of approval.
use serde::{Deserialize, Serialize};

use crate::ids::WorkflowId;
use crate::principal::Principal;
use crate::role::Tier;
use crate::text::Name;

/// What an approver must prove at the moment of deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proof {
    /// Signed in as this approver.
    Session,
    /// A second factor, bound to this session and this request's digest, at most five minutes old.
    StepUp,
}

impl Proof {
    /// The word in pages, API and catalogue.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Session => "session",
            Self::StepUp => "step-up",
        }
    }
    /// Default of a tier: `step-up` for high, else `session`.
    pub fn default_for(tier: Tier) -> Self {
        if tier == Tier::High { Self::StepUp } else { Self::Session }
    }
}

/// One stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Title as people read it.
    pub title: String,
    /// People and groups who may decide.
    pub approvers: Vec<Principal>,
    /// How many distinct people must approve.
    pub needed: u32,
    /// Proof asked for; the tier's default where none is named.
    pub proof: Option<Proof>,
    /// Seconds in which the stage must be decided, else the request lapses.
    pub decide_seconds: i64,
}

/// Ordered stages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workflow {
    /// Identity.
    pub id: WorkflowId,
    /// Unique name.
    pub name: Name,
    /// The stages in order; at least one.
    pub stages: Vec<Stage>,
    /// Removed from the catalogue; kept for history.
    pub retired: bool,
    /// Counts catalogue changes; a pending request pins it.
    pub revision: i64,
    /// Compare-and-swap counter.
    pub version: i64,
}
