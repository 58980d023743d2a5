//! Names: which entry or object each one means.
use std::collections::BTreeMap;
use std::ops::Range;

use hallpass_domain::Timestamp;
use hallpass_domain::ids::{GroupId, RoleId, TargetId, UserId, WorkflowId, WorkloadId};
use hallpass_domain::principal::Principal;
use hallpass_domain::text::{Email, Name, TextError};

use super::{Builder, State, capital};
use crate::admin::file::{CatalogueFile, Text};
use crate::admin::mistake::{Mistakes, did_you_mean};

/// Every name that may be referred to, and whose it is.
#[derive(Debug, Default)]
pub struct Names {
    /// People by canonical address.
    pub users: BTreeMap<String, UserId>,
    /// Groups.
    pub groups: BTreeMap<String, GroupId>,
    /// Workloads.
    pub workloads: BTreeMap<String, WorkloadId>,
    /// Targets.
    pub targets: BTreeMap<String, TargetId>,
    /// Roles.
    pub roles: BTreeMap<String, RoleId>,
    /// Workflows.
    pub workflows: BTreeMap<String, WorkflowId>,
    /// Unknown names are passed over: the server may know them.
    lenient: bool,
}

impl Names {
    /// Gives every entry the id of the object it is about, or a new one, and refuses names that are ill-formed or
    /// taken twice.
    pub fn collect(
        current: &State,
        file: &CatalogueFile,
        lenient: bool,
        now: Timestamp,
        mistakes: &mut Mistakes<'_>,
    ) -> Self {
        let c = &current.catalogue;
        let keep = !file.prune;
        let mut names = Self {
            users: section(
                "person",
                email,
                file.people.iter().map(|e| &e.get_ref().email),
                c.users.values().map(|u| (u.email.as_str(), u.id, keep)),
                || UserId::new(now),
                mistakes,
            ),
            groups: section(
                "group",
                name,
                file.groups.iter().map(|e| &e.get_ref().name),
                c.groups.values().map(|g| (g.name.as_str(), g.id, keep)),
                || GroupId::new(now),
                mistakes,
            ),
            workloads: section(
                "workload",
                name,
                file.workloads.iter().map(|e| &e.get_ref().name),
                c.workloads.values().map(|w| (w.name.as_str(), w.id, keep)),
                || WorkloadId::new(now),
                mistakes,
            ),
            targets: section(
                "target",
                name,
                file.targets.iter().map(|e| &e.get_ref().name),
                c.targets.values().map(|t| (t.name.as_str(), t.id, keep)),
                || TargetId::new(now),
                mistakes,
            ),
            roles: section(
                "role",
                name,
                file.roles.iter().map(|e| &e.get_ref().name),
                c.roles.values().map(|r| (r.name.as_str(), r.id, keep)),
                || RoleId::new(now),
                mistakes,
            ),
            workflows: section(
                "workflow",
                name,
                file.workflows.iter().map(|e| &e.get_ref().name),
                c.workflows.values().map(|w| (w.name.as_str(), w.id, keep && !w.retired)),
                || WorkflowId::new(now),
                mistakes,
            ),
            lenient,
        };
        for entry in &file.workloads {
            let raw = &entry.get_ref().name;
            if names.groups.remove(raw.get_ref()).is_some() {
                mistakes.at(
                    raw.span(),
                    format!("“{}” is the name of a group and of a workload.", raw.get_ref()),
                    "Rename one of them: entries refer to both by name.",
                );
            }
        }
        names
    }

    /// The object of an entry's own name.
    pub fn own<Id: Copy>(map: &BTreeMap<String, Id>, raw: &Text) -> Option<Id> {
        map.get(raw.get_ref().as_str()).copied()
    }
}

/// Canonical form of a name and what is wrong with it.
type Canonical = fn(&str) -> Result<String, TextError>;

/// Canonical form of an address.
pub(super) fn email(raw: &str) -> Result<String, TextError> {
    Email::parse(raw).map(String::from)
}

fn name(raw: &str) -> Result<String, TextError> {
    Name::parse(raw).map(String::from)
}

