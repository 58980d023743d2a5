//! The catalogue.
use reqwest::Method;
use serde::de::DeserializeOwned;

use super::Paging;
use super::requests::paged;
use crate::Error;
use crate::http::Client;
use crate::wire::Page;
use crate::wire::admin::{ApplyCatalogue, CatalogueDiff, NewClient};

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

    /// `GET /admin/catalogue/{noun}`: `targets`, `workflows`, `groups`, `people` or `workloads`, as the item of
    /// [`crate::wire::admin`] that goes with it.
    pub async fn catalogue_objects<T: DeserializeOwned>(
        &self,
        noun: &str,
        query: Option<&str>,
        paging: &Paging,
    ) -> Result<Page<T>, Error> {
        let call = self.api(Method::GET, ["admin", "catalogue", noun]).query("q", query);
        self.json(paged(call, paging)).await
    }
}
