//! How database time is carried, and how far it is trusted. Pure: monotonic time is an argument, a duration since
//! any fixed instant.
//!
//! There is a *line*: the last agreed time plus what the monotonic clock has counted since. Each sample says how
//! far the database is off the line.
//!
//! - **Up to 5 s ahead:** the line steps forward to it.
//! - **More than 5 s ahead, a jump:** `now` follows at once, so that what would have ended is not used any more;
//!   the line does not, and bulk work waits. Thirty seconds of samples that agree make the jump the line; samples
//!   that return to the line take it back; after sixty seconds it is the line in any case.
//! - **Behind:** the line goes on by itself and so revives nothing. While it is up to 30 s ahead of the database it
//!   runs 5 % slow until they meet. Further apart, it keeps its pace and nothing is issued: standing still would
//!   prolong whatever is live.
//!
//! So `now` is never behind the last sample, and it goes back only where a jump is taken back, never behind
//! [`CarriedTime::high_water`].
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use hallpass_domain::Timestamp;
use hallpass_domain::ports::clock::Trust;

/// Skew above which people are warned, microseconds.
const WARN: i64 = 2_000_000;
/// A step forward larger than this is a jump, microseconds.
const JUMP: i64 = 5_000_000;
/// Skew above which nothing is issued, microseconds.
const NO_ISSUING: i64 = 30_000_000;
/// How long samples must agree with a jump.
const CONFIRM: Duration = Duration::from_secs(30);
/// How long a jump is held at most.
const HOLD: Duration = Duration::from_secs(60);
/// While ahead of the database, time runs slow by one part in this many.
const SLOW: i64 = 20;

/// What a sample showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Observed {
    /// In order: within 2 s.
    Steady,
    /// The database is off by this much: negative when it is behind.
    Skewed(TimeDelta),
    /// The database jumped forward by this much: held until confirmed.
    Jumped(TimeDelta),
    /// A jump is still held.
    Held,
    /// The jump was confirmed and is the time now.
    Confirmed,
    /// The database came back from the jump: nothing was ended by it.
    TakenBack,
}

#[derive(Clone, Copy, Debug)]
struct Line {
    /// Monotonic time of the anchor.
    at: Duration,
    /// Microseconds since 1970 at the anchor.
    now: i64,
    /// How far it was ahead of the database at the anchor, microseconds.
    ahead: i64,
}

impl Line {
    const fn through(at: Duration, now: i64) -> Self {
        Self { at, now, ahead: 0 }
    }

    fn value(&self, mono: Duration) -> i64 {
        let elapsed = i64::try_from(mono.saturating_sub(self.at).as_micros()).unwrap_or(i64::MAX);
        let slowed = if self.ahead <= NO_ISSUING { self.ahead.min(elapsed / SLOW) } else { 0 };
        self.now.saturating_add(elapsed - slowed)
    }

    /// Goes to a sample that is ahead; goes on, knowing how far it is ahead, from one that is behind.
    fn meet(&mut self, mono: Duration, database: i64) {
        let value = self.value(mono);
        let ahead = value.saturating_sub(database).max(0);
        *self = Self { at: self.at.max(mono), now: value.max(database), ahead };
    }
}

#[derive(Clone, Copy, Debug)]
struct Jump {
    line: Line,
    since: Duration,
    steady_since: Duration,
}

/// Database time carried between samples. See the module for the rules.
#[derive(Clone, Copy, Debug)]
pub struct CarriedTime {
    line: Line,
    jump: Option<Jump>,
    skew: i64,
}

impl CarriedTime {
    /// Begins with a sample, and with the mark that was stored before: time goes on from the later of the two.
    #[must_use]
    pub fn new(database: Timestamp, mono: Duration, high_water: Option<Timestamp>) -> Self {
        let database = database.timestamp_micros();
        let mut line = Line::through(mono, high_water.map_or(database, |mark| mark.timestamp_micros()));
        line.meet(mono, database);
        Self { line, jump: None, skew: line.ahead.saturating_neg() }
    }

    /// Takes a sample: `database` was the time at `mono`. Samples come in order of `mono`.
    pub fn observe(&mut self, database: Timestamp, mono: Duration) -> Observed {
        let database = database.timestamp_micros();
        self.settle(mono);
        let off = database.saturating_sub(self.line.value(mono));
        let Some(jump) = &mut self.jump else {
            if off > JUMP {
                let line = Line::through(mono, database);
                self.jump = Some(Jump { line, since: mono, steady_since: mono });
                return Observed::Jumped(TimeDelta::microseconds(off));
            }
            return self.meet(mono, database, off);
        };
        let off_jump = database.saturating_sub(jump.line.value(mono));
        if off_jump.saturating_abs() <= WARN {
            jump.line.meet(mono, database);
            if mono.saturating_sub(jump.steady_since) < CONFIRM {
                return Observed::Held;
            }
            self.line = jump.line;
            self.jump = None;
            self.skew = 0;
            return Observed::Confirmed;
        }
        if off <= JUMP {
            self.jump = None;
            self.meet(mono, database, off);
            return Observed::TakenBack;
        }
        jump.line = Line::through(mono, database);
        jump.steady_since = mono;
        Observed::Jumped(TimeDelta::microseconds(off))
    }

    fn meet(&mut self, mono: Duration, database: i64, off: i64) -> Observed {
        self.line.meet(mono, database);
        self.skew = off.min(0);
        if off.saturating_abs() > WARN {
            Observed::Skewed(TimeDelta::microseconds(off))
        } else {
            Observed::Steady
        }
    }

    /// A jump that was held for long enough is the time.
    fn settle(&mut self, mono: Duration) {
        if let Some(jump) = self.jump.filter(|jump| !is_held(jump, mono)) {
            self.line = jump.line;
            self.jump = None;
            self.skew = 0;
        }
    }

    /// The time: never behind the last sample, nor behind [`Self::high_water`].
    #[must_use]
    pub fn now(&self, mono: Duration) -> Timestamp {
        timestamp(self.jump.map_or(self.line, |jump| jump.line).value(mono))
    }

    /// How far it may be trusted.
    #[must_use]
    pub fn trust(&self, mono: Duration) -> Trust {
        match &self.jump {
            Some(jump) if is_held(jump, mono) => Trust::HoldBulk,
            Some(_) => Trust::Good,
            None if self.skew < -NO_ISSUING => Trust::NoIssuing,
            None => Trust::Good,
        }
    }

    /// The mark to store: the agreed time. It only grows, and a jump that is held does not move it.
    #[must_use]
    pub fn high_water(&self, mono: Duration) -> Timestamp {
        let settled = self.jump.filter(|jump| !is_held(jump, mono)).map_or(self.line, |jump| jump.line);
        timestamp(settled.value(mono))
    }

    /// How far the database is from the agreed time: ahead while a jump is held, else zero or behind.
    #[must_use]
    pub fn off(&self, mono: Duration) -> TimeDelta {
        match self.jump.filter(|jump| is_held(jump, mono)) {
            Some(jump) => {
                TimeDelta::microseconds(jump.line.value(mono).saturating_sub(self.line.value(mono)))
            }
            None => self.skew(),
        }
    }

    /// How far the database was behind at the last sample; zero or negative.
    #[must_use]
    pub fn skew(&self) -> TimeDelta {
        TimeDelta::microseconds(self.skew)
    }
}

fn is_held(jump: &Jump, mono: Duration) -> bool {
    mono.saturating_sub(jump.since) < HOLD
}

fn timestamp(micros: i64) -> Timestamp {
    DateTime::from_timestamp_micros(micros).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

#[cfg(test)]
mod tests;