/// Names of one section: those in the file, and those known already that may still be referred to.
fn section<'a, Id: Copy>(
    noun: &str,
    canonical: Canonical,
    entries: impl Iterator<Item = &'a Text>,
    known: impl Iterator<Item = (&'a str, Id, bool)>,
    new: impl Fn() -> Id,
    mistakes: &mut Mistakes<'_>,
) -> BTreeMap<String, Id> {
    let (mut all, mut referable) = (BTreeMap::new(), BTreeMap::new());
    for (name, id, may_refer) in known {
        all.insert(name.to_owned(), id);
        if may_refer {
            referable.insert(name.to_owned(), id);
        }
    }
    let mut seen: BTreeMap<String, Range<usize>> = BTreeMap::new();
    for raw in entries {
        match canonical(raw.get_ref()) {
            Err(error) => mistakes.at(raw.span(), capital(&format!("{error}.")), "Correct it."),
            Ok(name) => {
                if let Some(first) = seen.insert(name.clone(), raw.span()) {
                    let (line, _) = mistakes.place(first.start);
                    mistakes.at(
                        raw.span(),
                        format!("The {noun} “{name}” stands in the file twice, first in line {line}."),
                        "Keep one of the two, or rename one.",
                    );
                }
                let id = all.get(&name).copied().unwrap_or_else(&new);
                referable.insert(name, id);
            }
        }
    }
    referable
}

/// What a reference may mean.
#[derive(Clone, Copy, Debug)]
pub(super) struct May {
    pub(super) groups: bool,
    pub(super) workloads: bool,
}

impl Builder<'_, '_, '_> {
    /// The person at an address.
    pub(super) fn user(&mut self, raw: &Text) -> Option<UserId> {
        match self.principal(raw, May { groups: false, workloads: false }, "a person's address")? {
            Principal::User(id) => Some(id),
            Principal::Workload(_) | Principal::Group(_) => None,
        }
    }

    /// Several principals, sorted and each once: their order means nothing, so it makes no difference either.
    pub(super) fn principals(&mut self, raw: &[Text], may: May, what: &str) -> Vec<Principal> {
        let mut all: Vec<Principal> = raw.iter().filter_map(|r| self.principal(r, may, what)).collect();
        all.sort();
        all.dedup();
        all
    }

    fn principal(&mut self, raw: &Text, may: May, what: &str) -> Option<Principal> {
        let text = raw.get_ref().trim();
        let found = if text.contains('@') {
            email(text).ok().and_then(|e| self.names.users.get(&e)).map(|id| Principal::User(*id))
        } else {
            let group = self.names.groups.get(text).map(|id| Principal::Group(*id));
            group.or_else(|| self.names.workloads.get(text).map(|id| Principal::Workload(*id)))
        };
        match found {
            Some(Principal::Group(_)) if !may.groups => {
                self.mistakes.at(
                    raw.span(),
                    format!("“{text}” is a group, and here stands {what}."),
                    "Name its members one by one.",
                );
                None
            }
            Some(Principal::Workload(_)) if !may.workloads => {
                self.mistakes.at(raw.span(), format!("“{text}” is a workload, and here stands {what}: programs cannot decide or answer for anything."), "Name a person, or a group where groups may stand.");
                None
            }
            Some(found) => Some(found),
            None if self.names.lenient => None,
            None => {
                let users = self.names.users.keys();
                let groups = self.names.groups.keys().filter(|_| may.groups);
                let workloads = self.names.workloads.keys().filter(|_| may.workloads);
                let hint = did_you_mean(text, users.chain(groups).chain(workloads).map(String::as_str));
                let noun = if text.contains('@') {
                    "person"
                } else if may.workloads {
                    "group or workload"
                } else {
                    "group"
                };
                self.mistakes.at(
                    raw.span(),
                    format!("There is no {noun} “{text}” in the catalogue."),
                    format!("{hint}Write {what} that the file defines, or add the entry."),
                );
                None
            }
        }
    }

    /// A target or workflow by name.
    pub(super) fn named<Id: Copy>(
        &mut self,
        noun: &str,
        map: fn(&Names) -> &BTreeMap<String, Id>,
        raw: &Text,
    ) -> Option<Id> {
        let known = map(&self.names);
        if let Some(id) = known.get(raw.get_ref().as_str()) {
            return Some(*id);
        }
        if !self.names.lenient {
            let hint = did_you_mean(raw.get_ref(), known.keys().map(String::as_str));
            self.mistakes.at(
                raw.span(),
                format!("There is no {noun} “{}” in the catalogue.", raw.get_ref()),
                format!("{hint}Write the name of a {noun} that the file defines, or add the entry."),
            );
        }
        None
    }
}
