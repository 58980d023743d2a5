//! The catalogue: apply a file, read its objects.
pub mod apply;
pub mod check;
pub mod clients;
pub mod findings;
pub mod groups;
pub mod people;
pub mod roles;
pub mod targets;
pub mod workflows;
pub mod workloads;

use hallpass_broker::Broker;
use hallpass_broker::broker::unreadable;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::Role;

/// Names of roles in use that fit.
fn roles_where(catalogue: &Catalogue, fits: impl Fn(&Role) -> bool) -> Vec<String> {
    let mut names: Vec<String> =
        catalogue.roles.values().filter(|r| !r.retired && fits(r)).map(|r| r.name.to_string()).collect();
    names.sort();
    names
}

/// How a principal is called in a catalogue file.
fn handle(catalogue: &Catalogue, who: Principal) -> String {
    hallpass_broker::queries::lines::principal(catalogue, who).handle
}

async fn active_grants(broker: &Broker, principal: Principal) -> Result<u32, Refusal> {
    let filter = GrantFilter { principal: Some(principal), states: vec![GrantState::Active], role: None };
    let now = broker.now();
    let active = broker.store.grants(&filter, Page::first(200)).await.map_err(unreadable)?;
    Ok(u32::try_from(active.iter().filter(|g| g.allows_at(now)).count()).unwrap_or(u32::MAX))
}
