//! People, groups and workloads.
use std::collections::BTreeSet;

use hallpass_domain::ids::UserId;
use hallpass_domain::principal::{Group, User, Workload};
use hallpass_domain::text::{Email, Name};

use super::Builder;
use super::names::{May, Names};
use crate::admin::file::{PersonEntry, Text};
use crate::admin::mistake::did_you_mean;
use toml::Spanned;

impl Builder<'_, '_, '_> {
    pub(super) fn people(&mut self) {
        for entry in self.file.people.iter().map(Spanned::get_ref) {
            let Ok(email) = Email::parse(entry.email.get_ref()) else { continue };
            let Some(id) = self.names.users.get(email.as_str()).copied() else { continue };
            let user = User {
                id,
                email,
                display_name: self.line("the name", &entry.name, 120),
                time_zone: self.time_zone(entry),
                chosen_zone: self.current.catalogue.users.get(&id).and_then(|u| u.chosen_zone.clone()),
                duties: entry.duties.iter().copied().collect(),
                disabled: entry.disabled,
                version: self.current.catalogue.users.get(&id).map_or(0, |u| u.version),
            };
            self.built.next.catalogue.users.insert(id, user);
        }
    }

    fn time_zone(&mut self, entry: &PersonEntry) -> String {
        let Some(raw) = &entry.time_zone else { return "UTC".to_owned() };
        if let Ok(zone) = raw.get_ref().parse::<chrono_tz::Tz>() {
            return zone.name().to_owned();
        }
        let hint = did_you_mean(raw.get_ref(), chrono_tz::TZ_VARIANTS.iter().map(|z| z.name()));
        self.mistakes.at(
            raw.span(),
            format!("“{}” is not a time zone.", raw.get_ref()),
            format!("{hint}Write an IANA name such as Europe/Berlin, America/New_York or UTC."),
        );
        "UTC".to_owned()
    }

    pub(super) fn groups(&mut self) {
        for entry in self.file.groups.iter().map(Spanned::get_ref) {
            let (Ok(name), Some(id)) =
                (Name::parse(entry.name.get_ref()), Names::own(&self.names.groups, &entry.name))
            else {
                continue;
            };
            let may = May { groups: false, workloads: true };
            let group = Group {
                id,
                name,
                title: self.line("the title", &entry.title, 120),
                members: self
                    .principals(&entry.members, may, "a person's address or a workload's name")
                    .into_iter()
                    .collect(),
                version: self.current.catalogue.groups.get(&id).map_or(0, |g| g.version),
            };
            self.built.next.catalogue.groups.insert(id, group);
        }
    }

    pub(super) fn workloads(&mut self) {
        for entry in self.file.workloads.iter().map(Spanned::get_ref) {
            let (Ok(name), Some(id)) =
                (Name::parse(entry.name.get_ref()), Names::own(&self.names.workloads, &entry.name))
            else {
                continue;
            };
            let workload = Workload {
                id,
                name,
                title: self.line("the title", &entry.title, 120),
                owners: self.owners(&entry.owners, "workload"),
                disabled: entry.disabled,
                version: self.current.catalogue.workloads.get(&id).map_or(0, |w| w.version),
            };
            self.built.next.catalogue.workloads.insert(id, workload);
        }
    }

    /// People who answer for something; at least one who is not disabled.
    pub(super) fn owners(&mut self, raw: &Spanned<Vec<Text>>, noun: &str) -> BTreeSet<UserId> {
        let before = self.mistakes.count();
        let owners: BTreeSet<UserId> = raw.get_ref().iter().filter_map(|r| self.user(r)).collect();
        let enabled =
            owners.iter().any(|id| self.built.next.catalogue.users.get(id).is_some_and(|u| !u.disabled));
        if !enabled && self.mistakes.count() == before && (self.built.whole || raw.get_ref().is_empty()) {
            self.mistakes.at(
                raw.span(),
                format!("This {noun} has no owner who is not disabled."),
                "Name at least one person who answers for it.",
            );
        }
        owners
    }
}
