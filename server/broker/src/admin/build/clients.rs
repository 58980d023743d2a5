//! OAuth clients of workloads and resource servers.
use std::collections::BTreeMap;

use hallpass_domain::ids::ClientId;
use hallpass_domain::principal::{Client, ClientOf};
use hallpass_domain::target::TargetSettings;
use hallpass_domain::text::Name;
use toml::Spanned;

use super::names::Names;
use super::{Builder, NO_SECRET};
use crate::access::COMMAND_LINE_CLIENT;
use crate::admin::file::Text;

impl Builder<'_, '_, '_> {
    pub(super) fn clients(&mut self) {
        let file = self.file;
        let mut wanted: Vec<(&Text, ClientOf)> = Vec::new();
        for entry in file.workloads.iter().map(Spanned::get_ref) {
            if let Some(id) = Names::own(&self.names.workloads, &entry.name) {
                wanted.push((entry.client_id.as_ref().unwrap_or(&entry.name), ClientOf::Workload(id)));
            }
        }
        for entry in file.resource_servers.iter().map(Spanned::get_ref) {
            let Some(id) = self.named("target", |n| &n.targets, &entry.target) else { continue };
            let is_oauth = self
                .built
                .next
                .catalogue
                .targets
                .get(&id)
                .is_none_or(|t| matches!(t.settings, TargetSettings::Oauth(_)));
            if !is_oauth {
                self.mistakes.at(
                    entry.target.span(),
                    "A resource server introspects tokens, and this target has none.",
                    "Name a target of kind oauth.",
                );
            }
            wanted.push((&entry.client_id, ClientOf::ResourceServer(id)));
        }
        let mut seen: BTreeMap<Name, usize> = BTreeMap::new();
        for (raw, of) in wanted {
            let Ok(name) = Name::parse(raw.get_ref()) else {
                self.mistakes.at(
                    raw.span(),
                    "The client id must be 1 to 63 of a-z 0-9 . _ : - and begin with a letter or digit.",
                    "Correct it.",
                );
                continue;
            };
            if let Some(first) = seen.insert(name.clone(), raw.span().start) {
                let (line, _) = self.mistakes.place(first);
                self.mistakes.at(
                    raw.span(),
                    format!("The client id “{name}” stands in the file twice, first in line {line}."),
                    "Give each workload and resource server a client id of its own.",
                );
                continue;
            }
            self.client(raw, name, of);
        }
        // A workload speaks as one client: where its client id was changed, the one before loses its secret.
        for client in self.built.next.clients.values_mut().filter(|c| matches!(c.of, ClientOf::Workload(_))) {
            let of_this_file = file.workloads.iter().any(|w| matches!(client.of, ClientOf::Workload(id) if Names::own(&self.names.workloads, &w.get_ref().name) == Some(id)));
            if of_this_file && !seen.contains_key(&client.client_id) {
                client.secret_hash = Some(NO_SECRET);
            }
        }
    }

    fn client(&mut self, raw: &Text, name: Name, of: ClientOf) {
        let known = self.current.clients.values().find(|c| c.client_id == name);
        if known.is_some_and(|c| c.of != of) || name.as_str() == COMMAND_LINE_CLIENT {
            self.mistakes.at(
                raw.span(),
                format!("The client id “{name}” belongs, or belonged, to another client."),
                "Choose another: what was issued to that client must never count for this one.",
            );
            return;
        }
        let id = known.map_or_else(|| ClientId::new(self.now), |c| c.id);
        let secret_hash = known.and_then(|c| c.secret_hash).filter(|h| *h != NO_SECRET);
        if secret_hash.is_none() {
            self.built.need_secret.insert(id);
        }
        let client = Client {
            id,
            client_id: name,
            secret_hash: Some(secret_hash.unwrap_or(NO_SECRET)),
            of,
            created_at: known.map_or(self.now, |c| c.created_at),
            version: known.map_or(0, |c| c.version),
        };
        self.built.next.clients.insert(id, client);
    }
}
