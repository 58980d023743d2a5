//! Browsers that a person signed in with before. They have throttle buckets of their own, so that whoever floods an
//! account with wrong passwords, or knows the password and guesses codes, does not keep its owner out.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Account, Strength};
use hallpass_domain::ports::sealer::SealedAt;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::{SecretHash, random_alphanumeric};
use secrecy::{ExposeSecret, SecretString};

use super::{no_randomness, unsealed};
use crate::broker::Broker;

/// How long a browser stays known, days.
const KNOWN_DAYS: i64 = 180;

/// Before the name of a browser in which a second factor was given. One that is known by the password alone says nothing
/// where codes are asked for: whoever knew the password before there was an app could have made any number of them.
const BY_FACTOR: &str = "2-";

/// A browser that is known.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct KnownBrowser {
    /// Its name, hashed.
    pub(super) mark: String,
    /// This person gave a second factor in it.
    pub(super) by_factor: bool,
}

/// Where a cookie "stands": bound to the person by the seal, so that it says nothing for another account.
fn place(user: &str) -> SealedAt<'_> {
    SealedAt { table: "known_browsers", row: user, column: "cookie" }
}

impl Broker {
    /// A cookie value by which this browser is known for this person: a time and a random name, sealed. It proves
    /// nothing but that, and whether a second factor was given there; nothing is stored.
    pub(super) fn known_cookie(
        &self,
        account: &Account,
        strength: Strength,
        now: Timestamp,
    ) -> Result<SecretString, Refusal> {
        let name = random_alphanumeric(22).map_err(no_randomness)?;
        let by_factor = if strength == Strength::SecondFactor { BY_FACTOR } else { "" };
        let clear = SecretString::from(format!("{}.{by_factor}{name}", now.timestamp()));
        self.sealer
            .seal(place(&account.user_id.to_string()), &clear)
            .map(SecretString::from)
            .map_err(unsealed)
    }

    /// The known browser whose cookie this is: nothing if the cookie is not ours, of somebody else, too old, or older than the
    /// password (whoever changes it suspects the old browsers).
    pub(super) fn known_browser(
        &self,
        account: &Account,
        cookie: &str,
        now: Timestamp,
    ) -> Option<KnownBrowser> {
        if cookie.len() > 512 {
            return None;
        }
        let clear = self.sealer.open(place(&account.user_id.to_string()), cookie).ok()?;
        known(clear.expose_secret(), account.password_set_at?, now)
    }
}

fn known(clear: &str, password_set_at: Timestamp, now: Timestamp) -> Option<KnownBrowser> {
    let (seconds, name) = clear.split_once('.')?;
    let made = Timestamp::from_timestamp(seconds.parse().ok()?, 0)?;
    // The cookie's time is cut to seconds, the password's is not.
    let valid = made + Duration::seconds(1) > password_set_at && now < made + Duration::days(KNOWN_DAYS);
    valid.then(|| KnownBrowser { mark: SecretHash::of(name).hex(), by_factor: name.starts_with(BY_FACTOR) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_until_old_or_until_the_password_changes() {
        let at =
            |days: i64| Timestamp::from_timestamp(1_800_000_000, 500_000_000).unwrap() + Duration::days(days);
        let clear = format!("{}.abc", at(0).timestamp());
        let abc = KnownBrowser { mark: SecretHash::of("abc").hex(), by_factor: false };
        assert_eq!(known(&clear, at(0), at(0)), Some(abc));
        let factor = format!("{}.2-abc", at(0).timestamp());
        assert!(known(&factor, at(0), at(0)).is_some_and(|known| known.by_factor));
        assert!(known(&clear, at(-30), at(179)).is_some());
        assert!(known(&clear, at(-30), at(180)).is_none());
        assert!(known(&clear, at(1), at(2)).is_none());
        for bad in ["", "abc", "x.abc", "99999999999999999999.abc"] {
            assert!(known(bad, at(0), at(0)).is_none());
        }
    }
}
