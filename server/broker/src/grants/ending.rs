//! What ends with a grant: the one place that turns a grant into `ending`, whoever asked for it.
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{EndReason, Grant};
use hallpass_domain::ids::UserId;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::events::event;

/// The transition that ends `grant` at `now`, by a person with this name or by no person: the grant becomes `ending`, every credential not yet revoked is due
/// now, and `Live` ones become `revoking`. An `intended` one stays so: its issuer or the lease's end decides what it is.
pub fn ending(
    grant: &Grant,
    credentials: &[Credential],
    reason: EndReason,
    by: Option<(UserId, &str)>,
    why: &str,
    actor: String,
    now: Timestamp,
) -> (Transition, Grant) {
    let next = grant.ending(reason, by.map(|(id, _)| id), now);
    let mut transition = Transition::new(now).with(Change::Grant(Box::new(next.clone())));
    let mut subjects = vec![
        ("grant", grant.id.to_string()),
        ("role", grant.role_id.to_string()),
        ("target", grant.target_id.to_string()),
        ("subject", grant.principal.to_string()),
    ];
    subjects.extend(grant.request_id.map(|r| ("request", r.to_string())));
    for credential in credentials.iter().filter(|c| c.state != CredentialState::Revoked) {
        if let Some(due) = made_due(credential, now) {
            if due.state != credential.state {
                transition = transition.event(revoking_event(&due, &actor, now));
            }
            transition = transition.with(Change::Credential(Box::new(due)));
        }
    }
    transition = transition.event(event(now, "grant.ending", actor, &subjects,
        json!({ "reason": reason.as_str(), "ends_at": next.ends_at.to_rfc3339(), "approved_until": grant.ends_at.to_rfc3339() }),
        private(by.map(|(_, name)| name), why)));
    (transition, next)
}

/// The name of who ended it, and why.
fn private(by: Option<&str>, why: &str) -> serde_json::Value {
    let members = [("by", by), ("why", Some(why).filter(|why| !why.is_empty()))];
    members
        .into_iter()
        .filter_map(|(member, text)| Some((member.to_owned(), text?.into())))
        .collect::<serde_json::Map<_, _>>()
        .into()
}

/// The credential as it is once its grant is over; `None` where nothing changes.
pub fn made_due(credential: &Credential, now: Timestamp) -> Option<Credential> {
    let mut next = Credential { version: credential.version + 1, ..credential.clone() };
    next.due_at = credential.due_at.min(now);
    next.next_attempt_at = credential.next_attempt_at.min(now);
    if credential.state == CredentialState::Live {
        next.state = CredentialState::Revoking;
    }
    (next.due_at != credential.due_at || next.state != credential.state).then_some(next)
}

/// `credential.revoking`.
pub fn revoking_event(
    credential: &Credential,
    actor: &str,
    now: Timestamp,
) -> hallpass_domain::audit::event::Event {
    event(
        now,
        "credential.revoking",
        actor,
        &[
            ("credential", credential.id.to_string()),
            ("grant", credential.grant_id.to_string()),
            ("target", credential.target_id.to_string()),
        ],
        json!({ "due_at": credential.due_at.to_rfc3339(), "external_name": credential.external_name }),
        json!({}),
    )
}
