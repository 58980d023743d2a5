//! The catalogue.
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::Paging;
use super::requests::paged;
use crate::Error;
use crate::http::Client;
use crate::wire::Page;
use crate::wire::admin::{ApplyCatalogue, CatalogueDiff, Finding, NewClient, TargetCheck};

impl Client {
    /// `POST /admin/catalogue`.
    pub async fn catalogue(&self, apply: &ApplyCatalogue, key: &str) -> Result<CatalogueDiff, Error> {
        self.json(self.api(Method::POST, ["admin", "catalogue"]).body(apply, key)?).await
    }

    /// `POST /admin/clients/{client_id}/secret`: a new secret in place of the one before.
    pub async fn rotate_client_secret(&self, client_id: &str, key: &str) -> Result<NewClient, Error> {
        let call = self.api(Method::POST, ["admin", "clients", client_id, "secret"]);
        self.json(call.body(&serde_json::json!({}), key)?).await
    }

    /// `GET /admin/catalogue/{noun}`: `targets`, `roles`, `workflows`, `groups`, `people` or `workloads`, as the item of
    /// [`crate::wire::objects`] that goes with it.
    pub async fn catalogue_objects<T: DeserializeOwned>(
        &self,
        noun: &str,
        query: Option<&str>,
        paging: &Paging,
    ) -> Result<Page<T>, Error> {
        let call = self.api(Method::GET, ["admin", "catalogue", noun]).query("q", query);
        self.json(paged(call, paging)).await
    }

    /// `POST /admin/catalogue/targets/{name}/check`: tries a target with a throw-away account.
    pub async fn check_target(&self, name: &str, key: &str) -> Result<TargetCheck, Error> {
        let call = self.api(Method::POST, ["admin", "catalogue", "targets", name, "check"]);
        self.json(call.body(&serde_json::json!({}), key)?).await
    }

    /// `GET /admin/findings`: accounts that are not as the records say, at the target of this name or at all.
    pub async fn findings(&self, target: Option<&str>, paging: &Paging) -> Result<Page<Finding>, Error> {
        self.json(paged(self.api(Method::GET, ["admin", "findings"]).query("target", target), paging)).await
    }

    /// `POST /admin/findings/{id}/remove`: an administrator's yes.
    pub async fn remove_finding(&self, id: &str, key: &str) -> Result<Finding, Error> {
        let call = self.api(Method::POST, ["admin", "findings", id, "remove"]);
        self.json(call.body(&serde_json::json!({}), key)?).await
    }
}
