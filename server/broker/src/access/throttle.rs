//! Limits on tries, in memory: by account *and* network, by network, by known browser. Passwords are never counted by account
//! alone: whoever knows an address could lock its owner out. Wrong second factors are, over all networks, because networks
//! are cheap and codes are short; what keeps the owner's way open then stands in `factor_tries`.
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
    /// Passwords for any account from one site.
    PasswordSite { site: &'a str },
    /// Passwords for one account from one browser that this person signed in with before.
    PasswordBrowser { user: UserId, mark: &'a str },
    /// Second factors of one person from one network.
    SecondFactor { user: UserId, network: &'a str },
    /// Second factors of anybody from one site.
    SecondFactorSite { site: &'a str },
    /// Second factors at the sign-in of one person from one browser in which this person gave one before.
    SecondFactorBrowser { user: UserId, mark: &'a str },
    /// Second factors of one person at one door, from wherever.
    SecondFactorPerson { user: UserId, door: Door },
    /// Second factors of one person within one session.
    StepUp { user: UserId, session: SessionId },
    /// Device authorizations asked for from one network.
    DeviceAsk { network: &'a str },
    /// Sessions begun, before any sign-in, from one network.
    AnonymousSession { network: &'a str },
    /// Warnings mailed to one person: limits mail, refuses nobody.
    Warning { user: UserId },
}

/// Where second factors are counted over all networks: each by itself, so that who stands at one closes no other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Door {
    /// Sign-in, by whoever knows the password.
    SignIn,
    /// Sign-in with the one-time password of a recovery, by whoever got it.
    Recovered,
    /// Decisions and the account page, by whoever is signed in.
    Session,
}

impl Door {
    const fn word(self) -> &'static str {
        match self {
            Self::SignIn => "sign-in",
            Self::Recovered => "recovered",
            Self::Session => "session",
        }
    }
}

impl Bucket<'_> {
    /// Tries at once, and seconds until another one comes back.
    fn rate(self) -> (i64, i64) {
        match self {
            Self::Password { .. } | Self::PasswordBrowser { .. } => (10, 60),
            Self::PasswordSite { .. } => (60, 5),
            // Three codes are right at any moment: 288 tries a day find one of a million with 0.09 %.
            Self::SecondFactor { .. } | Self::SecondFactorBrowser { .. } | Self::StepUp { .. } => (5, 300),
            Self::SecondFactorSite { .. } => (60, 30),
            // A hundred in a row (NIST SP 800-63B-4 section 3.2.2), then four a day: 1,560 in a year find one with 0.5 %.
            Self::SecondFactorPerson { .. } => (100, 6 * 3_600),
            Self::DeviceAsk { .. } => (30, 10),
            Self::AnonymousSession { .. } => (600, 1),
            Self::Warning { .. } => (1, 6 * 3_600),
        }
    }

    /// So many tries that were wrong are worth a warning to the person; none where it is not about one person.
    fn warns_at(self) -> Option<i64> {
        match self {
            Self::PasswordSite { .. } | Self::SecondFactorSite { .. } => None,
            // Few from each of many networks empty no other bucket.
            Self::SecondFactorPerson { .. } => Some(10),
            _ => Some(self.rate().0),
        }
    }

    /// A key of fixed size; hashed, so that names chosen by a stranger can neither collide nor fill the memory.
    fn key(self) -> [u8; 16] {
        let text = match self {
            Self::Password { account, network } => format!("password\0{account}\0{network}"),
            Self::PasswordSite { site } => format!("site\0{site}"),
            Self::PasswordBrowser { user, mark } => format!("browser\0{user}\0{mark}"),
            Self::SecondFactor { user, network } => format!("factor\0{user}\0{network}"),
            Self::SecondFactorSite { site } => format!("factor-site\0{site}"),
            Self::SecondFactorBrowser { user, mark } => format!("factor-browser\0{user}\0{mark}"),
            Self::SecondFactorPerson { user, door } => format!("factor-person\0{user}\0{}", door.word()),
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
    /// With this one there are so many wrong ones that the person should hear of it.
    pub(super) warns: bool,
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
        let (mut refused, mut warns): (Option<(i64, Bucket<'_>)>, bool) = (None, false);
        for bucket in buckets {
            let (burst, every) = bucket.rate();
            let key = bucket.key();
            let empty = now + burst * every;
            // After a jump of the clock back nobody waits longer than an empty bucket takes to fill.
            let filled = full_at.get_mut(&key).map_or(now, |filled| {
                *filled = (*filled).min(empty);
                (*filled).max(now)
            });
            let wait = filled + every - empty;
            if wait > refused.map_or(0, |(longest, _)| longest) {
                refused = Some((wait, *bucket));
            }
            warns |= bucket.warns_at().is_some_and(|tries| filled + every - now > (tries - 1) * every);
            next.push((key, filled + every, every));
        }
        if let Some((wait, bucket)) = refused {
            return Err(too_many(bucket, wait));
        }
        full_at.extend(next.iter().map(|(key, filled, _)| (*key, *filled)));
        Ok(Taken { keys: next.into_iter().map(|(key, _, every)| (key, every)).collect(), warns })
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

fn too_many(bucket: Bucket<'_>, seconds: i64) -> Refusal {
    let wait = match seconds {
        ..=90 => format!("{seconds} seconds"),
        91..=5_400 => format!("{} minutes", (seconds + 59) / 60),
        _ => format!("{} hours", (seconds + 3_599) / 3_600),
    };
    let message = match bucket {
        Bucket::SecondFactorPerson { door: Door::Session, .. } => format!(
            "Too many wrong codes were given for your account. Wait {wait}, then try again. If it was not you, somebody else \
             is signed in as you: on your account page, end the other sessions and change your password."
        ),
        Bucket::SecondFactorPerson { .. } => format!(
            "Too many wrong codes were given for this account, from several places. Wait {wait}, then try again, or sign in \
             with a browser that you signed in with before. If it was not you, somebody knows your password: ask whoever runs \
             Hallpass for a one-time password, with which you get in at once."
        ),
        _ => format!("Too many tries from here. Wait {wait}, then try again."),
    };
    Refusal::new(Class::Throttled, "too_many_tries", message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }
    fn of<'a>(account: &'a str, network: &'a str) -> [Bucket<'a>; 2] {
        [Bucket::PasswordSite { site: network }, Bucket::Password { account, network }]
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
        let warns: Vec<bool> = (0..5).map(|_| throttle.take(&bucket, at(0)).unwrap().warns).collect();
        assert_eq!(warns, [false, false, false, false, true]);
        assert!(throttle.take(&bucket, at(0)).is_err());
    }

    #[test]
    fn a_person_is_limited_over_all_networks_and_warned_early() {
        let throttle = Throttle::new();
        let user = UserId::new(at(0));
        let from = |n: usize, door: Door, now: Timestamp| {
            let network = format!("2001:db8:{n}::/64");
            let site = format!("2001:db8:{n}::/48");
            throttle.take(
                &[
                    Bucket::SecondFactorSite { site: &site },
                    Bucket::SecondFactor { user, network: &network },
                    Bucket::SecondFactorPerson { user, door },
                ],
                now,
            )
        };
        let taken: Vec<bool> =
            (0..1_000).map_while(|n| Some(from(n, Door::SignIn, at(0)).ok()?.warns)).collect();
        assert_eq!(taken.len(), 100);
        assert_eq!(taken.iter().position(|warns| *warns), Some(9));
        let refusal = from(2_000, Door::SignIn, at(0)).unwrap_err().message;
        assert!(refusal.contains("Wait 6 hours") && refusal.contains("one-time password"), "{refusal}");
        // Who was recovered, and who is signed in, is not kept out by it.
        assert!(from(1, Door::Recovered, at(0)).is_ok() && from(2, Door::Session, at(0)).is_ok());
        // A year of guessing from a thousand networks.
        let sum: usize = (1..=8_760)
            .map(|hour| {
                usize::from(
                    from(usize::try_from(hour).unwrap() % 1_000, Door::SignIn, at(hour * 3_600)).is_ok(),
                )
            })
            .sum();
        assert_eq!(sum, 365 * 4);
    }

    #[test]
    fn a_site_is_limited_over_all_people() {
        let throttle = Throttle::new();
        let taken = (0..1_000)
            .take_while(|n| {
                let network = format!("2001:db8:1:{n:x}::/64");
                let user = UserId::new(at(0));
                let (site, door) = ("2001:db8:1::/48", Door::SignIn);
                let buckets = [
                    Bucket::SecondFactorSite { site },
                    Bucket::SecondFactor { user, network: &network },
                    Bucket::SecondFactorPerson { user, door },
                ];
                throttle.take(&buckets, at(0)).is_ok_and(|taken| !taken.warns)
            })
            .count();
        assert_eq!(taken, 60);
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
