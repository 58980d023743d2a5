//! How a request leaves `pending` without a decision, and what is said about one that did.
use super::count::requesters;
use super::{CloseCause, Request, RequestState};
use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::ids::UserId;
use crate::refusal::Refusal;
use crate::terms::are_as_asked;

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
        RequestState::Withdrawn if request.closed_because == Some(CloseCause::NotEligible) => (
            "withdrawn",
            "This request was taken back: the requester may no longer have the role. Nothing more is needed.",
        ),
        RequestState::Withdrawn => (
            "withdrawn",
            "This request was withdrawn by who asked, or owns the program that did. Nothing more is needed.",
        ),
        RequestState::Lapsed => match request.closed_because {
            Some(CloseCause::RoleChanged) => return Some(role_changed()),
            Some(CloseCause::TooLate) => (
                "lapsed",
                "The last approval came after the end that was asked for, so it has lapsed. It can be asked again.",
            ),
            _ => ("lapsed", "Nobody decided this request in time, so it has lapsed. It can be asked again."),
        },
    };
    Some(Refusal::conflict(code, message))
}

pub(super) fn role_changed() -> Refusal {
    Refusal::conflict(
        "role_changed",
        "The role changed after this was asked, so it cannot be approved any more: nobody is given what was not shown. It can be asked again as the role is now.",
    )
}

/// Takes a pending request back. For its requesters: those of when it was asked, and whoever owns the workload that asked
/// now. Who answers for a workload must be able to stop what it asks.
pub fn withdraw(
    catalogue: &Catalogue,
    request: &Request,
    by: UserId,
    now: Timestamp,
) -> Result<Request, Refusal> {
    if !requesters(catalogue, request).contains(&by) {
        return Err(Refusal::not_found("request"));
    }
    take_back(request, None, now)
}

/// Takes a pending request back whose subject may no longer have the role.
pub fn withdraw_not_eligible(request: &Request, now: Timestamp) -> Result<Request, Refusal> {
    take_back(request, Some(CloseCause::NotEligible), now)
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
    take_back(request, None, now)
}

fn take_back(request: &Request, cause: Option<CloseCause>, now: Timestamp) -> Result<Request, Refusal> {
    if let Some(refusal) = closed(request, now) {
        return Err(refusal);
    }
    let mut next = Request { version: request.version + 1, ..request.clone() };
    close(&mut next, RequestState::Withdrawn, cause, now);
    Ok(next)
}

/// Lapses a pending request whose stage is over time; `None` where it is not due.
pub fn lapse(request: &Request, now: Timestamp) -> Option<Request> {
    if request.state != RequestState::Pending || now < request.decide_by {
        return None;
    }
    let mut next = Request { version: request.version + 1, ..request.clone() };
    close(&mut next, RequestState::Lapsed, Some(CloseCause::Undecided), now);
    Some(next)
}

pub(super) fn close(request: &mut Request, state: RequestState, because: Option<CloseCause>, now: Timestamp) {
    request.state = state;
    request.closed_because = because;
    request.closed_at = Some(now);
}

/// Lapses a pending request whose role is not what was asked for any more; `None` where it still is.
pub fn lapse_changed(catalogue: &Catalogue, request: &Request, now: Timestamp) -> Option<Request> {
    if request.state != RequestState::Pending || are_as_asked(catalogue, request) {
        return None;
    }
    let mut next = Request { version: request.version + 1, ..request.clone() };
    close(&mut next, RequestState::Lapsed, Some(CloseCause::RoleChanged), now);
    Some(next)
}
