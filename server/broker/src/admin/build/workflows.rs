//! Workflows and their stages.
use hallpass_domain::text::Name;
use hallpass_domain::workflow::{Stage, Workflow};
use toml::Spanned;

use super::Builder;
use super::names::{May, Names};
use crate::admin::file::{StageEntry, span_of};

/// Longest time in which a stage may be decided, seconds: 30 d.
const LONGEST_STAGE: i64 = 30 * 86_400;
/// Time in which a stage must be decided where the file says nothing: 24 h.
const USUAL_STAGE: i64 = 86_400;

impl Builder<'_, '_, '_> {
    pub(super) fn workflows(&mut self) {
        let file = self.file;
        for entry in file.workflows.iter().map(Spanned::get_ref) {
            let (Ok(name), Some(id)) =
                (Name::parse(entry.name.get_ref()), Names::own(&self.names.workflows, &entry.name))
            else {
                continue;
            };
            let stages = entry.stages.get_ref();
            if stages.is_empty() || stages.len() > 10 {
                self.mistakes.at(entry.stages.span(), "A workflow has 1 to 10 stages.", "Add a [[workflows.stages]] table, or take some out. Only a standing role needs no approval.");
            }
            let current = self.current.catalogue.workflows.get(&id);
            let workflow = Workflow {
                id,
                name,
                stages: stages.iter().map(|s| self.stage(s.get_ref())).collect(),
                retired: false,
                revision: current.map_or(0, |w| w.revision),
                version: current.map_or(0, |w| w.version),
            };
            self.built.workflows.insert(id, entry);
            self.built.next.catalogue.workflows.insert(id, workflow);
        }
    }

    fn stage(&mut self, entry: &StageEntry) -> Stage {
        let needed = entry.needed.as_ref().map_or(1, |n| *n.get_ref());
        self.range("needed", i64::from(needed), 1..=20, span_of(&entry.needed));
        let may = May { groups: true, workloads: false };
        Stage {
            title: self.line("the title", &entry.title, 80),
            approvers: self.principals(
                entry.approvers.get_ref(),
                may,
                "a person's address or a group's name",
            ),
            needed,
            proof: entry.proof.as_ref().map(|p| *p.get_ref()),
            decide_seconds: entry
                .decide_within
                .as_ref()
                .map_or(USUAL_STAGE, |d| self.seconds("decide_within", d, LONGEST_STAGE)),
        }
    }
}
