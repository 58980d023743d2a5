//! Deciding, withdrawing and lapsing: the only functions that move a request out of `pending`.
use super::submit::stage_deadline;
use super::{Decision, Request, RequestState, Verdict};
use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::grant::{Grant, GrantState};
use crate::ids::{DecisionId, GrantId, UserId};
use crate::refusal::{Class, Refusal};
use crate::text;
use crate::window::{WindowError, describe_seconds};
use crate::workflow::Proof;

/// What an approver says.
#[derive(Clone, Debug)]
pub struct DecideCommand<'a> {
    /// Who.
    pub approver: UserId,
    /// What.
    pub verdict: Verdict,
    /// Shortening, seconds.
    pub cap_seconds: Option<i64>,
    /// Comment as typed.
    pub comment: &'a str,
    /// Digest that was on the page.
    pub digest: &'a str,
    /// Proof given.
    pub proof: Proof,
}

/// What a decision led to.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Counted; the stage needs more people.
    Counted,
    /// The stage is done; the next one is open.
    StageOpened,
    /// The last stage is done: this is the grant.
    Approved(Box<Grant>),
    /// Denied.
    Denied,
    /// Approved too late: the fixed end has passed.
    Lapsed,
}

/// A decision with everything that follows from it.
#[derive(Clone, Debug, PartialEq)]
pub struct Decided {
    /// The request as it shall be.
    pub request: Request,
    /// The decision's row.
    pub decision: Decision,
    /// What it led to.
    pub outcome: Outcome,
}

/// Why a closed request cannot be decided, withdrawn or lapsed, as a conflict with a code of its own.
pub fn closed(request: &Request, now: Timestamp) -> Option<Refusal> {
    let (code, message) = match request.state {
        RequestState::Pending if now >= request.decide_by => {
            ("lapsed", "Nobody decided this request in time, so it has lapsed. It can be asked again.")
        }
        RequestState::Pending => return None,
        RequestState::Approved => {
            ("already_approved", "This request is already approved. Nothing more is needed.")
        }
        RequestState::Denied => {
            ("already_denied", "This request was already denied. Nothing more is needed.")
        }
        RequestState::Withdrawn => {
            ("withdrawn", "This request was withdrawn by who asked. Nothing more is needed.")
        }
        RequestState::Lapsed => {
            ("lapsed", "Nobody decided this request in time, so it has lapsed. It can be asked again.")
        }
    };
    Some(Refusal::conflict(code, message))
}

/// Whether `approver` may decide the open stage now: the same check for the page and for the decision.
pub fn may_decide(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    approver: UserId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let decider =
        request.stages.iter().any(|s| catalogue.deciders(s, &request.requesters).contains(&approver));
    let own = request.requesters.contains(&approver);
    if !decider && !own {
        return Err(Refusal::not_found("request"));
    }
    if own {
        return Err(Refusal::forbidden(
            "own_request",
            "You count as requester of this one, so somebody else must decide it.",
        ));
    }
    if let Some(refusal) = closed(request, now) {
        return Err(refusal);
    }
    if decisions.iter().any(|d| d.approver == approver) {
        return Err(Refusal::conflict(
            "already_decided_by_you",
            "You have already decided this request; each person counts once.",
        ));
    }
    let open =
        request.open_stage().is_some_and(|s| catalogue.deciders(s, &request.requesters).contains(&approver));
    if !open {
        return Err(Refusal::forbidden(
            "not_your_stage",
            "Another stage of this request is open now; yours is not, or is done.",
        ));
    }
    Ok(())
}

