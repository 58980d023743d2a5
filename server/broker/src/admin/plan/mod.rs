//! The difference between the catalogue as it is and as a file makes it: for people, for audit, and as rows to commit.
use std::collections::BTreeMap;

use hallpass_domain::transition::Change;
use serde::Serialize;

use super::build::State;
use fields::Noun;

pub mod fields;
#[cfg(test)]
mod tests;
mod words;

/// What happens to an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is new.
    Create,
    /// Some of its fields change, or it comes back.
    Change,
    /// A role, workflow, group or client goes out of use; its row stays, for history.
    Retire,
    /// A user, workload or target is switched off; its row stays.
    Disable,
}

impl Action {
    /// The word in pages, API and audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Change => "change",
            Self::Retire => "retire",
            Self::Disable => "disable",
        }
    }
}

/// One changed field, in words. A secret's are only "none" and "set".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FieldChange {
    /// The field, as the file calls it.
    pub field: String,
    /// Before; none for a new object.
    pub before: Option<String>,
    /// After; none where the field is gone.
    pub after: Option<String>,
}

/// One changed object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// `user`, `group`, `workload`, `target`, `role`, `workflow` or `client`.
    pub noun: &'static str,
    /// Its id.
    pub id: String,
    /// Its name; a user's address.
    pub name: String,
    /// What happens to it.
    pub action: Action,
    /// Its changed fields.
    pub fields: Vec<FieldChange>,
}

/// What would be committed.
#[derive(Debug, Default)]
pub struct Plan {
    /// For people; empty where the file says what is so already.
    pub differences: Vec<Difference>,
    /// Rows with their versions and revisions moved, in the order in which they refer to each other.
    pub changes: Vec<Change>,
}

/// Compares. `next` keeps the versions of `current`; the rows of the plan carry the moved ones.
pub fn plan(current: &State, next: &State) -> Plan {
    let mut plan = Plan::default();
    let (c, n) = (&current.catalogue, &next.catalogue);
    compare(&c.users, &n.users, current, next, &mut plan);
    compare(&c.groups, &n.groups, current, next, &mut plan);
    compare(&c.workloads, &n.workloads, current, next, &mut plan);
    compare(&c.targets, &n.targets, current, next, &mut plan);
    compare(&c.workflows, &n.workflows, current, next, &mut plan);
    compare(&c.roles, &n.roles, current, next, &mut plan);
    compare(&current.clients, &next.clients, current, next, &mut plan);
    plan
}

fn compare<Id: Ord, T: Noun>(
    before: &BTreeMap<Id, T>,
    after: &BTreeMap<Id, T>,
    current: &State,
    next: &State,
    plan: &mut Plan,
) {
    let mut after: Vec<_> = after.iter().collect();
    after.sort_by_cached_key(|(_, object)| object.name());
    for (id, now) in after {
        let was = before.get(id);
        if was == Some(now) {
            continue;
        }
        let action = match was {
            None => Action::Create,
            Some(w) if now.is_gone() && !w.is_gone() => T::GOING,
            Some(_) => Action::Change,
        };
        let fields = changed(
            was.map(|w| w.fields(current)).unwrap_or_default(),
            now.fields(next),
            was.map(Noun::hidden),
            now.hidden(),
        );
        plan.differences.push(Difference { noun: T::NOUN, id: now.id(), name: now.name(), action, fields });
        plan.changes.extend(now.clone().moved(was.is_none()));
    }
}

/// Fields that differ; hidden ones without their values.
fn changed(
    before: Vec<(String, String)>,
    after: Vec<(String, String)>,
    hidden_before: Option<Option<String>>,
    hidden_after: Option<String>,
) -> Vec<FieldChange> {
    let is_new = hidden_before.is_none();
    let mut left: BTreeMap<String, String> = before.into_iter().collect();
    let mut all = Vec::new();
    for (field, after) in after {
        let before = left.remove(&field);
        if before.as_ref() != Some(&after) && !(is_new && after.is_empty()) {
            all.push(FieldChange { field, before, after: Some(after) });
        }
    }
    all.extend(left.into_iter().map(|(field, before)| FieldChange {
        field,
        before: Some(before),
        after: None,
    }));
    let before = hidden_before.flatten();
    if before != hidden_after {
        let word = |value: &Option<String>| Some(if value.is_some() { "set" } else { "none" }.to_owned());
        let after = if before.is_some() && hidden_after.is_some() {
            Some("changed".to_owned())
        } else {
            word(&hidden_after)
        };
        all.push(FieldChange {
            field: "secret".to_owned(),
            before: word(&before).filter(|_| !is_new),
            after,
        });
    }
    all
}

/// The difference as people read it: one line per object, its fields indented. Empty for no difference.
pub fn describe(differences: &[Difference]) -> String {
    let mut text = String::new();
    for d in differences {
        let sign = match d.action {
            Action::Create => '+',
            Action::Change => '~',
            Action::Retire | Action::Disable => '-',
        };
        let verb = match d.action {
            Action::Retire => " (retired)",
            Action::Disable => " (disabled)",
            Action::Create | Action::Change => "",
        };
        text.push_str(&format!("{sign} {} {}{verb}\n", d.noun, d.name));
        for f in &d.fields {
            let (before, after) = (f.before.as_deref(), f.after.as_deref().unwrap_or("none"));
            let shown = |v: &str| if v.is_empty() { "none".to_owned() } else { v.to_owned() };
            text.push_str(&match before {
                Some(before) => format!("    {}: {} → {}\n", f.field, shown(before), shown(after)),
                None => format!("    {}: {}\n", f.field, shown(after)),
            });
        }
    }
    text
}
