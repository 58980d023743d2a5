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
    /// The whole catalogue as committed. Implementations keep it in memory and check one counter (moved by every
    /// catalogue change and user change) per call, so that another replica's change is seen at the next read.
    async fn catalogue(&self) -> Read<Arc<Catalogue>>;
    /// A client by its wire `client_id`.
    async fn client_named(&self, client_id: &str) -> Read<Option<Client>>;
    /// A client.
    async fn client(&self, id: ClientId) -> Read<Option<Client>>;
    /// Every client.
    async fn clients(&self) -> Read<Vec<Client>>;
}
