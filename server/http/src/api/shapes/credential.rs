//! Credentials on the wire; never with a secret.
use hallpass_broker::queries::tokens::token_standing;
use hallpass_broker::reconcile::alert_overdue::ALERT_SECONDS;
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::{Credential, CredentialState, Probe};
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential as domain;
use hallpass_domain::grant::Grant;

use super::words::OnWire;

fn target_name(catalogue: &Catalogue, id: hallpass_domain::ids::TargetId) -> String {
    catalogue.targets.get(&id).map_or_else(|| "removed target".to_owned(), |t| t.name.to_string())
}

/// What came of using it once.
pub fn probe(p: &domain::Probe) -> Probe {
    Probe {
        works: p.trouble.is_none(),
        at: p.at,
        took_ms: p.took_ms,
        answer: p.trouble.as_ref().map(|t| t.what.clone()),
        what_to_do: p.trouble.as_ref().map(|t| t.what_to_do.clone()),
    }
}

/// An account at a target.
pub fn account(catalogue: &Catalogue, c: &domain::Credential, now: Timestamp) -> Credential {
    let due = c.state != domain::CredentialState::Revoked && now >= c.due_at;
    let (may_still_work, needs_human) = match c.last_error.as_deref() {
        _ if !due => (None, false),
        Some("down") => (Some("The target cannot be reached, so the login and its sessions may still work there; Hallpass keeps trying.".to_owned()), false),
        Some("refused" | "not_ours") => (Some("The target refuses the removal, so the login may still work there; its owners are told.".to_owned()), true),
        _ => (Some("It is being removed.".to_owned()), false),
    };
    Credential {
        id: c.id.to_string(),
        grant_id: c.grant_id.to_string(),
        target: target_name(catalogue, c.target_id),
        kind: c.kind.on_wire(),
        name: c.external_name.clone(),
        state: CredentialState::parse(c.state.as_str()).unwrap_or(CredentialState::Revoking),
        issued_at: c.live_at,
        probe: c.probe.as_ref().map(probe),
        not_after: c.not_after,
        due_at: c.due_at,
        may_still_work,
        may_work_until: None,
        denied_at: c.denied_at,
        sessions_ended_at: c.sessions_ended_at,
        sessions_cut: c.sessions_cut.and_then(|n| u32::try_from(n).ok()),
        removed_at: c.removed_at,
        verified_at: c.verified_at,
        attempts: u32::try_from(c.attempts).unwrap_or(0),
        overdue: due && (now - c.due_at).num_seconds() > ALERT_SECONDS,
        needs_human,
        trouble: c.last_error.clone().filter(|_| c.state != domain::CredentialState::Revoked),
    }
}

/// An access token: `revoking` while a target that checks offline may still accept it.
pub fn token(catalogue: &Catalogue, grant: &Grant, t: &domain::Token, now: Timestamp) -> Credential {
    let standing = token_standing(catalogue, grant, t, now);
    let (due_at, over, may_work_until) = (standing.due_at, standing.over, standing.may_work_until);
    let state = match (over, may_work_until) {
        (false, _) => CredentialState::Live,
        (true, Some(_)) => CredentialState::Revoking,
        (true, None) => CredentialState::Revoked,
    };
    let denied_at = over.then_some(due_at.min(now));
    Credential {
        id: t.id.to_string(),
        grant_id: t.grant_id.to_string(),
        target: target_name(catalogue, t.target_id),
        kind: CredentialKind::AccessToken,
        name: t.id.to_string(),
        state,
        issued_at: Some(t.issued_at),
        probe: None,
        not_after: t.expires_at,
        due_at,
        may_still_work: may_work_until.map(|_| {
            "The target checks tokens offline, so it may accept this one until it expires.".to_owned()
        }),
        may_work_until,
        denied_at,
        sessions_ended_at: None,
        sessions_cut: None,
        removed_at: None,
        verified_at: standing.gone_at,
        attempts: 0,
        overdue: false,
        needs_human: false,
        trouble: None,
    }
}
