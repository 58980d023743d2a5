//! Roles as the caller stands to them.
pub mod list;
pub mod show;

use std::collections::BTreeMap;

use hallpass_broker::broker::unreadable;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::common::Span;
use hallpass_client::wire::roles::{Role, RoleStage, RoleState, ScopeParam};
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::RoleId;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::{Duty, Principal};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::{Request, RequestState};
use hallpass_domain::role as domain;
use hallpass_domain::target::{TargetSettings, Verification};
use hallpass_domain::workflow::Proof;

use super::shapes::common;
use super::shapes::words::OnWire;

/// What a caller has and waits for, by role.
pub struct Holdings {
    grants: BTreeMap<RoleId, Grant>,
    pending: BTreeMap<RoleId, Request>,
}

/// Reads [`Holdings`].
///
/// # Errors
/// `Unavailable`.
pub async fn holdings(broker: &Broker, caller: &Caller) -> Result<Holdings, Refusal> {
    let now = broker.now();
    let grants = GrantFilter {
        principal: Some(caller.principal()),
        states: vec![GrantState::Active, GrantState::Scheduled],
        role: None,
    };
    let grants = broker.store.grants(&grants, Page::first(200)).await.map_err(unreadable)?;
    let pending =
        RequestFilter { of: Some(caller.principal()), state: Some(RequestState::Pending), role: None };
    let pending = broker.store.requests(&pending, Page::first(200)).await.map_err(unreadable)?;
    let mut by_role: BTreeMap<RoleId, Grant> = BTreeMap::new();
    for grant in grants.into_iter().filter(|g| g.ends_at > now) {
        let better = by_role
            .get(&grant.role_id)
            .is_none_or(|g| (g.allows_at(now), g.ends_at) < (grant.allows_at(now), grant.ends_at));
        if better {
            by_role.insert(grant.role_id, grant);
        }
    }
    let pending = pending
        .into_iter()
        .filter(|r| r.decide_by > now && r.subject == caller.principal())
        .map(|r| (r.role_id, r))
        .collect();
    Ok(Holdings { grants: by_role, pending })
}

/// Whether a caller may see that a role exists: who may ask for it, who may decide it, its target's owners,
/// administrators and auditors. For everybody else it is absent.
pub fn is_visible(catalogue: &Catalogue, caller: &Caller, role: &domain::Role) -> bool {
    if role.retired {
        return false;
    }
    let me = caller.principal();
    let owner = caller
        .user()
        .is_some_and(|u| catalogue.targets.get(&role.target_id).is_some_and(|t| t.owners.contains(&u)));
    let decider = catalogue
        .workflows
        .get(&role.workflow_id)
        .is_some_and(|w| w.stages.iter().flat_map(|s| &s.approvers).any(|p| catalogue.covers(*p, me)));
    owner
        || decider
        || catalogue.is_eligible(role, me)
        || caller.has(Duty::Administrator)
        || caller.has(Duty::Auditor)
}

/// One role for one caller.
pub fn shape(
    broker: &Broker,
    catalogue: &Catalogue,
    caller: &Caller,
    held: &Holdings,
    role: &domain::Role,
) -> Role {
    let (me, now) = (caller.principal(), broker.now());
    let eligible = catalogue.is_eligible(role, me);
    let blocked = catalogue.standing_block(role.id, me).is_some();
    let standing = role.standing && eligible && !blocked && matches!(me, Principal::Workload(_));
    let grant = held.grants.get(&role.id);
    let pending = held.pending.get(&role.id);
    let state = match (grant, pending) {
        (Some(g), _) if g.allows_at(now) => RoleState::Active,
        _ if standing => RoleState::Active,
        (Some(_), _) => RoleState::Scheduled,
        (None, Some(_)) => RoleState::Pending,
        (None, None) if eligible => RoleState::Eligible,
        (None, None) => RoleState::NotEligible,
    };
    let target = catalogue.targets.get(&role.target_id);
    let verification = target.and_then(|t| match &t.settings {
        TargetSettings::Oauth(o) if o.verification == Verification::Offline => Some("offline".to_owned()),
        TargetSettings::Oauth(_) => Some("introspect".to_owned()),
        TargetSettings::Postgresql(_) => None,
    });
    Role {
        role: common::role(catalogue, role.id, role.target_id, role.tier),
        state,
        why_not: (state == RoleState::NotEligible).then(|| why_not(catalogue, role)),
        usual: Span::new(role.usual_seconds),
        longest: Span::new(role.max_seconds),
        scope: scope_params(&role.scope_schema),
        stages: if standing { Vec::new() } else { stages(catalogue, role) },
        standing: role.standing,
        notes: notes(broker, role, verification.as_deref()),
        verification,
        pending: pending.map(|r| r.reference.clone()),
        grant_id: grant.map(|g| g.id.to_string()),
        until: grant.map(|g| g.ends_at),
    }
}

/// Scope parameters on the wire.
pub fn scope_params(schema: &hallpass_domain::scope::ScopeSchema) -> Vec<ScopeParam> {
    schema
        .iter()
        .map(|(name, p)| ScopeParam {
            name: name.clone(),
            label: p.label.clone(),
            allowed: p.allowed.clone(),
            default: p.default.clone(),
            multiple: p.multiple,
            required: p.required,
        })
        .collect()
}

fn stages(catalogue: &Catalogue, role: &domain::Role) -> Vec<RoleStage> {
    let workflow = catalogue.workflows.get(&role.workflow_id);
    workflow
        .iter()
        .flat_map(|w| &w.stages)
        .map(|s| RoleStage {
            name: s.title.clone(),
            need: s.needed,
            deciders: s.approvers.iter().map(|p| catalogue.name_of(*p)).collect(),
            proof: s.proof.unwrap_or_else(|| Proof::default_for(role.tier)).on_wire(),
        })
        .collect()
}

/// Whom to ask about a role that one may see and not have.
pub fn why_not(catalogue: &Catalogue, role: &domain::Role) -> String {
    let owners: Vec<String> = catalogue
        .targets
        .get(&role.target_id)
        .iter()
        .flat_map(|t| &t.owners)
        .map(|u| catalogue.name_of(Principal::User(*u)))
        .collect();
    let ask = if owners.is_empty() { "an administrator".to_owned() } else { owners.join(" or ") };
    format!("You are not among those who may ask for {}. Ask {ask} about it.", role.name)
}

/// What revocation cuts and what it cannot, from the target kind's descriptor.
fn notes(broker: &Broker, role: &domain::Role, verification: Option<&str>) -> Vec<String> {
    let kind = broker.targets.kinds().iter().find(|k| k.credential == role.settings.kind());
    let mut notes: Vec<String> = kind
        .iter()
        .flat_map(|k| [k.cuts, k.cannot_cut])
        .filter(|n| !n.is_empty())
        .map(str::to_owned)
        .collect();
    if verification == Some("offline") {
        notes.push("This target checks tokens offline: one ended early may be accepted until it expires, five minutes at most.".to_owned());
    }
    notes
}
