//! A second factor for one decision: checked at the moment of the decision, bound to this session and to the digest
//! that was shown, and used up in the transaction of the decision itself.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::Account;
use hallpass_domain::audit::event::Event;
use hallpass_domain::ids::{SessionId, UserId};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::transition::{Change, Transition};

use super::Factor;
use super::factor::{Purpose, accepted};
use crate::broker::{Broker, unreadable};
use crate::caller::HumanCaller;

/// Seconds for which a step-up holds.
pub const STEP_UP_SECONDS: i64 = 300;
const PURPOSE: Purpose = Purpose("decision");

/// A second factor that was right, and not used up until [`Self::used_up_in`] is committed. Only this module builds one.
#[derive(Clone, Debug)]
pub struct StepUp {
    pub(crate) user: UserId,
    pub(crate) session: SessionId,
    pub(crate) digest: String,
    pub(crate) at: Timestamp,
    /// The account as it is after the code was used up: belongs in the decision's transaction.
    pub(crate) account_change: Account,
    event: Event,
}

impl StepUp {
    /// Whether it proves that `caller` was there for the request with `digest`, at `now`.
    pub fn proves(&self, caller: &HumanCaller, digest: &str, now: Timestamp) -> bool {
        self.user == caller.user
            && Some(self.session) == caller.session
            && self.digest == digest
            && self.at <= now
            && now < self.at + Duration::seconds(STEP_UP_SECONDS)
    }

    /// Adds the account that has used the code up, and its event. A code that was used meanwhile makes the commit a
    /// conflict; nothing of the decision stays then.
    #[must_use]
    pub fn used_up_in(&self, transition: Transition) -> Transition {
        transition.with(Change::Account(Box::new(self.account_change.clone()))).event(self.event.clone())
    }
}

impl Broker {
    /// Checks the code of the authenticator app that came with a decision. Recovery codes do not serve here.
    ///
    /// # Errors
    /// `Unproven`: `browser_needed` from a command line, `second_factor_missing` where none is enrolled,
    /// `second_factor_refused` for a wrong code. `Throttled` after five wrong ones in this session, or a hundred of this person.
    pub async fn verify_step_up(
        &self,
        caller: &HumanCaller,
        code: &str,
        digest: &str,
    ) -> Result<StepUp, Refusal> {
        let now = self.now();
        let session = caller.session.ok_or_else(|| {
            Refusal::new(
                Class::Unproven,
                "browser_needed",
                "This decision needs a second factor: open its page in a browser and decide there.",
            )
        })?;
        let account = self.store.account(caller.user).await.map_err(unreadable)?;
        let account = account.filter(|a| a.totp_sealed.is_some()).ok_or_else(|| {
            Refusal::new(
                Class::Unproven, "second_factor_missing",
                "This decision needs a second factor, and you have none yet. Set up an authenticator app on your account page, then decide.",
            )
        })?;
        let taken = self.take_step_up(caller.user, session, now)?;
        let factor = Factor::Totp(code);
        let Some(after) = self.use_factor(&account, factor, now)? else {
            let catalogue = self.catalogue().await?;
            let user = catalogue.users.get(&caller.user).ok_or_else(|| factor.refused())?;
            return Err(self.refuse_factor(user, session, PURPOSE, factor, taken.warns, None).await);
        };
        self.access.throttle.give_back(taken);
        let event = accepted(now, caller.user, session, PURPOSE, factor, after.recovery_hashes.len(), None);
        Ok(StepUp {
            user: caller.user,
            session,
            digest: digest.to_owned(),
            at: now,
            account_change: after,
            event,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_domain::account::Strength;

    #[test]
    fn bound_to_person_session_digest_and_time() {
        let at = |seconds: i64| Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap();
        let (user, session) = (UserId::new(at(0)), SessionId::new(at(0)));
        let account = Account {
            user_id: user,
            password_hash: None,
            totp_sealed: None,
            totp_pending: None,
            totp_last_step: 2,
            recovery_hashes: Vec::new(),
            password_set_at: None,
            version: 2,
        };
        let event = accepted(at(0), user, session, PURPOSE, Factor::Totp(""), 0, None);
        let step_up =
            StepUp { user, session, digest: "d1".to_owned(), at: at(0), account_change: account, event };
        let caller = HumanCaller {
            user,
            duties: Vec::new(),
            session: Some(session),
            strength: Strength::SecondFactor,
        };
        assert!(step_up.proves(&caller, "d1", at(0)) && step_up.proves(&caller, "d1", at(299)));
        assert!(!step_up.proves(&caller, "d1", at(300)) && !step_up.proves(&caller, "d1", at(-1)));
        assert!(!step_up.proves(&caller, "d2", at(1)));
        assert!(!step_up.proves(
            &HumanCaller { session: Some(SessionId::new(at(0))), ..caller.clone() },
            "d1",
            at(1)
        ));
        assert!(!step_up.proves(&HumanCaller { session: None, ..caller.clone() }, "d1", at(1)));
        assert!(!step_up.proves(&HumanCaller { user: UserId::new(at(0)), ..caller }, "d1", at(1)));
        let transition = step_up.used_up_in(Transition::new(at(1)));
        assert_eq!((transition.changes.len(), transition.events.len()), (1, 1));
    }
}