/// Decides. Eligibility of the subject and rights of the approver are checked again here, whatever a page showed.
pub fn decide(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    command: DecideCommand<'_>,
    now: Timestamp,
) -> Result<Decided, Refusal> {
    may_decide(catalogue, request, decisions, command.approver, now)?;
    let Some(stage) = request.open_stage() else {
        return Err(Refusal::conflict("closed", "This request is no longer open."));
    };
    if command.digest != request.digest {
        return Err(Refusal::conflict(
            "digest_moved",
            "This is not the request that you were shown. Open it again and read it before you decide.",
        ));
    }
    let wanted = request.proof(stage);
    if command.proof < wanted {
        return Err(Refusal::new(
            Class::Unproven,
            "step_up_needed",
            "This decision needs your second factor. Type a fresh code from your authenticator.",
        ));
    }
    let comment = match command.comment.trim() {
        "" => None,
        raw => Some(text::multiline("the comment", raw, 2_000).map_err(|e| {
            Refusal::invalid("bad_comment", "comment", super::submit::sentence(&e.to_string()))
        })?),
    };
    if command.verdict == Verdict::Deny && comment.is_none() {
        return Err(Refusal::invalid(
            "comment_needed",
            "comment",
            "Say why you deny it: the requester reads this.",
        ));
    }
    let cap = match (command.verdict, command.cap_seconds) {
        (Verdict::Approve, Some(cap)) if cap <= 0 => {
            return Err(Refusal::invalid(
                "bad_time",
                "for",
                super::submit::sentence(&WindowError::NotPositive.to_string()),
            ));
        }
        (Verdict::Approve, cap) => cap,
        (Verdict::Deny, _) => None,
    };
    let decision = Decision {
        id: DecisionId::new(now),
        request_id: request.id,
        stage: request.stage,
        approver: command.approver,
        verdict: command.verdict,
        cap_seconds: cap,
        comment,
        proof: command.proof,
        digest: request.digest.clone(),
        decided_at: now,
    };
    let mut next = Request { version: request.version + 1, ..request.clone() };
    next.cap_seconds = [request.cap_seconds, cap].into_iter().flatten().min();
    let outcome = if command.verdict == Verdict::Deny {
        close(&mut next, RequestState::Denied, now);
        Outcome::Denied
    } else {
        let approvals = 1 + decisions
            .iter()
            .filter(|d| d.stage == request.stage && d.verdict == Verdict::Approve)
            .count();
        if approvals < usize::try_from(stage.needed).unwrap_or(usize::MAX) {
            Outcome::Counted
        } else if usize::try_from(request.stage).unwrap_or(usize::MAX).saturating_add(1)
            < request.stages.len()
        {
            next.stage += 1;
            next.decide_by = stage_deadline(&next, now);
            Outcome::StageOpened
        } else {
            activate(catalogue, &mut next, now)?
        }
    };
    Ok(Decided { request: next, decision, outcome })
}

/// The last approval: the clock starts, and everything is capped once more.
fn activate(catalogue: &Catalogue, request: &mut Request, now: Timestamp) -> Result<Outcome, Refusal> {
    let role = catalogue.roles.get(&request.role_id).filter(|r| catalogue.is_eligible(r, request.subject));
    let Some(role) = role else {
        return Err(Refusal::conflict(
            "no_longer_eligible",
            "The requester may no longer have this role, so it cannot be approved. Deny it, with that reason.",
        ));
    };
    // The role may have been made shorter since: the stricter of then and now holds.
    let caps = [request.cap_seconds, Some(role.max_seconds)];
    let Some(ends_at) = request.ask.end_if_approved(now, caps.into_iter().flatten()) else {
        close(request, RequestState::Lapsed, now);
        return Ok(Outcome::Lapsed);
    };
    close(request, RequestState::Approved, now);
    Ok(Outcome::Approved(Box::new(Grant {
        id: GrantId::new(now),
        request_id: Some(request.id),
        principal: request.subject,
        role_id: request.role_id,
        target_id: request.target_id,
        tier: request.tier,
        scope: request.scope.clone(),
        starts_at: now,
        ends_at,
        state: GrantState::Active,
        end_reason: None,
        ended_by: None,
        verified_at: None,
        created_at: now,
        version: 1,
    })))
}

/// Takes a pending request back. Only for its requesters.
pub fn withdraw(request: &Request, by: UserId, now: Timestamp) -> Result<Request, Refusal> {
    if !request.requesters.contains(&by) {
        return Err(Refusal::not_found("request"));
    }
    take_back(request, now)
}

/// Takes a workload's own pending request back.
pub fn withdraw_by_subject(
    request: &Request,
    subject: crate::principal::Principal,
    now: Timestamp,
) -> Result<Request, Refusal> {
    if request.subject != subject {
        return Err(Refusal::not_found("request"));
    }
    take_back(request, now)
}

fn take_back(request: &Request, now: Timestamp) -> Result<Request, Refusal> {
    if let Some(refusal) = closed(request, now) {
        return Err(refusal);
    }
    let mut next = Request { version: request.version + 1, ..request.clone() };
    close(&mut next, RequestState::Withdrawn, now);
    Ok(next)
}

/// Lapses a pending request whose stage is over time; `None` where it is not due.
pub fn lapse(request: &Request, now: Timestamp) -> Option<Request> {
    if request.state != RequestState::Pending || now < request.decide_by {
        return None;
    }
    let mut next = Request { version: request.version + 1, ..request.clone() };
    close(&mut next, RequestState::Lapsed, now);
    Some(next)
}

fn close(request: &mut Request, state: RequestState, now: Timestamp) {
    request.state = state;
    request.closed_at = Some(now);
}

/// `2 h`, or `1 h (you asked 2 h)` where an approver shortened it.
pub fn describe_window(request: &Request, grant: &Grant) -> String {
    let got = describe_seconds((grant.ends_at - grant.starts_at).num_seconds());
    match request.ask {
        crate::window::Ask::Seconds(asked) if request.cap_seconds.is_some_and(|c| c < asked) => {
            format!("{got} (you asked {})", describe_seconds(asked))
        }
        _ => got,
    }
}
