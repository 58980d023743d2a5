//! Which commits the crash harness tells apart: each kind of the main job's is a fail point of its own, so that it is known
//! to have been hit.
use hallpass_domain::failpoint;
use hallpass_domain::transition::{Change, Transition};

use super::{Job, Waiting};

/// Names before and after.
type Points = (&'static str, &'static str);

/// Just before COMMIT.
pub(super) fn before(batch: &[Waiting]) {
    if failpoint::ON {
        failpoint::hit("store.commit.before");
        batch.iter().filter_map(|w| of(&w.job)).for_each(|(before, _)| failpoint::hit(before));
    }
}

/// Just after COMMIT, before anybody is told.
pub(super) fn after(batch: &[Waiting]) {
    if failpoint::ON {
        failpoint::hit("store.commit.after");
        batch.iter().filter_map(|w| of(&w.job)).for_each(|(_, after)| failpoint::hit(after));
    }
}

fn of(job: &Job) -> Option<Points> {
    match job {
        Job::Commit(transition) => of_transition(transition),
        Job::Seal(_) => Some(("store.seal.before", "store.seal.after")),
        Job::ClaimDue(..) | Job::ClaimOne(..) => Some(("store.claim.before", "store.claim.after")),
        Job::ClaimMails(_) => Some(("store.claim_mails.before", "store.claim_mails.after")),
        Job::ReleaseClaims(_) | Job::Sweep(..) | Job::Probe => None,
    }
}

/// By what the audit log says of it; a mail's outcome is said in its row alone.
fn of_transition(transition: &Transition) -> Option<Points> {
    let has = |kind: &str| transition.events.iter().any(|e| e.parts().kind == kind);
    Some(if has("grant.ending") {
        ("store.ending.before", "store.ending.after")
    } else if has("grant.ended") {
        ("store.ended.before", "store.ended.after")
    } else if has("request.submitted") {
        ("store.submit.before", "store.submit.after")
    } else if has("request.approved") {
        ("store.approve.before", "store.approve.after")
    } else if has("request.denied") {
        ("store.deny.before", "store.deny.after")
    } else if has("request.withdrawn") {
        ("store.withdraw.before", "store.withdraw.after")
    } else if has("credential.intended") {
        ("store.intend.before", "store.intend.after")
    } else if has("credential.live") {
        ("store.live.before", "store.live.after")
    } else if has("credential.revoking") {
        ("store.revoking.before", "store.revoking.after")
    } else if has("credential.revoked") {
        ("store.revoked.before", "store.revoked.after")
    } else if has("token.issued") {
        ("store.token.before", "store.token.after")
    } else if has("token.revoked") {
        ("store.token_revoked.before", "store.token_revoked.after")
    } else if has("catalogue.changed") {
        ("store.catalogue.before", "store.catalogue.after")
    } else if transition.changes.iter().any(|c| matches!(c, Change::Mail(_))) {
        ("store.mail.before", "store.mail.after")
    } else {
        return None;
    })
}
