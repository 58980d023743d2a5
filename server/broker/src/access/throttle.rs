//! Limits on tries, in memory: by account *and* network, by network, by known browser, never by account alone
//! (whoever knows an address could lock its owner out).
//!
//! Each bucket is one instant, the *theoretical arrival time* of the generic cell rate algorithm: a bucket whose
//! instant has passed is the same as none, so old buckets can be dropped without forgetting anything.
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use hallpass_domain::Timestamp;
use hallpass_domain::ids::{SessionId, UserId};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::SecretHash;

/// Buckets kept at most (about 5 MB). Above that the ones that matter least, those that refill first, are dropped.
const MAX_BUCKETS: usize = 100_000;

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Bucket<'a> {
    /// Passwords for one account from one network.
    Password { account: &'a str, network: &'a str },
    /// Passwords for any account from one network.
    PasswordNetwork { network: &'a str },
    /// Passwords for one account from one browser that this person signed in with before.
    PasswordBrowser { user: UserId, mark: &'a str },
    /// Second factors of one person from one network.
    SecondFactor { user: UserId, network: &'a str },
    /// Second factors of one person within one session.
    StepUp { user: UserId, session: SessionId },
    /// Device authorizations asked for from one network.
    DeviceAsk { network: &'a str },
    /// Sessions begun, before any sign-in, from one network.
    AnonymousSession { network: &'a str },
    /// Warnings mailed to one person: limits mail, refuses nobody.
    Warning { user: UserId },
}

impl Bucket<'_> {
    /// Tries at once, and seconds until another one comes back.
    fn rate(self) -> (i64, i64) {
        match self {
            Self::Password { .. } | Self::PasswordBrowser { .. } => (10, 60),
            Self::PasswordNetwork { .. } => (60, 5),
            // Three codes are right at any moment: 288 tries a day find one of a million with 0.09 %.
            Self::SecondFactor { .. } | Self::StepUp { .. } => (5, 300),
            Self::DeviceAsk { .. } => (30, 10),
            Self::AnonymousSession { .. } => (600, 1),
            Self::Warning { .. } => (1, 6 * 3_600),
        }
    }

    /// A key of fixed size; hashed, so that names chosen by a stranger can neither collide nor fill the memory.
    fn key(self) -> [u8; 16] {
        let text = match self {
            Self::Password { account, network } => format!("password\0{account}\0{network}"),
            Self::PasswordNetwork { network } => format!("network\0{network}"),
            Self::PasswordBrowser { user, mark } => format!("browser\0{user}\0{mark}"),
            Self::SecondFactor { user, network } => format!("factor\0{user}\0{network}"),
            Self::StepUp { user, session } => format!("step-up\0{user}\0{session}"),
            Self::DeviceAsk { network } => format!("device\0{network}"),
            Self::AnonymousSession { network } => format!("session\0{network}"),
            Self::Warning { user } => format!("warning\0{user}"),
        };
        let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = SecretHash::of(&text).0;
        [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p]
    }
}

/// Tries that were taken: to be given back when the proof was right.
#[derive(Debug)]
#[must_use]
pub(super) struct Taken {
    keys: Vec<([u8; 16], i64)>,
    /// One of the buckets is empty now.
    pub(super) last: bool,
}

/// The buckets.
#[derive(Debug)]
pub(super) struct Throttle {
    full_at: Mutex<HashMap<[u8; 16], i64>>,
    max: usize,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Self::with_room_for(MAX_BUCKETS)
    }

    fn with_room_for(max: usize) -> Self {
        Self { full_at: Mutex::new(HashMap::new()), max }
    }

    /// Takes one try from each bucket, or from none: then the refusal says how long to wait. Tries are taken before
    /// the proof is checked, so that a hundred at once are no better than a hundred in a row.
    pub(super) fn take(&self, buckets: &[Bucket<'_>], now: Timestamp) -> Result<Taken, Refusal> {
        let mut full_at = self.lock();
        make_room(&mut full_at, self.max.saturating_sub(buckets.len()), now.timestamp());
        let now = now.timestamp();
        let mut next = Vec::with_capacity(buckets.len());
        let (mut wait, mut last) = (0, false);
        for bucket in buckets {
            let (burst, every) = bucket.rate();
            let key = bucket.key();
            let empty = now + burst * every;
            // After a jump of the clock back nobody waits longer than an empty bucket takes to fill.
            let filled = full_at.get_mut(&key).map_or(now, |filled| {
                *filled = (*filled).min(empty);
                (*filled).max(now)
            });
            wait = wait.max(filled + every - empty);
            last |= filled + 2 * every > empty;
            next.push((key, filled + every, every));
        }
        if wait > 0 {
            return Err(too_many(wait));
        }
        full_at.extend(next.iter().map(|(key, filled, _)| (*key, *filled)));
        Ok(Taken { keys: next.into_iter().map(|(key, _, every)| (key, every)).collect(), last })
    }

    /// Gives tries back.
    pub(super) fn give_back(&self, taken: Taken) {
        let mut full_at = self.lock();
        for (key, every) in taken.keys {
            if let Some(filled) = full_at.get_mut(&key) {
                *filled -= every;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 16], i64>> {
        // The map is consistent between any two statements, so a panic elsewhere does not spoil it.
        self.full_at.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Drops full buckets and, if that is not enough, the eighth that fills first.
fn make_room(full_at: &mut HashMap<[u8; 16], i64>, max: usize, now: i64) {
    if full_at.len() <= max {
        return;
    }
    full_at.retain(|_, filled| *filled > now);
    if full_at.len() > max - max / 8 {
        let mut soonest: Vec<i64> = full_at.values().copied().collect();
        let eighth = soonest.len() / 8;
        let (_, limit, _) = soonest.select_nth_unstable(eighth);
        let limit = *limit;
        full_at.retain(|_, filled| *filled > limit);
    }
}

fn too_many(seconds: i64) -> Refusal {
    let wait =
        if seconds <= 90 { format!("{seconds} seconds") } else { format!("{} minutes", (seconds + 59) / 60) };
    Refusal::new(
        Class::Throttled,
        "too_many_tries",
        format!("Too many tries from here. Wait {wait}, then try again."),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }
    fn of<'a>(account: &'a str, network: &'a str) -> [Bucket<'a>; 2] {
        [Bucket::PasswordNetwork { network }, Bucket::Password { account, network }]
    }
    fn tries(throttle: &Throttle, account: &str, network: &str, now: Timestamp) -> usize {
        (0..1_000).take_while(|_| throttle.take(&of(account, network), now).is_ok()).count()
    }

    #[test]
    fn an_account_is_locked_for_one_network_only() {
        let throttle = Throttle::new();
        assert_eq!(tries(&throttle, "ana", "10.0.0.1", at(0)), 10);
        assert_eq!(tries(&throttle, "ana", "10.0.0.2", at(0)), 10);
        assert_eq!(tries(&throttle, "ben", "10.0.0.1", at(0)), 10);
        let refusal = throttle.take(&of("ana", "10.0.0.1"), at(0)).unwrap_err();
        assert_eq!((refusal.class, refusal.code), (Class::Throttled, "too_many_tries"));
        assert!(refusal.message.contains("60 seconds"), "{}", refusal.message);
    }

    #[test]
    fn a_network_is_limited_over_all_accounts() {
        let throttle = Throttle::new();
        let names: Vec<String> = (0..100).map(|n| format!("user{n}")).collect();
        let sum: usize =
            names.iter().map(|name| usize::from(throttle.take(&of(name, "10.0.0.1"), at(0)).is_ok())).sum();
        assert_eq!(sum, 60);
        let browser = Bucket::PasswordBrowser { user: UserId::new(at(0)), mark: "m" };
        assert!(
            throttle.take(&[browser], at(0)).is_ok(),
            "a known browser does not share the network's bucket"
        );
    }

    #[test]
    fn tries_come_back_with_time_or_when_right() {
        let throttle = Throttle::new();
        assert_eq!(tries(&throttle, "ana", "n", at(0)), 10);
        assert_eq!(tries(&throttle, "ana", "n", at(59)), 0);
        assert_eq!(tries(&throttle, "ana", "n", at(60)), 1);
        assert_eq!(tries(&throttle, "ana", "n", at(60 + 600)), 10);
        let later = at(10_000);
        for _ in 0..100 {
            let taken = throttle.take(&of("ana", "n"), later).unwrap();
            throttle.give_back(taken);
        }
        assert_eq!(tries(&throttle, "ana", "n", later), 10);
    }

    #[test]
    fn the_last_try_is_known() {
        let throttle = Throttle::new();
        let bucket = [Bucket::SecondFactor { user: UserId::new(at(0)), network: "n" }];
        let last: Vec<bool> = (0..5).map(|_| throttle.take(&bucket, at(0)).unwrap().last).collect();
        assert_eq!(last, [false, false, false, false, true]);
        assert!(throttle.take(&bucket, at(0)).is_err());
    }

    #[test]
    fn a_clock_that_jumps_back_locks_nobody_for_days() {
        let throttle = Throttle::new();
        assert_eq!(tries(&throttle, "ana", "n", at(0)), 10);
        let wait = throttle.take(&of("ana", "n"), at(-2 * 86_400)).unwrap_err().message;
        assert!(wait.contains("60 seconds"), "{wait}");
        assert_eq!(tries(&throttle, "ana", "n", at(-2 * 86_400 + 600)), 10);
    }

    #[test]
    fn memory_is_bounded_and_the_worst_offenders_stay() {
        let throttle = Throttle::with_room_for(1_000);
        assert_eq!(tries(&throttle, "ana", "10.0.0.1", at(0)), 10);
        for n in 0..5_000 {
            let network = format!("n{n}");
            let _ = throttle.take(&of("x", &network), at(1));
        }
        assert!(throttle.lock().len() <= 1_000, "{}", throttle.lock().len());
        assert_eq!(tries(&throttle, "ana", "10.0.0.1", at(2)), 0);
    }
}
