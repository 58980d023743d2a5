//! Which commits the crash harness tells apart: by the kinds of event that a transaction brings, and by the writes that bring
//! none. Each is a fail point of its own, so that it is known to have been hit.
use std::collections::BTreeSet;

use hallpass_domain::failpoint;

use super::{Job, Waiting};

/// Where a commit whose event has a kind that is not listed goes: such a point is not listed either, so the process dies of it
/// in the first test that gets there.
const UNKNOWN: [&str; 2] = ["store.commit of an unlisted kind of event"; 2];

/// Just before COMMIT.
pub(super) fn before(batch: &[Waiting]) {
    if failpoint::ON {
        hit(batch, |[before, _]| before);
    }
}

/// Just after COMMIT, before anybody is told.
pub(super) fn after(batch: &[Waiting]) {
    if failpoint::ON {
        hit(batch, |[_, after]| after);
    }
}

/// Each point once a transaction, however many of its writes are of that kind.
fn hit(batch: &[Waiting], side: fn([&'static str; 2]) -> &'static str) {
    failpoint::hit(side(["store.commit.before", "store.commit.after"]));
    let points: BTreeSet<_> = batch.iter().flat_map(|waiting| of(&waiting.job)).collect();
    points.into_iter().for_each(|points| failpoint::hit(side(points)));
}

fn of(job: &Job) -> Vec<[&'static str; 2]> {
    match job {
        Job::Commit(transition) if transition.events.is_empty() => {
            vec![["store.unlogged.before", "store.unlogged.after"]]
        }
        Job::Commit(transition) => {
            let kinds = transition.events.iter().map(|event| event.parts().kind.as_str());
            kinds.map(|kind| failpoint::of_kind(kind).unwrap_or(UNKNOWN)).collect()
        }
        Job::Seal(_) => vec![["store.seal.before", "store.seal.after"]],
        Job::ClaimDue(..) | Job::ClaimOne(..) => vec![["store.claim.before", "store.claim.after"]],
        Job::ClaimMails(_) => vec![["store.claim_mails.before", "store.claim_mails.after"]],
        Job::ReleaseClaims(_) => vec![["store.release_claims.before", "store.release_claims.after"]],
        Job::Sweep(..) => vec![["store.sweep.before", "store.sweep.after"]],
        Job::Probe => vec![["store.probe.before", "store.probe.after"]],
    }
}
