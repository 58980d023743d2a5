//! The nouns that every screen shows in the same way.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{RoleId, TargetId, UserId};
use hallpass_domain::principal::Principal;
use hallpass_domain::request::count::counts;
use hallpass_domain::request::{Decision, Request, RequestState, Verdict};
use hallpass_domain::role::CredentialKind;
use hallpass_domain::scope::Scope;
use hallpass_domain::workflow::Proof;

use crate::views::common::{DecisionLine, PrincipalLine, RoleLine, ScopeValue, StageView, Ticket};

/// A principal in one line.
pub fn principal(catalogue: &Catalogue, who: Principal) -> PrincipalLine {
    let (handle, kind) = match who {
        Principal::User(id) => (catalogue.users.get(&id).map(|u| u.email.to_string()), "user"),
        Principal::Workload(id) => (catalogue.workloads.get(&id).map(|w| w.name.to_string()), "workload"),
        Principal::Group(id) => (catalogue.groups.get(&id).map(|g| g.name.to_string()), "group"),
    };
    PrincipalLine { name: catalogue.name_of(who), handle: handle.unwrap_or_default(), kind: kind.to_owned() }
}

/// Names of a role and of its target, as they are now.
pub fn names(catalogue: &Catalogue, role: RoleId, target: TargetId) -> (String, String) {
    let line = self::role(catalogue, role, target);
    (line.name, line.target)
}

/// A user in one line.
pub fn user(catalogue: &Catalogue, id: UserId) -> PrincipalLine {
    principal(catalogue, Principal::User(id))
}

/// Kind of a target in words.
pub fn kind_in_words(kind: &str) -> String {
    match kind {
        "postgresql" => "PostgreSQL".to_owned(),
        "oauth" => "OAuth audience".to_owned(),
        other => other.to_owned(),
    }
}

/// What hinders a removal, in words: the classes of a target's errors.
pub fn trouble(class: &str) -> Option<&'static str> {
    Some(match class {
        "down" => "The target does not answer. The removal goes on when it does.",
        "refused" => "The target refuses the removal: a right or a setting of Hallpass is wrong there.",
        "not_ours" => "An account of that name is there that is not ours, so Hallpass does not touch it.",
        "too_late" => "The target refused it as too late.",
        "missing" => "It is not at the target any more. That is being proven.",
        _ => return None,
    })
}

/// Kind of a credential in words.
pub fn credential_in_words(kind: CredentialKind) -> String {
    match kind {
        CredentialKind::AccessToken => "Access token".to_owned(),
        CredentialKind::PostgresqlLogin => "PostgreSQL login".to_owned(),
    }
}

/// A role on its target in one line; a removed one keeps its place.
pub fn role(catalogue: &Catalogue, role: RoleId, target: TargetId) -> RoleLine {
    let (role, target) = (catalogue.roles.get(&role), catalogue.targets.get(&target));
    RoleLine {
        name: role.map_or_else(|| "removed role".to_owned(), |r| r.name.to_string()),
        purpose: role.map(|r| r.purpose.clone()).unwrap_or_default(),
        target: target.map_or_else(|| "removed target".to_owned(), |t| t.name.to_string()),
        target_kind: target.map(|t| kind_in_words(t.settings.kind())).unwrap_or_default(),
        environment: target.map(|t| t.environment.clone()).unwrap_or_default(),
        tier: role.map(|r| r.tier.as_str().to_owned()).unwrap_or_default(),
    }
}

/// A scope as shown.
pub fn scope(scope: &Scope) -> Vec<ScopeValue> {
    scope
        .0
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(name, values)| ScopeValue { name: name.clone(), values: values.iter().cloned().collect() })
        .collect()
}

/// A ticket as typed; nothing says where tickets live, so it links nowhere.
pub fn ticket(text: Option<&String>) -> Option<Ticket> {
    text.map(|t| Ticket { text: t.clone(), href: None })
}

/// One decision.
pub fn decision(catalogue: &Catalogue, request: &Request, d: &Decision) -> DecisionLine {
    let stage = usize::try_from(d.stage)
        .ok()
        .and_then(|i| request.stages.get(i))
        .map(|s| s.title.clone())
        .unwrap_or_default();
    DecisionLine {
        by: user(catalogue, d.approver),
        stage,
        decision: d.verdict.as_str().to_owned(),
        at: d.decided_at,
        proof: d.proof.as_str().to_owned(),
        comment: d.comment.clone(),
        shortened_to_seconds: d.cap_seconds,
        fell_away: d.verdict == Verdict::Approve && !counted(catalogue, request, d),
        digest: d.digest.chars().take(16).collect(),
    }
}

