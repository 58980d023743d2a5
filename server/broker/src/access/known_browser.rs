//! Browsers that a person signed in with before. They have throttle buckets of their own, so that whoever floods an
//! account with wrong passwords does not keep its owner out.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::Account;
use hallpass_domain::ports::sealer::SealedAt;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::{SecretHash, random_alphanumeric};
use secrecy::{ExposeSecret, SecretString};

use super::{no_randomness, unsealed};
use crate::broker::Broker;

/// How long a browser stays known, days.
const KNOWN_DAYS: i64 = 180;

/// Where a cookie "stands": bound to the person by the seal, so that it says nothing for another account.
fn place(user: &str) -> SealedAt<'_> {
    SealedAt { table: "known_browsers", row: user, column: "cookie" }
}

impl Broker {
    /// A cookie value by which this browser is known for this person: a time and a random name, sealed. It proves
    /// nothing but that; nothing is stored.
    pub(super) fn known_cookie(&self, account: &Account, now: Timestamp) -> Result<SecretString, Refusal> {
        let name = random_alphanumeric(22).map_err(no_randomness)?;
        let clear = SecretString::from(format!("{}.{name}", now.timestamp()));
        self.sealer
            .seal(place(&account.user_id.to_string()), &clear)
            .map(SecretString::from)
            .map_err(unsealed)
    }

    /// The mark of a known browser: nothing if the cookie is not ours, of somebody else, too old, or older than the
    /// password (whoever changes it suspects the old browsers).
    pub(super) fn known_mark(&self, account: &Account, cookie: &str, now: Timestamp) -> Option<String> {
        if cookie.len() > 512 {
            return None;
        }
        let clear = self.sealer.open(place(&account.user_id.to_string()), cookie).ok()?;
        mark(clear.expose_secret(), account.password_set_at?, now)
    }
}

fn mark(clear: &str, password_set_at: Timestamp, now: Timestamp) -> Option<String> {
    let (seconds, name) = clear.split_once('.')?;
    let made = Timestamp::from_timestamp(seconds.parse().ok()?, 0)?;
    // The cookie's time is cut to seconds, the password's is not.
    let valid = made + Duration::seconds(1) > password_set_at && now < made + Duration::days(KNOWN_DAYS);
    valid.then(|| SecretHash::of(name).hex())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_until_old_or_until_the_password_changes() {
        let at =
            |days: i64| Timestamp::from_timestamp(1_800_000_000, 500_000_000).unwrap() + Duration::days(days);
        let clear = format!("{}.abc", at(0).timestamp());
        assert_eq!(mark(&clear, at(0), at(0)), Some(SecretHash::of("abc").hex()));
        assert!(mark(&clear, at(-30), at(179)).is_some());
        assert!(mark(&clear, at(-30), at(180)).is_none());
        assert!(mark(&clear, at(1), at(2)).is_none());
        for bad in ["", "abc", "x.abc", "99999999999999999999.abc"] {
            assert!(mark(bad, at(0), at(0)).is_none());
        }
    }
}
