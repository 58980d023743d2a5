//! Fail points: places where the crash harness kills the server. Without the `failpoints` feature, and in every build
//! without debug assertions whatever its features, `hit` is an empty function.
//!
//! With it, `HALLPASS_FAILPOINT=<name>[:<n>[:stop]]` makes the n-th hit of the named point (first by default) kill the
//! process with SIGKILL: no destructor runs, nothing is flushed, as in a power cut. With `:stop` the process is stopped
//! by SIGSTOP instead, and goes on from there after SIGCONT. `HALLPASS_FAILPOINT_LOG=<file>` appends every name that
//! is hit, so that a run can prove which points it reached.

use crate::audit::kinds::COMMITS;

/// Every fail point but those of commits with an event. A point that is hit but is not one of [`all`] kills the process at
/// once, in builds with the feature. `store.commit` is every commit, `store.claim`, `store.seal` and so on are writes without
/// an event, `store.unlogged` those of a row that has none; `target.*` stand around a step for a batch,
/// `postgresql.*` around each transaction at such a target, `trial.*` around what a trial of a target does with its
/// throw-away account. That this list and the names in the code are the same is a test of tests/architecture.rs.
pub const STEPS: &[&str] = &[
    "store.commit.before",
    "store.commit.after",
    "store.claim.before",
    "store.claim.after",
    "store.claim_mails.before",
    "store.claim_mails.after",
    "store.release_claims.before",
    "store.release_claims.after",
    "store.probe.before",
    "store.probe.after",
    "store.sweep.before",
    "store.sweep.after",
    "store.seal.before",
    "store.seal.after",
    "store.unlogged.before",
    "store.unlogged.after",
    "target.create.before",
    "target.create.after",
    "target.probe.before",
    "target.probe.after",
    "target.deny.before",
    "target.deny.after",
    "target.end_sessions.before",
    "target.end_sessions.after",
    "target.drop.before",
    "target.drop.after",
    "target.remove.before",
    "target.remove.after",
    "target.verify.before",
    "target.verify.after",
    "postgresql.deny.before",
    "postgresql.deny.after",
    "postgresql.withdraw.before",
    "postgresql.withdraw.after",
    "postgresql.resolve.before",
    "postgresql.resolve.after",
    "postgresql.terminate.before",
    "postgresql.terminate.after",
    "postgresql.terminate_starting.before",
    "postgresql.terminate_starting.after",
    "postgresql.rollback_prepared.before",
    "postgresql.rollback_prepared.after",
    "postgresql.relieve.before",
    "postgresql.relieve.after",
    "postgresql.quarantine.before",
    "postgresql.quarantine.after",
    "postgresql.owned.before",
    "postgresql.owned.after",
    "postgresql.drop.before",
    "postgresql.drop.after",
    "postgresql.verify.before",
    "postgresql.verify.after",
    "trial.create.before",
    "trial.create.after",
    "trial.use.before",
    "trial.use.after",
    "trial.remove.before",
    "trial.remove.after",
    "trial.clean.before",
    "trial.clean.after",
    "trial.finish.before",
    "trial.finish.after",
    "mail.deliver.before",
    "mail.deliver.after",
    "audit.seal.before",
    "audit.seal.after",
    "audit.publish.before",
    "audit.publish.after",
];

/// Stands in place of an event whose kind is no word. Every kind of ours is one, so that no server ever comes to its commit.
const NEVER: &str = "event.unrepresentable";

/// Every fail point: [`STEPS`], and two for every kind of event, around the COMMIT that brings it.
pub fn all() -> impl Iterator<Item = &'static str> {
    let commits = COMMITS.iter().filter(|(kind, _)| *kind != NEVER);
    STEPS.iter().copied().chain(commits.flat_map(|(_, points)| points.iter().copied()))
}

/// The points of a commit with an event of this kind; none for a kind that is not listed.
pub fn of_kind(kind: &str) -> Option<[&'static str; 2]> {
    COMMITS.iter().find(|(known, _)| *known == kind).map(|(_, points)| *points)
}

/// Whether there are any: where not, nothing need be done to name one.
pub const ON: bool = cfg!(all(feature = "failpoints", debug_assertions));

/// A fail point.
#[cfg(not(all(feature = "failpoints", debug_assertions)))]
#[inline(always)]
pub fn hit(_name: &'static str) {}

/// A fail point.
#[cfg(all(feature = "failpoints", debug_assertions))]
pub fn hit(name: &'static str) {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::sync::{Mutex, OnceLock};
    static HITS: OnceLock<Mutex<BTreeMap<&'static str, u64>>> = OnceLock::new();

    if let Some(file) = std::env::var_os("HALLPASS_FAILPOINT_LOG")
        && let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file)
    {
        // In one write: points are hit by several threads at once.
        let _ = file.write_all(format!("{name}\n").as_bytes());
    }
    let count = {
        let mut hits =
            HITS.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = hits.entry(name).or_default();
        *count += 1;
        *count
    };
    let wanted = std::env::var("HALLPASS_FAILPOINT").unwrap_or_default();
    let mut parts = wanted.split(':');
    let point = parts.next().unwrap_or_default();
    let at = parts.next().and_then(|n| n.parse().ok()).unwrap_or(1);
    let listed = all().any(|known| known == name);
    if !listed {
        // Not by the log: nobody reads on after the signal, and a test's output would be lost with it.
        let _ = writeln!(std::io::stderr(), "fail point {name} is not listed: the process ends itself");
    }
    if (point == name && count == at) || !listed {
        // The signal is sent by the one program that every system has: no unsafe code, no exit handlers.
        let stop = listed && parts.next() == Some("stop");
        let signal = if stop { "-STOP" } else { "-KILL" };
        let _ = std::process::Command::new("kill").args([signal, &std::process::id().to_string()]).status();
        if !stop {
            // Until the signal arrives, nothing after the point may run.
            loop {
                std::thread::park();
            }
        }
    }
}