/// Whether an approval counts: on a pending request as rights stand now, on a closed one as it did then.
fn counted(catalogue: &Catalogue, request: &Request, d: &Decision) -> bool {
    d.verdict == Verdict::Approve && (request.state != RequestState::Pending || counts(catalogue, request, d))
}

/// The stages of a request with what was decided in them.
pub fn stages(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    now: Timestamp,
) -> Vec<StageView> {
    request
        .stages
        .iter()
        .enumerate()
        .map(|(index, stage)| {
            let own: Vec<&Decision> =
                decisions.iter().filter(|d| usize::try_from(d.stage).ok() == Some(index)).collect();
            let have = own.iter().filter(|d| counted(catalogue, request, d)).count();
            let open_index = usize::try_from(request.stage).unwrap_or(usize::MAX);
            let denied = own.iter().any(|d| d.verdict == Verdict::Deny);
            let is_open = request.state == RequestState::Pending && index == open_index;
            let state = if denied {
                "denied"
            } else if have >= usize::try_from(stage.needed).unwrap_or(usize::MAX) {
                "approved"
            } else if is_open && now < request.decide_by {
                "open"
            } else if is_open || (request.state == RequestState::Lapsed && index == open_index) {
                "lapsed"
            } else if request.state == RequestState::Pending {
                "waiting"
            } else {
                "closed"
            };
            let decided: Vec<UserId> = decisions.iter().map(|d| d.approver).collect();
            let group = stage.approvers.iter().find_map(|p| match p {
                Principal::Group(id) => catalogue.groups.get(id).map(|g| g.title.clone()),
                _ => None,
            });
            StageView {
                position: i64::try_from(index).unwrap_or(0) + 1,
                name: stage.title.clone(),
                state: state.to_owned(),
                need: i64::from(stage.needed),
                have: i64::try_from(have).unwrap_or(0),
                deciders: catalogue
                    .deciders(stage, &request.requesters)
                    .into_iter()
                    .filter(|id| !decided.contains(id))
                    .map(|id| user(catalogue, id))
                    .collect(),
                group,
                proof: request.proof(stage).as_str().to_owned(),
                decide_by: is_open.then_some(request.decide_by),
                decisions: own.iter().map(|d| decision(catalogue, request, d)).collect(),
            }
        })
        .collect()
}

/// The strongest proof that a role's workflow asks for.
pub fn strongest_proof(catalogue: &Catalogue, role: &hallpass_domain::role::Role) -> Proof {
    let stages = catalogue.workflows.get(&role.workflow_id).map(|w| w.stages.clone()).unwrap_or_default();
    stages
        .iter()
        .map(|s| s.proof.unwrap_or_else(|| Proof::default_for(role.tier)))
        .max()
        .unwrap_or_else(|| Proof::default_for(role.tier))
}

/// Names of those who may decide in a stage, in the order of the alphabet.
pub fn decider_names(
    catalogue: &Catalogue,
    stage: &hallpass_domain::workflow::Stage,
    requesters: &[UserId],
) -> Vec<String> {
    let mut names: Vec<String> = catalogue
        .deciders(stage, requesters)
        .into_iter()
        .map(|id| catalogue.name_of(Principal::User(id)))
        .collect();
    names.sort();
    names
}

/// `1 of Database on-call (Ana Ruiz, Bo Lind)` for each stage of a role.
pub fn approval_lines(
    catalogue: &Catalogue,
    role: &hallpass_domain::role::Role,
    requesters: &[UserId],
) -> Vec<String> {
    catalogue
        .workflows
        .get(&role.workflow_id)
        .map(|w| {
            w.stages
                .iter()
                .map(|s| {
                    let names = decider_names(catalogue, s, requesters);
                    let shown = if names.len() > 4 {
                        format!(
                            "{} and {} more",
                            names.iter().take(3).cloned().collect::<Vec<_>>().join(", "),
                            names.len() - 3
                        )
                    } else {
                        names.join(", ")
                    };
                    format!("{} of {} ({shown})", s.needed, s.title)
                })
                .collect()
        })
        .unwrap_or_default()
}
