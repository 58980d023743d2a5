//! Roles: what they issue follows from the kind of their target.
use std::collections::BTreeMap;

use hallpass_domain::role::{PostgresqlRole, Role, RoleSettings, TokenRole};
use hallpass_domain::scope::ScopeSchema;
use hallpass_domain::target::{PostgresqlTarget, TargetSettings};
use hallpass_domain::text::Name;
use toml::Spanned;

use super::Builder;
use super::names::{May, Names};
use crate::admin::file::{RoleEntry, ScopeGroups, Text, span_of};
use crate::admin::mistake::{Span, did_you_mean};

/// Longest duration of a grant, seconds: 30 d. More is not just in time.
pub(super) const LONGEST_GRANT: i64 = 30 * 86_400;
/// Longest life of one token where the target introspects, seconds.
const LONGEST_TOKEN: i64 = 3_600;

impl Builder<'_, '_, '_> {
    pub(super) fn roles(&mut self) {
        let file = self.file;
        for entry in file.roles.iter().map(Spanned::get_ref) {
            let (Ok(name), Some(id)) =
                (Name::parse(entry.name.get_ref()), Names::own(&self.names.roles, &entry.name))
            else {
                continue;
            };
            let target = self.named("target", |n| &n.targets, &entry.target);
            let workflow = self.named("workflow", |n| &n.workflows, &entry.workflow);
            let scope_schema = self.scope(entry);
            let may = May { groups: true, workloads: true };
            let eligible =
                self.principals(entry.eligible.get_ref(), may, "a person's address, a group or a workload");
            if entry.eligible.get_ref().is_empty() {
                self.mistakes.at(
                    entry.eligible.span(),
                    format!("Nobody may ask for role “{name}”."),
                    "Name people, groups or workloads, or take the role out of the file.",
                );
            }
            let max_seconds = self.seconds("max", &entry.max, LONGEST_GRANT);
            let usual_seconds = self.seconds("usual", &entry.usual, LONGEST_GRANT);
            if usual_seconds > max_seconds {
                self.mistakes.at(
                    entry.usual.span(),
                    "The usual duration is longer than the longest.",
                    "Make usual shorter, or max longer.",
                );
            }
            let purpose = self.line("the purpose", &entry.purpose, 300);
            let (Some(target_id), Some(workflow_id)) = (target, workflow) else { continue };
            let current = self.current.catalogue.roles.get(&id);
            if current.is_some_and(|r| r.target_id != target_id) {
                self.mistakes.at(
                    entry.target.span(),
                    format!("Role “{name}” is on another target, and a name keeps its meaning."),
                    "Give the role on this target a name of its own, and take the old one out of the file.",
                );
            }
            let Some(settings) = self.settings(entry, target_id, &scope_schema) else { continue };
            let role = Role {
                id,
                name,
                purpose,
                target_id,
                tier: *entry.tier.get_ref(),
                eligible,
                max_seconds,
                usual_seconds,
                workflow_id,
                scope_schema,
                settings,
                standing: entry.standing.as_ref().is_some_and(|s| *s.get_ref()),
                retired: false,
                revision: current.map_or(0, |r| r.revision),
                version: current.map_or(0, |r| r.version),
            };
            self.built.roles.insert(id, entry);
            self.built.next.catalogue.roles.insert(id, role);
        }
    }

    fn settings(
        &mut self,
        entry: &RoleEntry,
        target: hallpass_domain::ids::TargetId,
        schema: &ScopeSchema,
    ) -> Option<RoleSettings> {
        match self.built.next.catalogue.targets.get(&target)?.settings.clone() {
            TargetSettings::Oauth(_) => {
                self.refuse_settings(
                    "oauth",
                    &[
                        ("database", span_of(&entry.database)),
                        ("groups", span_of(&entry.groups)),
                        ("scope_groups", span_of(&entry.scope_groups)),
                        ("connection_limit", span_of(&entry.connection_limit)),
                    ],
                );
                let token_seconds = entry.token_seconds.as_ref().map_or(300, |s| *s.get_ref());
                self.range("token_seconds", token_seconds, 10..=LONGEST_TOKEN, span_of(&entry.token_seconds));
                Some(RoleSettings::AccessToken(TokenRole { token_seconds }))
            }
            TargetSettings::Postgresql(target) => {
                self.refuse_settings("postgresql", &[("token_seconds", span_of(&entry.token_seconds))]);
                self.postgresql_role(entry, &target, schema).map(RoleSettings::PostgresqlLogin)
            }
        }
    }

    fn postgresql_role(
        &mut self,
        entry: &RoleEntry,
        target: &PostgresqlTarget,
        schema: &ScopeSchema,
    ) -> Option<PostgresqlRole> {
        let Some(database) = &entry.database else {
            self.mistakes.at(
                entry.name.span(),
                "A role on a postgresql target needs database.",
                "Add a line database = …: the one that its logins connect to.",
            );
            return None;
        };
        self.identifier("database", database);
        // A scope parameter of this name chooses the database.
        for value in
            entry.scope.get("database").map(|p| p.get_ref().allowed.get_ref().as_slice()).unwrap_or_default()
        {
            self.identifier("a database", value);
        }
        let groups = entry.groups.as_ref().map(|g| g.get_ref().as_slice()).unwrap_or_default();
        self.group_roles(groups, target);
        let scope_groups =
            entry.scope_groups.as_ref().map(|s| self.scope_groups(s, target, schema)).unwrap_or_default();
        if groups.is_empty() && scope_groups.is_empty() {
            self.mistakes.at(
                entry.name.span(),
                "Logins of this role would join no group role, so they could do nothing.",
                "Add groups = [\"…\"] or scope_groups.",
            );
        }
        let connection_limit = entry.connection_limit.as_ref().map_or(5, |l| *l.get_ref());
        self.range(
            "connection_limit",
            i64::from(connection_limit),
            1..=1_000,
            span_of(&entry.connection_limit),
        );
        Some(PostgresqlRole {
            database: database.get_ref().clone(),
            groups: texts(groups),
            scope_groups,
            connection_limit,
        })
    }

    fn scope_groups(
        &mut self,
        raw: &Spanned<ScopeGroups>,
        target: &PostgresqlTarget,
        schema: &ScopeSchema,
    ) -> BTreeMap<String, BTreeMap<String, Vec<String>>> {
        let mut all = BTreeMap::new();
        for (param, by_value) in raw.get_ref() {
            let Some(rule) = schema.get(param) else {
                let hint = did_you_mean(param, schema.keys().map(String::as_str));
                self.mistakes.at(
                    raw.span(),
                    format!("scope_groups names the scope parameter “{param}”, which this role has not."),
                    format!("{hint}Add [roles.scope.{param}], or correct the name."),
                );
                continue;
            };
            for (value, groups) in by_value {
                let span = groups.first().map_or_else(|| raw.span(), Spanned::span);
                if !rule.allowed.contains(value) {
                    let hint = did_you_mean(value, rule.allowed.iter().map(String::as_str));
                    self.mistakes.at(
                        span,
                        format!("scope_groups names “{value}”, which scope “{param}” does not allow."),
                        format!("{hint}Write one of: {}.", rule.allowed.join(", ")),
                    );
                }
                self.group_roles(groups, target);
            }
            all.insert(param.clone(), by_value.iter().map(|(v, g)| (v.clone(), texts(g))).collect());
        }
        all
    }

    /// Group roles that a login may join: never ones that would make it more than a user (design, chapter 6).
    fn group_roles(&mut self, groups: &[Text], target: &PostgresqlTarget) {
        for group in groups {
            self.identifier("a group role", group);
            let name = group.get_ref();
            let ours = *name == target.admin_user || *name == target.quarantine_role;
            if ours || name.starts_with("pg_") || name == "postgres" || name == "public" {
                self.mistakes.at(
                    group.span(),
                    format!("Logins may not join “{name}”: it is built in, or Hallpass's own."),
                    "Name a NOLOGIN group role of the application.",
                );
            }
        }
    }

    fn refuse_settings(&mut self, kind: &str, settings: &[(&str, Option<Span>)]) {
        for (what, span) in settings.iter().filter_map(|(what, span)| span.clone().map(|s| (what, s))) {
            self.mistakes.at(
                span,
                format!("{what} means nothing for a role on a target of kind {kind}."),
                "Take this line out, or correct the target.",
            );
        }
    }
}

fn texts(raw: &[Text]) -> Vec<String> {
    raw.iter().map(|t| t.get_ref().clone()).collect()
}
