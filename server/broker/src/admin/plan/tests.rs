//! Differences: idempotent, versioned, without secrets.
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::Change;

use super::*;
use crate::admin::build::NO_SECRET;
use crate::admin::example::{self, apply};

fn first() -> (State, Plan) {
    apply(&State::default(), &example::text()).unwrap()
}

fn shown(plan: &Plan) -> String {
    describe(&plan.differences)
}

#[test]
fn applying_again_is_no_difference_and_no_row() {
    let (state, plan) = first();
    assert!(plan.differences.iter().all(|d| d.action == Action::Create));
    assert_eq!(
        plan.changes.len(),
        5 * 2 + 2 + 1 + 2 + 2 + 3 + 2,
        "people with accounts, groups, workload, targets, workflows, roles, clients"
    );
    let (again, plan) = apply(&state, &example::text()).unwrap();
    assert!(plan.differences.is_empty() && plan.changes.is_empty(), "{}", shown(&plan));
    assert_eq!(again, state);
}

#[test]
fn order_in_lists_is_no_difference() {
    let (state, _) = first();
    let text = example::with(
        r#"approvers = ["db-oncall", "olga@example.org"]"#,
        r#"approvers = [" Olga@Example.org", "db-oncall"]"#,
    );
    assert!(apply(&state, &text).unwrap().1.differences.is_empty());
}

#[test]
fn a_change_moves_version_and_revision_of_that_row_alone() {
    let (state, _) = first();
    let (next, plan) = apply(&state, &example::with("max = \"8h\"", "max = \"4h\"")).unwrap();
    assert_eq!(shown(&plan), "~ role db-read\n    max: 8 h → 4 h\n");
    let [Change::Catalogue(row)] = plan.changes.as_slice() else { panic!("{:?}", plan.changes) };
    assert!(
        matches!(&**row, CatalogueChange::Role(r) if r.version == 2 && r.revision == 2 && r.max_seconds == 4 * 3_600)
    );
    assert!(apply(&next, &example::with("max = \"8h\"", "max = \"4h\"")).unwrap().1.changes.is_empty());
}

#[test]
fn what_is_absent_is_switched_off_once_and_comes_back_as_itself() {
    let (state, _) = first();
    let text = example::text();
    let text = text.replace("[[workloads]]\nname = \"nightly-report\"\ntitle = \"Nightly report\"\nowners = [\"dana@example.org\"]\n", "");
    let without = text.split("[[roles]]\nname = \"orders-export\"").next().unwrap().to_owned();
    let (off, plan) = apply(&state, &without).unwrap();
    let actions: Vec<_> = plan.differences.iter().map(|d| (d.noun, d.name.as_str(), d.action)).collect();
    assert_eq!(
        actions,
        [
            ("workload", "nightly-report", Action::Disable),
            ("role", "orders-export", Action::Retire),
            ("client", "nightly-report", Action::Retire)
        ]
    );
    assert!(off.clients.values().any(|c| c.secret_hash == Some(NO_SECRET)));
    assert!(apply(&off, &without).unwrap().1.changes.is_empty(), "and that is all");

    let (back, plan) = apply(&off, &example::text()).unwrap();
    assert!(plan.differences.iter().all(|d| d.action == Action::Change), "{}", shown(&plan));
    assert_eq!(back.catalogue.roles.len(), state.catalogue.roles.len(), "the same rows");
    assert!(back.clients.values().all(|c| c.secret_hash != Some(NO_SECRET)), "with a new secret");
}

#[test]
fn people_absent_from_the_file_are_disabled_and_partial_files_leave_them() {
    let (state, _) = first();
    let partial = "prune = false\n[[people]]\nemail = \"ben@example.org\"\nname = \"Ben Ito-Lang\"\ntime_zone = \"Asia/Tokyo\"\n";
    let (_, plan) = apply(&state, partial).unwrap();
    assert_eq!(shown(&plan), "~ user ben@example.org\n    name: Ben Ito → Ben Ito-Lang\n");
    let alone = "[[people]]\nemail = \"olga@example.org\"\nname = \"Olga Marin\"\ntime_zone = \"Europe/Berlin\"\nduties = [\"administrator\"]\n";
    let (off, plan) = apply(&state, alone).unwrap();
    assert_eq!(
        plan.differences.iter().filter(|d| d.noun == "user" && d.action == Action::Disable).count(),
        4
    );
    assert!(off.catalogue.users.values().all(|u| u.disabled == (u.email.as_str() != "olga@example.org")));
    assert_eq!(shown(&plan).lines().filter(|l| l.starts_with('+')).count(), 0);
}

#[test]
fn secrets_are_never_shown() {
    let (mut state, _) = first();
    let mut next = state.clone();
    let id = *next.clients.keys().next().unwrap();
    next.clients.get_mut(&id).unwrap().secret_hash = Some(SecretHash::of("other"));
    let target = state.catalogue.targets.values().find(|t| t.name.as_str() == "orders-db").unwrap().id;
    state.catalogue.targets.get_mut(&target).unwrap().sealed_secret = Some("v1.k.n.before".to_owned());
    next.catalogue.targets.get_mut(&target).unwrap().sealed_secret = Some("v1.k.n.after".to_owned());
    let text = shown(&plan(&state, &next));
    assert_eq!(text.matches("secret: set → changed").count(), 2, "{text}");
    assert!(!text.contains("v1.") && !text.contains(&SecretHash::of("other").hex()), "{text}");
    next.catalogue.targets.get_mut(&target).unwrap().sealed_secret = None;
    assert!(shown(&plan(&state, &next)).contains("secret: set → none"));
}

#[test]
fn every_changed_row_says_what_changed() {
    let (state, _) = first();
    for (part, by) in [
        ("title = \"Developers\"", "title = \"Everyone who builds\""),
        ("tier = \"medium\"", "tier = \"high\""),
        ("usual = \"15m\"", "usual = \"901s\""),
        ("decide_within = \"4h\"", "decide_within = \"5h\""),
        ("proof = \"step-up\"", ""),
        ("eu = [\"orders_eu\"]", "eu = [\"orders_europe\"]"),
        ("multiple = true", "multiple = false"),
        ("host = \"orders-db.example.org\"", "host = \"orders-db.example.org\"\nport = 5433"),
        ("environment = \"production\"", "environment = \"staging\""),
        ("owners = [\"cleo@example.org\"]", "owners = [\"ben@example.org\"]"),
        ("duties = [\"auditor\"]", "duties = [\"auditor\"]\ndisabled = true"),
        ("groups = [\"orders_owner\"]", "groups = [\"orders_owner\", \"orders_read\"]"),
    ] {
        let (_, plan) = apply(&state, &example::with(part, by)).unwrap_or_else(|m| panic!("{by}: {m:?}"));
        assert_eq!(plan.differences.len(), 1, "{by}: {}", shown(&plan));
        assert!(!plan.differences[0].fields.is_empty(), "{by}");
    }
}
