//! When each target was compared with our records, as this server remembers; what was found is in the store.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use hallpass_domain::Timestamp;
use hallpass_domain::ids::TargetId;

/// How the last comparison of a target went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// When the target was compared last; none: not yet.
    pub at: Option<Timestamp>,
    /// Since when every comparison found the same; none where the last one found a difference.
    pub same_since: Option<Timestamp>,
    /// Why the last attempt came to nothing, and when.
    pub failed: Option<(Timestamp, String)>,
}

/// All of them.
#[derive(Debug, Default)]
pub struct Comparisons(Mutex<BTreeMap<TargetId, Compared>>);

impl Comparisons {
    /// A comparison came to its end.
    pub fn done(&self, target: TargetId, same: bool, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let compared = all.entry(target).or_default();
        let since = compared.same_since.unwrap_or(now);
        *compared = Compared { at: Some(now), same_since: same.then_some(since), failed: None };
    }

    /// It did not: what was known before stands.
    pub fn failed(&self, target: TargetId, why: &str, now: Timestamp) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(target).or_default().failed = Some((now, why.to_owned()));
    }

    /// How the last one went.
    pub fn of(&self, target: TargetId) -> Compared {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&target).cloned().unwrap_or_default()
    }
}
