//! Which approvals count: rights are looked at again at each later decision and at activation, not only when given.
use super::close::closed;
use super::submit::stage_deadline;
use super::{Decision, Request, Verdict};
use crate::Timestamp;
use crate::catalogue::Catalogue;
use crate::ids::UserId;

/// Everyone who counts as requester now: those of when it was asked, and owners that an asking workload got since.
pub fn requesters(catalogue: &Catalogue, request: &Request) -> Vec<UserId> {
    let mut all = request.requesters.clone();
    for user in catalogue.requesters(request.subject, request.submitted_by) {
        if !all.contains(&user) {
            all.push(user);
        }
    }
    all
}

/// Whether an approval counts now: its approver is enabled, may still decide its stage, and is no requester. Rights are
/// checked again at each later decision and at activation.
pub fn counts(catalogue: &Catalogue, request: &Request, decision: &Decision) -> bool {
    decision.verdict == Verdict::Approve
        && usize::try_from(decision.stage).ok().and_then(|i| request.stages.get(i)).is_some_and(|s| {
            catalogue.deciders(s, &requesters(catalogue, request)).contains(&decision.approver)
        })
}

/// The first stage that has too few approvals that count now; `None` where every stage has enough.
pub fn first_unfilled(catalogue: &Catalogue, request: &Request, decisions: &[Decision]) -> Option<u32> {
    (0u32..).zip(&request.stages).find_map(|(index, stage)| {
        let have = decisions.iter().filter(|d| d.stage == index && counts(catalogue, request, d)).count();
        (have < usize::try_from(stage.needed).unwrap_or(usize::MAX)).then_some(index)
    })
}

/// The request with an earlier stage open again, where approvals of that stage do not count any more.
pub fn reopen(
    catalogue: &Catalogue,
    request: &Request,
    decisions: &[Decision],
    now: Timestamp,
) -> Option<Request> {
    if closed(request, now).is_some() {
        return None;
    }
    let stage = first_unfilled(catalogue, request, decisions).filter(|s| *s < request.stage)?;
    let mut next = Request { version: request.version + 1, stage, ..request.clone() };
    next.decide_by = stage_deadline(&next, now);
    Some(next)
}
