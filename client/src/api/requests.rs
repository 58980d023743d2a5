//! Who calls, roles, requests, decisions.
use std::time::Duration;

use reqwest::Method;

use super::Paging;
use crate::http::Client;
use crate::wire::me::Me;
use crate::wire::requests::{NewDecision, NewRequest, Request, RequestItem, RequestOutcome};
use crate::wire::roles::Role;
use crate::{Error, wire::Page};

/// Longest long-poll of one call, seconds.
pub const MAX_WAIT: u64 = 60;

/// Which requests.
#[derive(Clone, Debug, Default)]
pub struct RequestFilter {
    /// `mine`, `to_approve`, `decided`, `all`; the server's default where none.
    pub view: Option<String>,
    /// A state, or several with commas.
    pub state: Option<String>,
    /// Name of a role.
    pub role: Option<String>,
    /// Where to go on.
    pub paging: Paging,
}

impl Client {
    /// `GET /me`.
    pub async fn me(&self) -> Result<Me, Error> {
        self.json(self.api(Method::GET, ["me"])).await
    }

    /// `GET /roles`.
    pub async fn roles(
        &self,
        query: Option<&str>,
        eligible_only: bool,
        paging: &Paging,
    ) -> Result<Page<Role>, Error> {
        let call = self
            .api(Method::GET, ["roles"])
            .query("q", query)
            .query("eligible", eligible_only.then_some("true"));
        self.json(paged(call, paging)).await
    }

    /// `GET /roles/{name}`.
    pub async fn role(&self, name: &str) -> Result<Role, Error> {
        self.json(self.api(Method::GET, ["roles", name])).await
    }

    /// `POST /requests`.
    pub async fn ask(&self, new: &NewRequest, key: &str) -> Result<RequestOutcome, Error> {
        self.json(self.api(Method::POST, ["requests"]).body(new, key)?).await
    }

    /// `GET /requests`.
    pub async fn requests(&self, filter: &RequestFilter) -> Result<Page<RequestItem>, Error> {
        let call = self
            .api(Method::GET, ["requests"])
            .query("view", filter.view.as_deref())
            .query("state", filter.state.as_deref())
            .query("role", filter.role.as_deref());
        self.json(paged(call, &filter.paging)).await
    }

    /// `GET /requests/{reference}`; `wait` holds the answer for so many seconds while the request is pending.
    pub async fn request(&self, reference: &str, wait: Option<u64>) -> Result<Request, Error> {
        let wait = wait.map(|seconds| seconds.min(MAX_WAIT));
        let call = self
            .api(Method::GET, ["requests", reference])
            .query("wait", wait.map(|seconds| seconds.to_string()).as_deref())
            .patient(Duration::from_secs(wait.unwrap_or(0)));
        self.json(call).await
    }

    /// `POST /requests/{reference}/decisions`.
    pub async fn decide(&self, reference: &str, decision: &NewDecision, key: &str) -> Result<Request, Error> {
        self.json(self.api(Method::POST, ["requests", reference, "decisions"]).body(decision, key)?).await
    }

    /// `POST /requests/{reference}/withdraw`.
    pub async fn withdraw(&self, reference: &str, key: &str) -> Result<Request, Error> {
        self.json(
            self.api(Method::POST, ["requests", reference, "withdraw"]).body(&serde_json::json!({}), key)?,
        )
        .await
    }
}

/// Adds the page to a call.
pub(super) fn paged(call: crate::call::Call, paging: &Paging) -> crate::call::Call {
    call.query("after", paging.after.as_deref())
        .query("limit", paging.limit.map(|limit| limit.to_string()).as_deref())
}
