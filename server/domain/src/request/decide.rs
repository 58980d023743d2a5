//! Deciding, withdrawing and lapsing: the only functions that move a request out of `pending`.
use super::close::{close, role_changed};
pub use super::close::{closed, lapse, lapse_changed, withdraw, withdraw_by_subject, withdraw_not_eligible};
use super::count::{first_unfilled, requesters};
use super::submit::stage_deadline;
use super::{CloseCause, Decision, Request, RequestState, Verdict};
use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::grant::{Grant, GrantState};
use crate::ids::{DecisionId, GrantId, UserId};
use crate::refusal::{Class, Refusal};
use crate::role::Role;
use crate::terms::are_as_asked;
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
    /// Counted, but approvals of an earlier stage do not count any more: that stage is open again.
    StageReopened,
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

/// Whether `approver` may decide the open stage now: the same check for the page and for the decision.
pub fn may_decide(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    approver: UserId,
    now: Timestamp,
) -> Result<(), Refusal> {
    let requesters = requesters(catalogue, request);
    // Who has decided learns what came of it, in whatever group he is by now.
    let decider = decisions.iter().any(|d| d.approver == approver)
        || request.stages.iter().any(|s| catalogue.deciders(s, &requesters).contains(&approver));
    let own = requesters.contains(&approver);
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
    if !are_as_asked(catalogue, request) {
        return Err(role_changed());
    }
    if decisions.iter().any(|d| d.approver == approver) {
        return Err(Refusal::conflict(
            "already_decided_by_you",
            "You have already decided this request; each person counts once.",
        ));
    }
    let open = request.open_stage().is_some_and(|s| catalogue.deciders(s, &requesters).contains(&approver));
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
    if command.verdict == Verdict::Approve {
        still_eligible(catalogue, request)?;
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
        raw => Some(text::multiline("the comment", raw, text::LONGEST_REASON).map_err(|e| {
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
        (Verdict::Approve, Some(cap)) => Some(shortening(request, cap)?),
        (Verdict::Approve, None) | (Verdict::Deny, _) => None,
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
        close(&mut next, RequestState::Denied, None, now);
        Outcome::Denied
    } else {
        let all: Vec<Decision> = decisions.iter().chain([&decision]).cloned().collect();
        match first_unfilled(catalogue, request, &all) {
            Some(stage) if stage == request.stage => Outcome::Counted,
            Some(stage) => {
                next.stage = stage;
                next.decide_by = stage_deadline(&next, now);
                if stage < request.stage { Outcome::StageReopened } else { Outcome::StageOpened }
            }
            None => activate(catalogue, &mut next, now)?,
        }
    };
    Ok(Decided { request: next, decision, outcome })
}

/// A shortening that is none would bind nobody, and a number without bounds has no place in the record of it.
fn shortening(request: &Request, cap: i64) -> Result<i64, Refusal> {
    if cap <= 0 {
        let why = super::submit::sentence(&WindowError::NotPositive.to_string());
        return Err(Refusal::invalid("bad_time", "for", why));
    }
    // Of a fixed end the time that it gave when it was asked: a page that was opened a minute ago offers what then was less.
    let asked = request.ask.seconds_from(request.submitted_at);
    if cap > asked {
        let most = request.cap_seconds.map_or(asked, |cap| cap.min(asked));
        return Err(Refusal::invalid(
            "too_long",
            "for",
            format!("An approver may only shorten: {} is the most.", describe_seconds(most)),
        ));
    }
    Ok(cap)
}

/// The role, where the subject may still have it: looked at for each approval, the first of several as well as the last.
pub fn still_eligible<'a>(catalogue: &'a Catalogue, request: &Request) -> Result<&'a Role, Refusal> {
    let role = catalogue.roles.get(&request.role_id).filter(|r| catalogue.is_eligible(r, request.subject));
    role.ok_or_else(|| {
        Refusal::conflict(
            "no_longer_eligible",
            "The requester may no longer have this role, so it cannot be approved. Deny it, with that reason.",
        )
    })
}

/// The last approval: the clock starts, and everything is capped once more.
fn activate(catalogue: &Catalogue, request: &mut Request, now: Timestamp) -> Result<Outcome, Refusal> {
    let role = still_eligible(catalogue, request)?;
    // The role may have been made shorter since: the stricter of then and now holds.
    let caps = [request.cap_seconds, Some(role.max_seconds)];
    let Some(ends_at) = request.ask.end_if_approved(now, caps.into_iter().flatten()) else {
        close(request, RequestState::Lapsed, Some(CloseCause::TooLate), now);
        return Ok(Outcome::Lapsed);
    };
    close(request, RequestState::Approved, None, now);
    Ok(Outcome::Approved(Box::new(Grant {
        id: GrantId::new(now),
        request_id: Some(request.id),
        principal: request.subject,
        role_id: request.role_id,
        target_id: request.target_id,
        tier: request.tier,
        scope: request.scope.clone(),
        terms: request.terms.clone(),
        starts_at: now,
        ends_at,
        state: GrantState::Active,
        end_reason: None,
        ended_by: None,
        verified_at: None,
        accepted_until: None,
        created_at: now,
        version: 1,
    })))
}
