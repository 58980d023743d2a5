//! OAuth clients, which are principals too: looked up by what they send and by what records name.
use std::collections::BTreeMap;

pub use crate::principal::{Client, ClientOf};

use crate::ids::ClientId;

/// Every registered client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Clients {
    by_name: BTreeMap<String, Client>,
    names: BTreeMap<ClientId, String>,
}

impl Clients {
    /// By its `client_id` as sent on the wire.
    pub fn named(&self, client_id: &str) -> Option<&Client> {
        self.by_name.get(client_id)
    }

    /// By its identity.
    pub fn get(&self, id: ClientId) -> Option<&Client> {
        self.names.get(&id).and_then(|name| self.by_name.get(name))
    }

    /// All of them, by `client_id`.
    pub fn iter(&self) -> impl Iterator<Item = &Client> {
        self.by_name.values()
    }
}

impl FromIterator<Client> for Clients {
    fn from_iter<I: IntoIterator<Item = Client>>(all: I) -> Self {
        let mut clients = Self::default();
        for client in all {
            clients.names.insert(client.id, client.client_id.to_string());
            clients.by_name.insert(client.client_id.to_string(), client);
        }
        clients
    }
}
