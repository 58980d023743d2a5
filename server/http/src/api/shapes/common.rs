//! What several answers carry.
use hallpass_broker::queries::lines;
use hallpass_client::wire::common::{
    CredentialKind, Decision, Page, PrincipalKind, PrincipalLine, RoleLine, Scope, Span, Stage, StageState,
};
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{RoleId, TargetId};
use hallpass_domain::principal::Principal;
use hallpass_domain::request as domain;
use hallpass_domain::role as role_rules;

use super::words::OnWire;

/// A principal in one line.
pub fn principal(catalogue: &Catalogue, who: Principal) -> PrincipalLine {
    let line = lines::principal(catalogue, who);
    let kind = match who {
        Principal::User(_) => PrincipalKind::User,
        Principal::Workload(_) => PrincipalKind::Workload,
        Principal::Group(_) => PrincipalKind::Group,
    };
    PrincipalLine { kind, name: line.name, handle: line.handle }
}

/// A role on its target in one line; a removed one keeps its place, with the tier and kind that were asked for.
pub fn role(catalogue: &Catalogue, id: RoleId, target: TargetId, tier: role_rules::Tier) -> RoleLine {
    let line = lines::role(catalogue, id, target);
    let (role, place) = (catalogue.roles.get(&id), catalogue.targets.get(&target));
    RoleLine {
        name: line.name,
        purpose: line.purpose,
        target: line.target,
        target_kind: place.map(|t| t.settings.kind().to_owned()).unwrap_or_default(),
        environment: line.environment,
        tier: role.map_or(tier, |r| r.tier).on_wire(),
        credential_kind: match (role, place.map(|t| t.settings.kind())) {
            (Some(r), _) => r.settings.kind().on_wire(),
            (None, Some("postgresql")) => CredentialKind::PostgresqlLogin,
            (None, _) => CredentialKind::AccessToken,
        },
    }
}

/// Scope values by parameter; empty ones are left out.
pub fn scope(scope: &hallpass_domain::scope::Scope) -> Scope {
    scope
        .0
        .iter()
        .filter(|(_, v)| !v.is_empty())
        .map(|(n, v)| (n.clone(), v.iter().cloned().collect()))
        .collect()
}

/// The stages of a request with what was decided in them.
pub fn stages(
    catalogue: &Catalogue,
    request: &domain::Request,
    decisions: &[domain::Decision],
    now: Timestamp,
) -> Vec<Stage> {
    let shown = lines::stages(catalogue, request, decisions, now);
    shown
        .into_iter()
        .zip(&request.stages)
        .enumerate()
        .map(|(index, (line, stage))| {
            let decided: Vec<_> = decisions.iter().map(|d| d.approver).collect();
            let open_or_later = usize::try_from(request.stage).is_ok_and(|open| index >= open)
                && request.state == domain::RequestState::Pending;
            let deciders = catalogue
                .deciders(stage, &request.requesters)
                .into_iter()
                .filter(|id| open_or_later && !decided.contains(id));
            Stage {
                position: u32::try_from(line.position).unwrap_or(u32::MAX),
                name: line.name,
                state: StageState::parse(&line.state).unwrap_or(StageState::Closed),
                need: stage.needed,
                have: u32::try_from(line.have).unwrap_or(u32::MAX),
                deciders: deciders.map(|id| principal(catalogue, Principal::User(id))).collect(),
                proof: request.proof(stage).on_wire(),
                decide_by: line.decide_by,
                decisions: decisions
                    .iter()
                    .filter(|d| usize::try_from(d.stage).ok() == Some(index))
                    .map(|d| decision(catalogue, d))
                    .collect(),
            }
        })
        .collect()
}

fn decision(catalogue: &Catalogue, d: &domain::Decision) -> Decision {
    Decision {
        by: principal(catalogue, Principal::User(d.approver)),
        verdict: d.verdict.on_wire(),
        at: d.decided_at,
        proof: d.proof.on_wire(),
        comment: d.comment.clone(),
        shortened_to: d.cap_seconds.map(Span::new),
        digest: d.digest.clone(),
    }
}

/// Cuts what was read with one row more than the page takes; the cursor is the last row's.
pub fn page<R, T>(
    mut rows: Vec<R>,
    limit: u32,
    cursor: impl Fn(&R) -> String,
    item: impl Fn(R) -> T,
) -> Page<T> {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next = rows.last().filter(|_| more).map(cursor);
    Page { items: rows.into_iter().map(item).collect(), next }
}

/// The part of `all`, sorted by name, that follows `after`: a page of a list that is in memory.
pub fn page_by_name<T>(mut all: Vec<(String, T)>, after: Option<&str>, limit: u32) -> Page<T> {
    all.sort_by(|a, b| a.0.cmp(&b.0));
    let rest: Vec<_> = all.into_iter().filter(|(name, _)| after.is_none_or(|a| name.as_str() > a)).collect();
    page(rest, limit, |(name, _)| name.clone(), |(_, item)| item)
}

/// Whether every word of `query` is in `text`, without case.
pub fn has(text: &str, query: Option<&str>) -> bool {
    let text = text.to_lowercase();
    query.unwrap_or_default().to_lowercase().split_whitespace().all(|word| text.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_one_another() {
        let all = || ["b", "a", "c"].map(|n| (n.to_owned(), n)).to_vec();
        let first = page_by_name(all(), None, 2);
        assert_eq!((first.items, first.next.as_deref()), (vec!["a", "b"], Some("b")));
        let second = page_by_name(all(), Some("b"), 2);
        assert_eq!((second.items, second.next), (vec!["c"], None));
        let exact = page_by_name(all(), None, 3);
        assert_eq!((exact.items.len(), exact.next), (3, None), "a full last page has no next one");
    }

    #[test]
    fn words_are_found_without_case() {
        assert!(has("db-read Orders", Some("ORD read")) && has("x", None));
        assert!(!has("db-read", Some("write")));
    }
}
