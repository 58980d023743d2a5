//! A clock that tests set and move.
use std::sync::{Mutex, PoisonError};

use chrono::TimeDelta;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::clock::{Clock, Trust};

/// A clock that stands still until it is moved. For tests: unlike the real one it can also be set back.
#[derive(Debug)]
pub struct FakeClock(Mutex<(Timestamp, Trust)>);

impl FakeClock {
    /// Stands at `now`, trusted.
    #[must_use]
    pub const fn new(now: Timestamp) -> Self {
        Self(Mutex::new((now, Trust::Good)))
    }

    /// Sets the time.
    pub fn set(&self, now: Timestamp) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0 = now;
    }

    /// Moves the time and answers it.
    pub fn advance(&self, by: TimeDelta) -> Timestamp {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.0 += by;
        state.0
    }

    /// Sets how far it may be trusted.
    pub fn set_trust(&self, trust: Trust) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1 = trust;
    }
}

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0
    }

    fn trust(&self) -> Trust {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn set_advance_and_trust() {
        let clock = FakeClock::new(Timestamp::UNIX_EPOCH);
        assert_eq!(clock.advance(TimeDelta::seconds(5)), clock.now());
        clock.set(Timestamp::UNIX_EPOCH);
        clock.set_trust(Trust::NoIssuing);
        assert_eq!((clock.now(), clock.trust()), (Timestamp::UNIX_EPOCH, Trust::NoIssuing));
    }
}
