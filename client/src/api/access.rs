//! Grants and credentials.
use std::time::Duration;

use reqwest::Method;

use super::requests::paged;
use super::{Paging, new_key};
use crate::Error;
use crate::http::Client;
use crate::wire::Page;
use crate::wire::common::CredentialKind;
use crate::wire::credentials::{Credential, Issued, NewCredential};
use crate::wire::grants::{Grant, Revoke};
use crate::wire::receipt::GrantReceipt;

/// How much longer than other calls an issue may take: the server waits up to 30 s for a target.
const TARGET_PATIENCE: Duration = Duration::from_secs(15);

/// Which grants.
#[derive(Clone, Debug, Default)]
pub struct GrantFilter {
    /// `mine` or `all`; the server's default where none.
    pub view: Option<String>,
    /// A state, or several with commas.
    pub state: Option<String>,
    /// Name of a role.
    pub role: Option<String>,
    /// Where to go on.
    pub paging: Paging,
}

impl Client {
    /// `GET /grants`.
    pub async fn grants(&self, filter: &GrantFilter) -> Result<Page<Grant>, Error> {
        let call = self
            .api(Method::GET, ["grants"])
            .query("view", filter.view.as_deref())
            .query("state", filter.state.as_deref())
            .query("role", filter.role.as_deref());
        self.json(paged(call, &filter.paging)).await
    }

    /// `GET /grants/{id}`.
    pub async fn grant(&self, id: &str) -> Result<Grant, Error> {
        self.json(self.api(Method::GET, ["grants", id])).await
    }

    /// `POST /grants/{id}/credentials`. Where an answer got lost on the way, its secret is lost with it (the credential ends with
    /// the grant), so another one is issued, once. A target may take half a minute.
    pub async fn issue(&self, grant_id: &str, kind: Option<CredentialKind>) -> Result<Issued, Error> {
        let body = NewCredential { kind };
        let call = |key: &str| {
            self.api(Method::POST, ["grants", grant_id, "credentials"])
                .patient(TARGET_PATIENCE)
                .body(&body, key)
        };
        match self.json(call(&new_key())?).await {
            Err(error) if error.code() == "issued_not_retrievable" => self.json(call(&new_key())?).await,
            other => other,
        }
    }

    /// `POST /grants/{id}/end`.
    pub async fn end(&self, grant_id: &str, key: &str) -> Result<Grant, Error> {
        self.json(self.api(Method::POST, ["grants", grant_id, "end"]).body(&serde_json::json!({}), key)?)
            .await
    }

    /// `POST /grants/{id}/revoke`.
    pub async fn revoke(&self, grant_id: &str, reason: &str, key: &str) -> Result<Grant, Error> {
        let body = Revoke { reason: reason.to_owned() };
        self.json(self.api(Method::POST, ["grants", grant_id, "revoke"]).body(&body, key)?).await
    }

    /// `POST /grants/{id}/lift`: a workload gets a standing role again whose grant was revoked.
    pub async fn lift(&self, grant_id: &str, key: &str) -> Result<Grant, Error> {
        self.json(self.api(Method::POST, ["grants", grant_id, "lift"]).body(&serde_json::json!({}), key)?)
            .await
    }

    /// `GET /grants/{id}/receipt`.
    pub async fn receipt(&self, grant_id: &str) -> Result<GrantReceipt, Error> {
        self.json(self.api(Method::GET, ["grants", grant_id, "receipt"])).await
    }

    /// `GET /credentials/{id}`.
    pub async fn credential(&self, id: &str) -> Result<Credential, Error> {
        self.json(self.api(Method::GET, ["credentials", id])).await
    }
}
