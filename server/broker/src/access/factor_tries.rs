//! What a try at a second factor counts towards.
//!
//! A code of six digits is short and networks are cheap: an IPv6 provider hands out a /48, which is 65,536 networks, for
//! nothing. So wrong codes are counted by person and network, by site, and by person over all networks: a hundred in a row
//! (NIST SP 800-63B section 5.2.2, 3.2.2 in revision 4), then one every six hours. Whoever knows somebody's password could use that hundred up to
//! keep the owner out. These ways stay open to the owner, and are no help to somebody who guesses:
//!
//! - a browser in which this person gave a second factor before has a count of its own;
//! - a recovery (`hallpassd recover ADDRESS`) begins another count, which only the one-time password leads to, and takes
//!   the password from whoever guesses;
//! - whoever is signed in is counted apart from sign-ins;
//! - a right code is never counted, and one try comes back every six hours once nobody takes it.
use hallpass_domain::Timestamp;
use hallpass_domain::account::Account;
use hallpass_domain::ids::{SessionId, UserId};
use hallpass_domain::refusal::Refusal;

use super::Browser;
use super::throttle::{Bucket, Door, Taken};
use crate::broker::Broker;
use crate::caller::Origin;

impl Broker {
    /// At a sign-in whose password was right.
    pub(super) fn take_sign_in_factor(
        &self,
        account: &Account,
        from: Browser<'_>,
        now: Timestamp,
    ) -> Result<Taken, Refusal> {
        let user = account.user_id;
        let known = from.known_cookie.and_then(|cookie| self.known_browser(account, cookie, now));
        if let Some(known) = known.filter(|known| known.by_factor) {
            let bucket = Bucket::SecondFactorBrowser { user, mark: &known.mark };
            return self.access.throttle.take(&[bucket], now);
        }
        // A password without a time of setting is a one-time one.
        let door = if account.password_set_at.is_none() { Door::Recovered } else { Door::SignIn };
        self.take_factor(user, Some(door), from.origin, now)
    }

    /// On the account page.
    pub(super) fn take_account_factor(
        &self,
        user: UserId,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Taken, Refusal> {
        self.take_factor(user, Some(Door::Session), origin, now)
    }

    /// The first code of an app that does not count yet: a wrong one is no guess at the person's second factor.
    pub(super) fn take_first_code(
        &self,
        user: UserId,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Taken, Refusal> {
        self.take_factor(user, None, origin, now)
    }

    /// With a decision.
    pub(super) fn take_step_up(
        &self,
        user: UserId,
        session: SessionId,
        now: Timestamp,
    ) -> Result<Taken, Refusal> {
        let person = Bucket::SecondFactorPerson { user, door: Door::Session };
        self.access.throttle.take(&[Bucket::StepUp { user, session }, person], now)
    }

    fn take_factor(
        &self,
        user: UserId,
        door: Option<Door>,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<Taken, Refusal> {
        let (network, site) = (origin.network(), origin.site());
        let mut buckets =
            vec![Bucket::SecondFactorSite { site: &site }, Bucket::SecondFactor { user, network: &network }];
        buckets.extend(door.map(|door| Bucket::SecondFactorPerson { user, door }));
        self.access.throttle.take(&buckets, now)
    }
}
