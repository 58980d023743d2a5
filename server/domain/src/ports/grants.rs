//! Reads of grants.
use async_trait::async_trait;

use super::store::{Page, Read};
use crate::Timestamp;
use crate::grant::{Grant, GrantState};
use crate::ids::{GrantId, RequestId, RoleId};
use crate::principal::Principal;

/// Which grants; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// Held by.
    pub principal: Option<Principal>,
    /// In one of these states (empty: any).
    pub states: Vec<GrantState>,
    /// Of this role.
    pub role: Option<RoleId>,
}

/// Reads of grants.
#[async_trait]
pub trait Grants {
    /// A grant.
    async fn grant(&self, id: GrantId) -> Read<Option<Grant>>;
    /// The grant that a request became.
    async fn grant_of(&self, request: RequestId) -> Read<Option<Grant>>;
    /// Grants, newest first.
    async fn grants(&self, filter: &GrantFilter, page: Page) -> Read<Vec<Grant>>;
    /// The principal's grant of `role` that allows use at `now`, the one that ends last.
    async fn usable_grant(&self, principal: Principal, role: RoleId, now: Timestamp) -> Read<Option<Grant>>;
    /// `scheduled` and `active` grants with `ends_at <= now`, oldest end first.
    async fn due_grants(&self, now: Timestamp, limit: u32) -> Read<Vec<Grant>>;
    /// `ending` grants of which no credential is left, oldest end first, from the one after `after` on. Those that wait
    /// for a target are not among them, however many they are.
    async fn emptied_grants(&self, after: Option<(Timestamp, GrantId)>, limit: u32) -> Read<Vec<Grant>>;
    /// `scheduled` grants with `starts_at <= now < ends_at`.
    async fn starting_grants(&self, now: Timestamp, limit: u32) -> Read<Vec<Grant>>;
    /// When the clock must wake the reconcilers that looked at `looked`: the soonest time after it at which a `scheduled`
    /// or `active` grant ends, or a credential that is not revoked may be claimed.
    async fn next_due(&self, looked: Timestamp) -> Read<Option<Timestamp>>;
}
