//! Reads of the catalogue.
use std::sync::Arc;

use async_trait::async_trait;

use super::store::Read;
use crate::catalogue::Catalogue;
use crate::ids::ClientId;
use crate::principal::Client;

/// Reads of the catalogue.
#[async_trait]
pub trait CatalogueReads {
    /// The whole catalogue as committed. Implementations keep it in memory and check one counter (moved by every change
    /// of the catalogue, of a user and of a client) per call, so that another replica's change is seen at the next read.
    async fn catalogue(&self) -> Read<Arc<Catalogue>>;
    /// A client by its wire `client_id`.
    async fn client_named(&self, client_id: &str) -> Read<Option<Client>> {
        Ok(self.catalogue().await?.clients.named(client_id).cloned())
    }
    /// A client.
    async fn client(&self, id: ClientId) -> Read<Option<Client>> {
        Ok(self.catalogue().await?.clients.get(id).cloned())
    }
    /// Every client, by `client_id`.
    async fn clients(&self) -> Read<Vec<Client>> {
        Ok(self.catalogue().await?.clients.iter().cloned().collect())
    }
}
