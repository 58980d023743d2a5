//! Fail points: places where the crash harness kills the server. Without the `failpoints` feature (every release
//! build) `hit` is an empty function.
//!
//! With it, `HALLPASS_FAILPOINT=<name>[:<n>]` makes the n-th hit of the named point (first by default) kill the
//! process with SIGKILL: no destructor runs, nothing is flushed, as in a power cut. `HALLPASS_FAILPOINT_LOG=<file>`
//! appends every name that is hit, so that a run can prove which points it reached.

/// Every fail point there is. A point that is hit but not listed here kills the process at once, in builds with the feature.
pub const ALL: &[&str] = &[
    "store.commit.before", "store.commit.after",
    "target.create.before", "target.create.after",
    "target.deny.before", "target.deny.after",
    "target.end_sessions.before", "target.end_sessions.after",
    "target.remove.before", "target.remove.after",
    "target.verify.before", "target.verify.after",
    "mail.deliver.before", "mail.deliver.after",
    "audit.seal.before", "audit.seal.after",
    "audit.publish.before", "audit.publish.after",
];

/// A fail point.
#[cfg(not(feature = "failpoints"))]
#[inline(always)]
pub fn hit(_name: &'static str) {}

/// A fail point.
#[cfg(feature = "failpoints")]
pub fn hit(name: &'static str) {
    use std::collections::BTreeMap;
    use std::io::Write as _;
    use std::sync::{Mutex, OnceLock};
    static HITS: OnceLock<Mutex<BTreeMap<&'static str, u64>>> = OnceLock::new();

    if let Some(file) = std::env::var_os("HALLPASS_FAILPOINT_LOG") {
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(file) {
            let _ = writeln!(file, "{name}");
        }
    }
    let count = {
        let mut hits = HITS.get_or_init(Mutex::default).lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let count = hits.entry(name).or_default();
        *count += 1;
        *count
    };
    let wanted = std::env::var("HALLPASS_FAILPOINT").unwrap_or_default();
    let (point, at) = wanted.split_once(':').map_or((wanted.as_str(), 1), |(p, n)| (p, n.parse().unwrap_or(1)));
    if (point == name && count == at) || !ALL.contains(&name) {
        // SIGKILL to ourselves by the one program that every system has: no unsafe code, no exit handlers.
        let _ = std::process::Command::new("kill").args(["-KILL", &std::process::id().to_string()]).status();
        loop {
            std::thread::park();
        }
    }
}
