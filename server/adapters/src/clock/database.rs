//! The clock of a server: carried database time on the real monotonic clock.
use std::sync::{PoisonError, RwLock};
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::clock::{Clock, Trust};

use super::carried::{CarriedTime, Observed};

/// Database time, sampled by [`DatabaseClock::observe`] each second and carried in between.
///
/// The caller reads the database's time (`clock_timestamp()`; on SQLite the system's clock) and the instant at
/// which the answer arrived. Answers that took longer than a second are best dropped: they say little.
#[derive(Debug)]
pub struct DatabaseClock {
    start: Instant,
    // Written once a second. Reading the instant under the lock makes `now` monotone across threads.
    state: RwLock<State>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    time: CarriedTime,
    warned: Trust,
    skewed: bool,
}

impl DatabaseClock {
    /// Begins with a sample: the database's time, and the instant at which it arrived.
    #[must_use]
    pub fn new(database: Timestamp, sampled: Instant) -> Self {
        Self::start(database, sampled, None)
    }

    /// Goes on from the mark that was stored before, where that is later than the database's time.
    #[must_use]
    pub fn with_high_water(self, mark: Timestamp) -> Self {
        let database = self.now() + self.skew();
        Self::start(database, Instant::now(), Some(mark))
    }

    fn start(database: Timestamp, sampled: Instant, mark: Option<Timestamp>) -> Self {
        let time = CarriedTime::new(database, Duration::ZERO, mark);
        let clock =
            Self { start: sampled, state: RwLock::new(State { time, warned: Trust::Good, skewed: false }) };
        if clock.trust() != Trust::Good {
            tracing::error!(
                skew_seconds = clock.skew().num_seconds(),
                "the database's time is behind the time stored before: nothing is issued"
            );
        }
        clock
    }

    /// Takes a sample; to be called each second.
    pub fn observe(&self, database: Timestamp, sampled: Instant) -> Observed {
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        // The sample is brought up to this instant, so that no reader has seen a later one than it.
        let instant = Instant::now();
        let age = TimeDelta::from_std(instant.saturating_duration_since(sampled)).unwrap_or_default();
        let mono = instant.saturating_duration_since(self.start);
        let observed = state.time.observe(database + age, mono);
        let (trust, skewed) = (state.time.trust(mono), matches!(observed, Observed::Skewed(_)));
        let changed = trust != state.warned || skewed != state.skewed;
        (state.warned, state.skewed) = (trust, skewed);
        drop(state);
        report(observed, trust, changed);
        observed
    }

    /// The mark to store, so that a restart does not go back. A jump that is held does not move it.
    #[must_use]
    pub fn high_water(&self) -> Timestamp {
        self.read(CarriedTime::high_water)
    }

    /// How far the database was behind at the last sample: zero or negative; for metrics.
    #[must_use]
    pub fn skew(&self) -> TimeDelta {
        self.read(|time, _| time.skew())
    }

    fn read<T>(&self, ask: impl FnOnce(&CarriedTime, Duration) -> T) -> T {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        ask(&state.time, Instant::now().saturating_duration_since(self.start))
    }
}

impl Clock for DatabaseClock {
    fn now(&self) -> Timestamp {
        self.read(CarriedTime::now)
    }

    fn trust(&self) -> Trust {
        self.read(CarriedTime::trust)
    }

    fn off(&self) -> TimeDelta {
        self.read(CarriedTime::off)
    }
}

/// Says a change once, not each second.
fn report(observed: Observed, trust: Trust, changed: bool) {
    match observed {
        Observed::Jumped(by) if changed => tracing::error!(
            seconds = by.num_seconds(),
            "the database's time jumped forward: use ends at once, bulk revoking waits for confirmation"
        ),
        Observed::Skewed(by) if changed => tracing::warn!(
            milliseconds = by.num_milliseconds(),
            issuing_stopped = trust == Trust::NoIssuing,
            "the database's time is off"
        ),
        Observed::Confirmed => tracing::warn!("the jump of the database's time is confirmed"),
        Observed::TakenBack => tracing::warn!("the database's time came back: the jump was a mistake"),
        Observed::Steady if changed => tracing::info!("the database's time is in order again"),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        DateTime::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }

    #[test]
    fn carries_observes_and_goes_on_from_the_mark() {
        let clock = DatabaseClock::new(at(0), Instant::now());
        assert!(clock.now() >= at(0) && clock.now() < at(60));
        assert_eq!(clock.observe(clock.now(), Instant::now()), Observed::Steady);
        assert!(matches!(clock.observe(at(100_000), Instant::now()), Observed::Jumped(_)));
        assert!(clock.now() >= at(100_000) && clock.high_water() < at(60));
        assert_eq!(clock.trust(), Trust::HoldBulk);
        assert!(clock.off().num_seconds() > 99_000, "how far it jumped");

        let clock = DatabaseClock::new(at(0), Instant::now()).with_high_water(at(100_000));
        assert!(clock.now() >= at(100_000));
        assert_eq!((clock.trust(), clock.skew().num_seconds()), (Trust::NoIssuing, -100_000));
        let clock = DatabaseClock::new(at(0), Instant::now()).with_high_water(at(-100_000));
        assert!(clock.now() < at(60) && clock.trust() == Trust::Good);
    }

    #[test]
    fn monotone_across_threads_while_samples_come() {
        let clock = DatabaseClock::new(at(0), Instant::now());
        let told = std::sync::Mutex::new(clock.now());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    for _ in 0..2_000 {
                        let mut told = told.lock().unwrap();
                        let now = clock.now();
                        assert!(now >= *told);
                        *told = now;
                    }
                });
            }
            for turn in 0..500 {
                let wobble = TimeDelta::milliseconds(if turn % 2 == 0 { 40 } else { -40 });
                clock.observe(clock.now() + wobble, Instant::now());
            }
        });
    }
}
