//! Breakers: a target that is down is left alone for a while, and holds up no other.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::ids::TargetId;

/// Longest time between two looks at a dead target: it completes within seconds of its return.
const LONGEST: i64 = 5_000;

#[derive(Clone, Copy, Debug, Default)]
struct State {
    failures: u32,
    open_until: Option<Timestamp>,
    busy: bool,
}

impl State {
    fn is_open(&self, now: Timestamp) -> bool {
        self.open_until.is_some_and(|t| now < t)
    }
    fn fail(&mut self, now: Timestamp) {
        // What began before it was found down finds the same: once is enough.
        if self.is_open(now) {
            return;
        }
        let wait = (500i64 << self.failures.min(4)).min(LONGEST);
        self.failures = self.failures.saturating_add(1);
        self.open_until = Some(now + Duration::milliseconds(wait));
    }
}

/// One breaker and one lane per target.
#[derive(Debug, Default)]
pub struct Breakers(Mutex<HashMap<TargetId, State>>);

impl Breakers {
    /// All closed.
    pub fn new() -> Self {
        Self::default()
    }
    fn states(&self) -> MutexGuard<'_, HashMap<TargetId, State>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    /// Takes the target's lane, unless somebody works there or it is left alone until later.
    pub fn enter(&self, target: TargetId, now: Timestamp) -> bool {
        let mut states = self.states();
        let state = states.entry(target).or_default();
        if state.busy || state.is_open(now) {
            return false;
        }
        state.busy = true;
        true
    }
    /// Gives the lane back; a target that was down is left alone, 0.5 s doubling to 5 s.
    pub fn leave(&self, target: TargetId, down: bool, now: Timestamp) {
        let mut states = self.states();
        let state = states.entry(target).or_default();
        state.busy = false;
        if down {
            state.fail(now);
        } else if !state.is_open(now) {
            state.failures = 0;
            state.open_until = None;
        }
    }
    /// The target was found down beside its lane.
    pub fn fail(&self, target: TargetId, now: Timestamp) {
        self.states().entry(target).or_default().fail(now);
    }
    /// The target is left alone for now.
    pub fn is_open(&self, target: TargetId, now: Timestamp) -> bool {
        self.states().get(&target).is_some_and(|s| s.is_open(now))
    }
    /// Targets that are down, with how often they were found so.
    pub fn down(&self) -> Vec<(TargetId, u32)> {
        self.states().iter().filter(|(_, s)| s.failures > 0).map(|(t, s)| (*t, s.failures)).collect()
    }
}
