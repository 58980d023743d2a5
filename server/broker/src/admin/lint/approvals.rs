//! What nobody could approve is refused: for every person and program that may ask, without them and their owners.
use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{UserId, WorkflowId};
use hallpass_domain::principal::Principal;
use hallpass_domain::role::Role;
use hallpass_domain::workflow::Workflow;

use super::roles::place;
use crate::admin::build::Built;
use crate::admin::mistake::Mistakes;

/// Checks stages by themselves, then every role with everyone who may ask for it.
pub(super) fn lint(built: &Built<'_>, mistakes: &mut Mistakes<'_>) {
    let catalogue = &built.next.catalogue;
    let mut broken = BTreeSet::new();
    for workflow in catalogue.workflows.values().filter(|w| !w.retired) {
        if !stages(built, workflow, mistakes) {
            broken.insert(workflow.id);
        }
    }
    let mut known = Answers::default();
    for role in
        catalogue.roles.values().filter(|r| !r.retired && !r.standing && !broken.contains(&r.workflow_id))
    {
        let Some(workflow) = catalogue.workflows.get(&role.workflow_id).filter(|w| !w.retired) else {
            continue;
        };
        let mut stuck: Vec<Principal> = subjects(catalogue, role)
            .into_iter()
            .filter(|who| !known.can_be_approved(catalogue, workflow, *who))
            .collect();
        stuck.sort_by_key(|who| catalogue.name_of(*who));
        let Some(first) = stuck.first() else { continue };
        let at = place(built, role.id, |e| Some(e.workflow.span()));
        mistakes.at(
            at,
            format!("Nobody could approve role “{}” for {}: {}.", role.name, list(stuck.iter().map(|p| catalogue.name_of(*p)), 3), missing(catalogue, workflow, *first)),
            format!("Add an approver to workflow “{}”, or take them out of the eligible: nobody decides his own request, or that of a workload he owns.", workflow.name),
        );
    }
}

/// Whether each stage alone has enough approvers; says where not.
fn stages(built: &Built<'_>, workflow: &Workflow, mistakes: &mut Mistakes<'_>) -> bool {
    let catalogue = &built.next.catalogue;
    let mut good = true;
    for (i, stage) in workflow.stages.iter().enumerate() {
        let deciders = catalogue.deciders(stage, &[]);
        if deciders.len() >= usize::try_from(stage.needed).unwrap_or(usize::MAX) {
            continue;
        }
        good = false;
        let entry = built.workflows.get(&workflow.id).and_then(|w| w.stages.get_ref().get(i));
        let at = entry.map_or(0..0, |e| e.get_ref().approvers.span());
        let approvers = list(stage.approvers.iter().map(|p| named(catalogue, *p)), 5);
        let of = if approvers.is_empty() {
            "it names none".to_owned()
        } else {
            format!("{approvers}: {}", people(catalogue, &deciders))
        };
        mistakes.at(
            at,
            format!("Stage “{}” of workflow “{}” needs {}, and has {} ({of}).", stage.title, workflow.name, persons(stage.needed.into()), deciders.len()),
            "Name more approvers, fill the group, or lower needed. Disabled people and programs do not count.",
        );
    }
    good
}

/// Everyone enabled who may ask for a role.
fn subjects(catalogue: &Catalogue, role: &Role) -> BTreeSet<Principal> {
    let members = |p: &Principal| match p {
        Principal::Group(g) => {
            catalogue.groups.get(g).map(|g| g.members.iter().copied().collect()).unwrap_or_default()
        }
        one => vec![*one],
    };
    role.eligible.iter().flat_map(members).filter(|p| catalogue.is_enabled(*p)).collect()
}

/// Answers by workflow and by those of its approvers who count as requesters: all others make no difference, so a
/// thousand eligible people who approve nothing cost one matching.
#[derive(Default)]
struct Answers {
    approvers: BTreeMap<WorkflowId, BTreeSet<UserId>>,
    known: BTreeMap<(WorkflowId, Vec<UserId>), bool>,
}

impl Answers {
    fn can_be_approved(&mut self, catalogue: &Catalogue, workflow: &Workflow, who: Principal) -> bool {
        let approvers = self
            .approvers
            .entry(workflow.id)
            .or_insert_with(|| workflow.stages.iter().flat_map(|s| catalogue.deciders(s, &[])).collect());
        let left_out: Vec<UserId> =
            catalogue.requesters(who, None).into_iter().filter(|u| approvers.contains(u)).collect();
        let key = (workflow.id, left_out);
        if let Some(answer) = self.known.get(&key) {
            return *answer;
        }
        let answer = catalogue.can_be_approved(&workflow.stages, &key.1);
        self.known.insert(key, answer);
        answer
    }
}

/// Which approvers are missing for `who`.
fn missing(catalogue: &Catalogue, workflow: &Workflow, who: Principal) -> String {
    let requesters = catalogue.requesters(who, None);
    let short = workflow
        .stages
        .iter()
        .map(|s| (s, catalogue.deciders(s, &requesters)))
        .find(|(s, d)| d.len() < usize::try_from(s.needed).unwrap_or(usize::MAX));
    let without = list(requesters.iter().map(|u| catalogue.name_of(Principal::User(*u))), 3);
    match short {
        Some((stage, left)) => {
            let approvers = list(stage.approvers.iter().map(|p| named(catalogue, *p)), 5);
            format!(
                "stage “{}” needs {} of {approvers}, and without {without} there are {} ({})",
                stage.title,
                persons(stage.needed.into()),
                left.len(),
                people(catalogue, &left)
            )
        }
        None => {
            let needed: u64 = workflow.stages.iter().map(|s| u64::from(s.needed)).sum();
            let all: BTreeSet<UserId> =
                workflow.stages.iter().flat_map(|s| catalogue.deciders(s, &requesters)).collect();
            format!(
                "its stages together need {} who are not the same, and without {without} the approvers are {}",
                persons(needed),
                people(catalogue, &all)
            )
        }
    }
}

fn persons(n: u64) -> String {
    if n == 1 { "1 person".to_owned() } else { format!("{n} people") }
}

/// A group by its name as the file writes it, a person by name.
fn named(catalogue: &Catalogue, who: Principal) -> String {
    match who {
        Principal::Group(id) => {
            catalogue.groups.get(&id).map_or_else(|| "a group".to_owned(), |g| format!("group “{}”", g.name))
        }
        other => catalogue.name_of(other),
    }
}

fn people(catalogue: &Catalogue, ids: &BTreeSet<UserId>) -> String {
    if ids.is_empty() {
        return "nobody".to_owned();
    }
    list(ids.iter().map(|u| catalogue.name_of(Principal::User(*u))), 5)
}

/// `a, b and 3 more`, in the order of the alphabet.
fn list(names: impl Iterator<Item = String>, most: usize) -> String {
    let mut names: Vec<String> = names.collect();
    names.sort();
    let shown = names.iter().take(most).cloned().collect::<Vec<_>>().join(", ");
    if names.len() > most { format!("{shown} and {} more", names.len() - most) } else { shown }
}
