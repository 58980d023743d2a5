//! Entries and the catalogue as it is, to the catalogue as it would be. Pure: ids are made here, secrets are not.
use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{ClientId, RoleId, TargetId, WorkflowId};
use hallpass_domain::principal::{Client, ClientOf};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::text;

use super::file::{CatalogueFile, RoleEntry, Text, WorkflowEntry};
use super::mistake::{Mistakes, Span};
use super::secrets::SecretRef;
use names::Names;

mod clients;
pub mod names;
mod people;
mod roles;
mod scope;
mod targets;
mod workflows;

/// The hash that no secret has: a client that was taken out of the catalogue keeps its row, and nobody can
/// authenticate as it. (No input of SHA-256 with this digest is known, and client secrets have 256 random bits.)
pub const NO_SECRET: SecretHash = SecretHash([0; 32]);

/// The catalogue and its OAuth clients at one moment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// People, groups, workloads, targets, roles, workflows.
    pub catalogue: Catalogue,
    /// OAuth clients.
    pub clients: BTreeMap<ClientId, Client>,
}

impl State {
    /// From what the store answers.
    pub fn new(catalogue: Catalogue, clients: Vec<Client>) -> Self {
        Self { catalogue, clients: clients.into_iter().map(|c| (c.id, c)).collect() }
    }
}

/// How much of the current catalogue is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// All of it: on the server.
    Server,
    /// Nothing: a file is checked alone. Where it is partial, names that it does not hold are passed over.
    FileOnly,
}

/// What a file makes of the current catalogue.
#[derive(Debug)]
pub struct Built<'f> {
    /// The catalogue as it would be; versions and revisions not yet moved.
    pub next: State,
    /// Passwords of ours to read and seal.
    pub secrets: Vec<(TargetId, SecretRef, Span)>,
    /// Clients in the file that have no secret yet.
    pub need_secret: BTreeSet<ClientId>,
    /// Entries behind roles.
    pub roles: BTreeMap<RoleId, &'f RoleEntry>,
    /// Entries behind workflows.
    pub workflows: BTreeMap<WorkflowId, &'f WorkflowEntry>,
    /// Places of the targets' addresses, for those whose server cannot be changed now.
    pub addresses: BTreeMap<TargetId, Span>,
    /// Whether the rules over the whole can be judged (not for a partial file that is checked alone).
    pub whole: bool,
}

/// Builds. Where `mistakes` is not empty afterwards, the result is not fit for use.
pub fn build<'f>(
    current: &State,
    file: &'f CatalogueFile,
    known: Known,
    now: Timestamp,
    mistakes: &mut Mistakes<'_>,
) -> Built<'f> {
    let lenient = known == Known::FileOnly && !file.prune;
    let names = Names::collect(current, file, lenient, now, mistakes);
    let mut builder = Builder {
        current,
        file,
        now,
        names,
        mistakes,
        built: Built {
            next: current.clone(),
            secrets: Vec::new(),
            need_secret: BTreeSet::new(),
            roles: BTreeMap::new(),
            workflows: BTreeMap::new(),
            addresses: BTreeMap::new(),
            whole: !lenient,
        },
    };
    if file.prune {
        builder.retire_everything();
    }
    builder.people();
    builder.groups();
    builder.workloads();
    builder.targets();
    builder.workflows();
    builder.roles();
    builder.clients();
    builder.built
}

/// State of a build; each noun's part stands in a file of its own.
struct Builder<'b, 'f, 't> {
    current: &'b State,
    file: &'f CatalogueFile,
    now: Timestamp,
    names: Names,
    mistakes: &'b mut Mistakes<'t>,
    built: Built<'f>,
}

impl Builder<'_, '_, '_> {
    /// Marks everything as gone; entries bring back what the file names.
    fn retire_everything(&mut self) {
        let next = &mut self.built.next;
        next.catalogue.users.values_mut().for_each(|u| u.disabled = true);
        next.catalogue.groups.values_mut().for_each(|g| g.members.clear());
        next.catalogue.workloads.values_mut().for_each(|w| w.disabled = true);
        next.catalogue.targets.values_mut().for_each(|t| t.disabled = true);
        next.catalogue.roles.values_mut().for_each(|r| r.retired = true);
        next.catalogue.workflows.values_mut().for_each(|w| w.retired = true);
        for client in next.clients.values_mut().filter(|c| c.of != ClientOf::CommandLine) {
            client.secret_hash = Some(NO_SECRET);
        }
    }

    /// Cleaned text of one line, at most `max` characters.
    fn line(&mut self, what: &'static str, raw: &Text, max: usize) -> String {
        text::line(what, raw.get_ref(), max).unwrap_or_else(|error| {
            self.mistakes.at(
                raw.span(),
                capital(&format!("{error}.")),
                format!("Write 1 to {max} characters."),
            );
            String::new()
        })
    }

    /// A duration such as `2h`, in seconds.
    fn seconds(&mut self, what: &'static str, raw: &Text, most: i64) -> i64 {
        let limit = || hallpass_domain::window::describe_seconds(most);
        match hallpass_domain::window::parse_duration(raw.get_ref()) {
            Ok(seconds) if seconds > most => {
                self.mistakes.at(
                    raw.span(),
                    format!("{what} is longer than {}.", limit()),
                    format!("Write {} or less.", limit()),
                );
                most
            }
            Ok(seconds) if seconds > 0 => seconds,
            _ => {
                self.mistakes.at(
                    raw.span(),
                    format!("{what} is not a duration longer than zero."),
                    "Write it like 30m, 2h, 1h30m or 1d.",
                );
                1
            }
        }
    }
}

/// First letter upper case.
fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map(|c| c.to_uppercase().chain(chars).collect()).unwrap_or_default()
}
