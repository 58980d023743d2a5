//! Asking: from a form or a call to a pending request.
use chrono::Duration;

use super::digest::digest_of;
use super::{Request, RequestState};
use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::ids::{RequestId, UserId};
use crate::principal::Principal;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::scope::Scope;
use crate::terms::Terms;
use crate::text;
use crate::window::Ask;

/// What is asked.
#[derive(Clone, Debug)]
pub struct Submission<'a> {
    /// Who shall hold the access.
    pub subject: Principal,
    /// Who pressed the button.
    pub submitted_by: Option<UserId>,
    /// Role name as typed.
    pub role: &'a str,
    /// Scope.
    pub scope: Scope,
    /// Time.
    pub ask: Ask,
    /// Reason as typed.
    pub reason: &'a str,
    /// Ticket as typed.
    pub ticket: &'a str,
}

/// Checks a submission and makes the pending request. `reference` is new and random.
pub fn submit(
    catalogue: &Catalogue,
    asked: Submission<'_>,
    reference: String,
    now: Timestamp,
) -> Result<Request, Refusal> {
    let role = eligible_role(catalogue, asked.role, asked.subject)?;
    let workflow = catalogue
        .workflows
        .get(&role.workflow_id)
        .filter(|w| !w.retired && !w.stages.is_empty())
        .ok_or_else(|| {
            Refusal::invalid(
                "no_workflow",
                "role",
                "This role has no workflow, so nobody could approve it. Tell an administrator.",
            )
        })?;
    asked
        .ask
        .check(role.max_seconds, now)
        .map_err(|e| Refusal::invalid("bad_time", "for", sentence(&e.to_string())))?;
    asked
        .scope
        .check(&role.scope_schema)
        .map_err(|e| Refusal::invalid("bad_scope", "scope", sentence(&e.to_string())))?;
    let reason = text::multiline("the reason", asked.reason, text::LONGEST_REASON).map_err(|e| {
        Refusal::invalid(
            "bad_reason",
            "reason",
            format!(
                "{} Say in a sentence what you need it for; approvers read this.",
                sentence(&e.to_string())
            ),
        )
    })?;
    let ticket = match asked.ticket.trim() {
        "" => None,
        raw => Some(
            text::line("the ticket", raw, text::LONGEST_TICKET)
                .map_err(|e| Refusal::invalid("bad_ticket", "ticket", sentence(&e.to_string())))?,
        ),
    };
    let requesters = catalogue.requesters(asked.subject, asked.submitted_by);
    if !catalogue.can_be_approved(&workflow.stages, &requesters) {
        return Err(Refusal::invalid(
            "nobody_can_approve",
            "role",
            format!(
                "Nobody could approve this: workflow “{}” has too few approvers besides you. Ask an administrator to add one.",
                workflow.name
            ),
        ));
    }
    let target = catalogue.targets.get(&role.target_id).filter(|t| !t.disabled).ok_or_else(|| {
        Refusal::invalid(
            "target_disabled",
            "role",
            "The target of this role is switched off at the moment. Ask its owner when it comes back.",
        )
    })?;
    let mut request = Request {
        id: RequestId::new(now),
        reference,
        subject: asked.subject,
        submitted_by: asked.submitted_by,
        requesters,
        role_id: role.id,
        role_revision: role.revision,
        target_id: target.id,
        tier: role.tier,
        workflow_id: workflow.id,
        workflow_revision: workflow.revision,
        stages: workflow.stages.clone(),
        stage: 0,
        terms: Terms::of(role, target, &asked.scope),
        scope: asked.scope,
        ask: asked.ask,
        reason,
        ticket,
        digest: String::new(),
        cap_seconds: None,
        state: RequestState::Pending,
        submitted_at: now,
        decide_by: now,
        closed_at: None,
        closed_because: None,
        version: 1,
    };
    request.decide_by = stage_deadline(&request, now);
    request.digest = digest_of(&request);
    Ok(request)
}

/// The role by name, if this principal may ask for it; else the same answer for absent and not eligible.
pub fn eligible_role<'c>(
    catalogue: &'c Catalogue,
    name: &str,
    subject: Principal,
) -> Result<&'c Role, Refusal> {
    catalogue.role_named(name).filter(|r| catalogue.is_eligible(r, subject)).ok_or_else(|| {
        let mut refusal = Refusal::not_found("role");
        refusal.code = "unknown_role";
        refusal.field = Some("role");
        refusal.message = format!(
            "There is no role “{}” that you may ask for. The catalogue lists yours.",
            text::clean_line(name).chars().take(63).collect::<String>()
        );
        refusal
    })
}

/// When the open stage lapses: its own time, but never after a fixed end.
pub fn stage_deadline(request: &Request, now: Timestamp) -> Timestamp {
    let seconds = request
        .stages
        .get(usize::try_from(request.stage).unwrap_or(usize::MAX))
        .map_or(0, |s| s.decide_seconds);
    let by = now + Duration::try_seconds(seconds).unwrap_or_default();
    match request.ask {
        Ask::Until(end) => by.min(end),
        Ask::Seconds(_) => by,
    }
}

/// First letter upper case, full stop at the end.
pub fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let head: String = chars.next().map(|c| c.to_uppercase().collect()).unwrap_or_default();
    let text = format!("{head}{}", chars.as_str());
    if text.ends_with(['.', '!', '?']) { text } else { format!("{text}.") }
}
