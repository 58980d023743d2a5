//! The seed of an app that is being set up. It counts in the session in which password and factor were given, and for a quarter
//! of an hour: left lying, it would be the second factor of whoever saw it first.
use hallpass_domain::Timestamp;
use hallpass_domain::refusal::Refusal;
use secrecy::{ExposeSecret as _, SecretString};

use super::factor::Seed;
use super::open_session::Held;
use crate::broker::Broker;

/// Seconds from the beginning to the first code.
const GOOD_FOR: u64 = 15 * 60;

impl Broker {
    /// Seals a new seed for the account, with the session and the second in which it was begun.
    pub(super) fn seal_pending(
        &self,
        held: &Held,
        seed: &SecretString,
        now: Timestamp,
    ) -> Result<String, Refusal> {
        let kept = format!("{}\n{}\n{}", held.session.id, now.timestamp(), seed.expose_secret());
        self.seal_seed(held.user.id, Seed::Pending, &SecretString::from(kept))
    }

    /// The seed that is pending in this session.
    ///
    /// # Errors
    /// `Conflict` `no_enrolment` where none is, or no more.
    pub(super) fn pending_seed(&self, held: &Held, now: Timestamp) -> Result<SecretString, Refusal> {
        let none = || {
            Refusal::conflict(
                "no_enrolment",
                "No authenticator app is being set up here. Begin again on your account page.",
            )
        };
        let sealed = held.account.totp_pending.as_deref().ok_or_else(none)?;
        let kept = self.open_seed(held.user.id, Seed::Pending, sealed)?;
        let mut parts = kept.expose_secret().splitn(3, '\n');
        let of = parts.next().unwrap_or_default();
        let begun = parts.next().and_then(|at| at.parse::<i64>().ok()).ok_or_else(none)?;
        let seed = parts.next().ok_or_else(none)?;
        // Another replica's clock may be a little ahead.
        let is_fresh = now.timestamp().abs_diff(begun) <= GOOD_FOR;
        if of == held.session.id.to_string() && is_fresh { Ok(SecretString::from(seed)) } else { Err(none()) }
    }
}
