//! The example in `docs/catalogue.md`, for tests: what is shown to people is what is tested.
use hallpass_domain::Timestamp;

use super::build::{Known, State};
use super::check::judge;
use super::file::read::read;
use super::mistake::{Mistake, Mistakes};
use super::plan::{Plan, plan};

/// The file.
pub(super) fn text() -> String {
    let doc = include_str!("../../../../docs/catalogue.md");
    let start = doc.find("# catalogue.toml").unwrap();
    let rest = &doc[start..];
    rest[..rest.find("```").unwrap()].to_owned()
}

/// The file with one part replaced; the part must be there.
pub(super) fn with(part: &str, by: &str) -> String {
    let text = text();
    assert!(text.contains(part), "the example has no {part:?}");
    text.replacen(part, by, 1)
}

/// The file with an end added.
pub(super) fn and(more: &str) -> String {
    format!("{}\n{more}", text())
}

/// A moment.
pub(super) fn now() -> Timestamp {
    "2026-11-23T16:00:00Z".parse().unwrap()
}

/// Applies to a state without committing: the next state as stored, and the plan.
pub(super) fn apply(current: &State, text: &str) -> Result<(State, Plan), Vec<Mistake>> {
    let mut mistakes = Mistakes::new(text);
    let file = read(text, &mut mistakes);
    let Some(built) = judge(current, &file, Known::Server, None, now(), &mut mistakes) else {
        return Err(mistakes.into_sorted());
    };
    let mut next = built.next;
    for id in &built.need_secret {
        next.clients.get_mut(id).unwrap().secret_hash =
            Some(hallpass_domain::secret::SecretHash::of(&id.to_string()));
    }
    let plan = plan(current, &next);
    Ok((committed(current, &plan), plan))
}

/// What a store would hold after the plan's rows.
fn committed(current: &State, plan: &Plan) -> State {
    use hallpass_domain::catalogue::CatalogueChange as C;
    use hallpass_domain::transition::Change;
    let mut state = current.clone();
    for change in &plan.changes {
        let c = &mut state.catalogue;
        match change.clone() {
            Change::User(u) => drop(c.users.insert(u.id, *u)),
            Change::Client(x) => drop(state.clients.insert(x.id, *x)),
            Change::Account(a) => assert_eq!(a.version, 1),
            Change::Catalogue(object) => match *object {
                C::Group(o) => drop(c.groups.insert(o.id, o)),
                C::Workload(o) => drop(c.workloads.insert(o.id, o)),
                C::Target(o) => drop(c.targets.insert(o.id, o)),
                C::Role(o) => drop(c.roles.insert(o.id, o)),
                C::Workflow(o) => drop(c.workflows.insert(o.id, o)),
                C::StandingBlock(o) => drop(c.standing_blocks.insert(o.id, o)),
            },
            other => panic!("not a catalogue row: {other:?}"),
        }
    }
    state
}
