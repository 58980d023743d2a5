//! Fail points: places where the crash harness kills the server. Without the `failpoints` feature, and in every build
//! without debug assertions whatever its features, `hit` is an empty function.
//!
//! With it, `HALLPASS_FAILPOINT=<name>[:<n>[:stop]]` makes the n-th hit of the named point (first by default) kill the
//! process with SIGKILL: no destructor runs, nothing is flushed, as in a power cut. With `:stop` the process is stopped
//! by SIGSTOP instead, and goes on from there after SIGCONT. `HALLPASS_FAILPOINT_LOG=<file>` appends every name that
//! is hit, so that a run can prove which points it reached.

/// Every fail point there is. A point that is hit but not listed here kills the process at once, in builds with the feature.
/// `store.commit` is every commit, the other `store.*` those of one kind; `target.*` stand around a step for a batch,
/// `postgresql.*` around each transaction at such a target, `trial.*` around what a trial of a target does with its
/// throw-away account. That this list and the names in the code are the same is a test of tests/architecture.rs.
pub const ALL: &[&str] = &[
    "store.commit.before",
    "store.commit.after",
    "store.submit.before",
    "store.submit.after",
    "store.approve.before",
    "store.approve.after",
    "store.deny.before",
    "store.deny.after",
    "store.withdraw.before",
    "store.withdraw.after",
    "store.intend.before",
    "store.intend.after",
    "store.live.before",
    "store.live.after",
    "store.token.before",
    "store.token.after",
    "store.token_revoked.before",
    "store.token_revoked.after",
    "store.catalogue.before",
    "store.catalogue.after",
    "store.ending.before",
    "store.ending.after",
    "store.revoking.before",
    "store.revoking.after",
    "store.revoked.before",
    "store.revoked.after",
    "store.ended.before",
    "store.ended.after",
    "store.claim.before",
    "store.claim.after",
    "store.claim_mails.before",
    "store.claim_mails.after",
    "store.seal.before",
    "store.seal.after",
    "store.mail.before",
    "store.mail.after",
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
    let listed = ALL.contains(&name);
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
