//! The catalogue: people, groups, workloads, targets, roles and workflows, as one value.
use std::collections::{BTreeMap, BTreeSet};

use crate::client::Clients;
use crate::grant::StandingBlock;
use crate::ids::{GroupId, RoleId, StandingBlockId, TargetId, UserId, WorkflowId, WorkloadId};
use crate::principal::{Group, Principal, User, Workload};
use crate::role::Role;
use crate::target::Target;
use crate::workflow::{Stage, Workflow};

/// One changed catalogue object; versions as in [`crate::transition::Change`].
#[derive(Clone, Debug, PartialEq)]
pub enum CatalogueChange {
    /// A group with its members (the whole set is replaced).
    Group(Group),
    /// A workload.
    Workload(Workload),
    /// A target.
    Target(Target),
    /// A role.
    Role(Role),
    /// A workflow.
    Workflow(Workflow),
    /// A stop on a standing role for one workload, set or lifted.
    StandingBlock(StandingBlock),
}

/// Everything in the catalogue at one moment. Small (people and roles, not grants), read as a whole and shared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Catalogue {
    /// People.
    pub users: BTreeMap<UserId, User>,
    /// Groups.
    pub groups: BTreeMap<GroupId, Group>,
    /// Workloads.
    pub workloads: BTreeMap<WorkloadId, Workload>,
    /// Targets.
    pub targets: BTreeMap<TargetId, Target>,
    /// Roles, retired ones too.
    pub roles: BTreeMap<RoleId, Role>,
    /// Workflows, retired ones too.
    pub workflows: BTreeMap<WorkflowId, Workflow>,
    /// Stops on standing roles that nobody has lifted.
    pub standing_blocks: BTreeMap<StandingBlockId, StandingBlock>,
    /// OAuth clients.
    pub clients: Clients,
    /// Moves with every change of any of these: what a decision rests on that read several of them.
    pub revision: i64,
}

impl Catalogue {
    /// Whether `who` is `principal` or in it.
    pub fn covers(&self, principal: Principal, who: Principal) -> bool {
        principal == who
            || matches!(principal, Principal::Group(g) if self.groups.get(&g).is_some_and(|g| g.members.contains(&who)))
    }

    /// Whether `who` may ask for `role` (and is not disabled).
    pub fn is_eligible(&self, role: &Role, who: Principal) -> bool {
        self.is_enabled(who) && !role.retired && role.eligible.iter().any(|p| self.covers(*p, who))
    }

    /// Whether a user or workload exists and is enabled.
    pub fn is_enabled(&self, who: Principal) -> bool {
        match who {
            Principal::User(id) => self.users.get(&id).is_some_and(|u| !u.disabled),
            Principal::Workload(id) => self.workloads.get(&id).is_some_and(|w| !w.disabled),
            Principal::Group(_) => false,
        }
    }

    /// The enabled people who may decide at `stage`, leaving out `requesters`.
    pub fn deciders(&self, stage: &Stage, requesters: &[UserId]) -> BTreeSet<UserId> {
        self.users
            .values()
            .filter(|u| !u.disabled && !requesters.contains(&u.id))
            .filter(|u| stage.approvers.iter().any(|p| self.covers(*p, Principal::User(u.id))))
            .map(|u| u.id)
            .collect()
    }

    /// Everyone who counts as requester for `subject`, asked by `submitter`.
    pub fn requesters(&self, subject: Principal, submitter: Option<UserId>) -> Vec<UserId> {
        let mut all: BTreeSet<UserId> = submitter.into_iter().collect();
        match subject {
            Principal::User(id) => drop(all.insert(id)),
            Principal::Workload(id) => {
                all.extend(self.workloads.get(&id).into_iter().flat_map(|w| w.owners.iter().copied()))
            }
            Principal::Group(_) => {}
        }
        all.into_iter().collect()
    }

    /// Whether distinct people could fill every stage (each person counts in one stage), leaving out `requesters`.
    /// Bipartite matching by augmenting paths: stages need `needed` people each.
    pub fn can_be_approved(&self, stages: &[Stage], requesters: &[UserId]) -> bool {
        let seats: Vec<BTreeSet<UserId>> = stages
            .iter()
            .flat_map(|s| {
                std::iter::repeat_n(
                    self.deciders(s, requesters),
                    usize::try_from(s.needed).unwrap_or(usize::MAX).min(1_000),
                )
            })
            .collect();
        let mut seat_of: BTreeMap<UserId, usize> = BTreeMap::new();
        (0..seats.len()).all(|seat| place(seat, &seats, &mut seat_of, &mut BTreeSet::new()))
    }

    /// The stop that keeps `who` from getting `role` without a request, if there is one.
    pub fn standing_block(&self, role: RoleId, who: Principal) -> Option<&StandingBlock> {
        let Principal::Workload(workload) = who else { return None };
        self.standing_blocks.values().find(|b| (b.role_id, b.workload_id) == (role, workload))
    }

    /// A role by name, unless retired.
    pub fn role_named(&self, name: &str) -> Option<&Role> {
        self.roles.values().find(|r| !r.retired && r.name.as_str() == name)
    }

    /// How a principal is called by people.
    pub fn name_of(&self, who: Principal) -> String {
        match who {
            Principal::User(id) => self.users.get(&id).map(|u| u.display_name.clone()),
            Principal::Workload(id) => self.workloads.get(&id).map(|w| w.title.clone()),
            Principal::Group(id) => self.groups.get(&id).map(|g| g.title.clone()),
        }
        .unwrap_or_else(|| "somebody unknown".to_owned())
    }
}

/// Finds `seat` a person, moving others to other seats where that helps.
fn place(
    seat: usize,
    seats: &[BTreeSet<UserId>],
    seat_of: &mut BTreeMap<UserId, usize>,
    tried: &mut BTreeSet<UserId>,
) -> bool {
    let Some(people) = seats.get(seat) else { return false };
    for person in people {
        if !tried.insert(*person) {
            continue;
        }
        let free = match seat_of.get(person).copied() {
            None => true,
            Some(other) => place(other, seats, seat_of, tried),
        };
        if free {
            seat_of.insert(*person, seat);
            return true;
        }
    }
    false
}
