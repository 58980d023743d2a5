//! Grants: what an approved request becomes.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{GrantId, RequestId, RoleId, StandingBlockId, TargetId, UserId, WorkloadId};
use crate::principal::Principal;
use crate::role::Tier;
use crate::scope::Scope;
use crate::terms::Terms;

/// State of a grant; `ended` is terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GrantState {
    /// Begins later.
    Scheduled,
    /// In force, as long as `now` is inside the window too.
    Active,
    /// Over; something of it may still be at a target.
    Ending,
    /// Over, and everything verified gone.
    Ended,
}

impl GrantState {
    /// The word in pages, API, audit and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Active => "active",
            Self::Ending => "ending",
            Self::Ended => "ended",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Scheduled, Self::Active, Self::Ending, Self::Ended].into_iter().find(|s| s.as_str() == text)
    }
}

/// Why a grant ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndReason {
    /// Its time was up.
    Expired,
    /// By its holder.
    Released,
    /// By a person with the right to, a policy, or a signal.
    Revoked,
}

impl EndReason {
    /// The word in pages, API, audit and database.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Expired => "expired",
            Self::Released => "released",
            Self::Revoked => "revoked",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Expired, Self::Released, Self::Revoked].into_iter().find(|s| s.as_str() == text)
    }
}

/// A window `[starts_at, ends_at)` in which its principal may fetch credentials of one role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Grant {
    /// Identity.
    pub id: GrantId,
    /// The approved request; none for the grant behind a standing role.
    pub request_id: Option<RequestId>,
    /// Who holds it.
    pub principal: Principal,
    /// The role.
    pub role_id: RoleId,
    /// Its target.
    pub target_id: TargetId,
    /// Tier when approved.
    pub tier: Tier,
    /// Scope granted.
    pub scope: Scope,
    /// What was approved for it; nothing beyond is ever issued.
    pub terms: Terms,
    /// Begin.
    pub starts_at: Timestamp,
    /// End as approved; an early end moves it earlier, nothing moves it later.
    pub ends_at: Timestamp,
    /// State.
    pub state: GrantState,
    /// Why it ended, once it does.
    pub end_reason: Option<EndReason>,
    /// Who ended it early.
    pub ended_by: Option<UserId>,
    /// When everything was verified gone.
    pub verified_at: Option<Timestamp>,
    /// Until when a token of it could still be accepted offline after the end; known once it is ended, and kept because the
    /// rows of tokens are not.
    pub accepted_until: Option<Timestamp>,
    /// When the grant was made.
    pub created_at: Timestamp,
    /// Compare-and-swap counter.
    pub version: i64,
}

impl Grant {
    /// True where access under the grant is allowed at `now`: decided from timestamps at the moment of use.
    pub fn allows_at(&self, now: Timestamp) -> bool {
        self.state == GrantState::Active && self.starts_at <= now && now < self.ends_at
    }

    /// The grant as it is once it is over, whoever ended it. Nothing moves an end later: expiry keeps the approved
    /// end, an early end moves it earlier.
    #[must_use]
    pub fn ending(&self, reason: EndReason, by: Option<UserId>, now: Timestamp) -> Self {
        Self {
            state: GrantState::Ending,
            end_reason: Some(reason),
            ended_by: by,
            ends_at: self.ends_at.min(now.max(self.starts_at)),
            version: self.version + 1,
            ..self.clone()
        }
    }
}

/// A stop: a standing role's grant was revoked by a person, so its workload gets no new one by itself until an
/// administrator lifts this.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingBlock {
    /// Identity.
    pub id: StandingBlockId,
    /// The standing role.
    pub role_id: RoleId,
    /// The workload that is kept out.
    pub workload_id: WorkloadId,
    /// The grant whose revocation did it.
    pub grant_id: GrantId,
    /// Since when.
    pub blocked_at: Timestamp,
    /// Who revoked.
    pub blocked_by: Option<UserId>,
    /// When it was lifted.
    pub lifted_at: Option<Timestamp>,
    /// By whom.
    pub lifted_by: Option<UserId>,
    /// Compare-and-swap counter.
    pub version: i64,
}
