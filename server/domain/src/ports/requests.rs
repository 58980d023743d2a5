//! Reads of requests and decisions.
use async_trait::async_trait;

use super::store::{Page, Read};
use crate::Timestamp;
use crate::ids::{RequestId, RoleId, UserId};
use crate::principal::Principal;
use crate::request::{Decision, Request, RequestState};

/// Which requests; every field narrows.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// Held by, or submitted by, this user or held by this workload.
    pub of: Option<Principal>,
    /// In this state.
    pub state: Option<RequestState>,
    /// For this role.
    pub role: Option<RoleId>,
}

/// Reads of requests and decisions.
#[async_trait]
pub trait Requests {
    /// A request.
    async fn request(&self, id: RequestId) -> Read<Option<Request>>;
    /// A request by its reference (`R-…`).
    async fn request_by_reference(&self, reference: &str) -> Read<Option<Request>>;
    /// Requests, newest first.
    async fn requests(&self, filter: &RequestFilter, page: Page) -> Read<Vec<Request>>;
    /// Pending requests of `roles`, soonest deadline first, from the one after `after` on: the approver's inbox is
    /// filtered from it by the rules.
    async fn pending_requests(
        &self,
        roles: &[RoleId],
        after: Option<(Timestamp, RequestId)>,
        limit: u32,
    ) -> Read<Vec<Request>>;
    /// Pending requests whose stage should have been decided by `now`, or whose fixed end has passed.
    async fn lapsing_requests(&self, now: Timestamp, limit: u32) -> Read<Vec<Request>>;
    /// Decisions on a request in order.
    async fn decisions(&self, id: RequestId) -> Read<Vec<Decision>>;
    /// Decisions on several requests, those on each in order.
    async fn decisions_on(&self, ids: &[RequestId]) -> Read<Vec<Decision>>;
    /// Requests that a person decided, newest decision first.
    async fn decided_by(&self, approver: UserId, page: Page) -> Read<Vec<(Decision, Request)>>;
}
