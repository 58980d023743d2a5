//! Time, read once per operation at the edge.
use crate::Timestamp;

/// A source of time. The real one is database time carried by the monotonic clock.
pub trait Clock: Send + Sync + std::fmt::Debug {
    /// Now, in microseconds, never behind what it said before.
    fn now(&self) -> Timestamp;
    /// How far issuing and bulk ending may trust it.
    fn trust(&self) -> Trust;
    /// How far the database's time is from the time that was agreed on: positive while a forward jump is held, negative
    /// where it is behind. Zero for a clock that is compared with nothing.
    fn off(&self) -> chrono::TimeDelta {
        chrono::TimeDelta::zero()
    }
}

/// How far the clock may be trusted (design, chapter 4, "Time").
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Fine.
    Good,
    /// More than 30 s of skew: issuing stops, revoking goes on.
    NoIssuing,
    /// A forward jump is being confirmed: use is denied at once, bulk revoking and lapsing wait (60 s at most).
    HoldBulk,
}
