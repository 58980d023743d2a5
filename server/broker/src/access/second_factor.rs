//! The second step of a sign-in.
use hallpass_domain::account::Strength;
use hallpass_domain::principal::{Principal, User};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::factor::{Purpose, accepted};
use super::notices::code_used;
use super::open_session::{NewSession, ended};
use super::{Admitted, Browser, Factor, SignInStep, session_over};
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

const PURPOSE: Purpose = Purpose("sign_in");

impl Broker {
    /// Completes a sign-in whose password was right. The code is used up in the transaction that opens the session.
    ///
    /// # Errors
    /// `Unproven` `second_factor_refused`, about the factor's field; `session_over` after ten minutes; `Throttled`.
    pub async fn second_factor(&self, from: Browser<'_>, factor: Factor<'_>) -> Result<Admitted, Refusal> {
        let now = self.now();
        let waiting = self.still_open(from.session, now).await?;
        let id =
            waiting.user_id.filter(|_| waiting.strength == Strength::Password).ok_or_else(session_over)?;
        let user = self
            .catalogue()
            .await?
            .users
            .get(&id)
            .filter(|u| !u.disabled)
            .cloned()
            .ok_or_else(session_over)?;
        let account = self.store.account(id).await.map_err(unreadable)?.ok_or_else(session_over)?;
        let taken = self.take_sign_in_factor(&account, from, now)?;
        let admitted = self.commit_deciding(|| self.decide_second_factor(from, &user, factor)).await?;
        match admitted {
            Some(admitted) => {
                self.access.throttle.give_back(taken);
                Ok(admitted)
            }
            None => Err(self
                .refuse_factor(&user, waiting.id, PURPOSE, factor, taken.warns, Some(from.origin))
                .await),
        }
    }

    async fn decide_second_factor(
        &self,
        from: Browser<'_>,
        user: &User,
        factor: Factor<'_>,
    ) -> Result<Decided<Option<Admitted>>, Refusal> {
        let now = self.now();
        let old = self.still_open(from.session, now).await?;
        let account = self.store.account(user.id).await.map_err(unreadable)?.ok_or_else(session_over)?;
        let Some(after) = self.use_factor(&account, factor, now)? else { return Ok(Decided::Answer(None)) };
        let seconds = self.settings.session_seconds;
        let opened = NewSession::prepare(
            now,
            Some(user.id),
            Strength::SecondFactor,
            seconds,
            from.agent,
            from.origin,
        )?;
        let set_password = account.password_hash.is_none();
        let known = from
            .known_cookie
            .and_then(|cookie| self.known_browser(&account, cookie, now))
            .is_some_and(|known| known.by_factor);
        let known_cookie = if known || set_password {
            None
        } else {
            Some(self.known_cookie(&account, Strength::SecondFactor, now)?)
        };
        let left = after.recovery_hashes.len();
        let mut transition = Transition::new(now)
            .with(Change::Account(Box::new(after)))
            .with(Change::Session(Box::new(opened.session.clone())))
            .with(ended(&old, now))
            .event(accepted(now, user.id, opened.session.id, PURPOSE, factor, left, Some(from.origin)))
            .event(event(
                now, "session.opened", Principal::User(user.id).to_string(),
                &[("user", user.id.to_string()), ("session", opened.session.id.to_string())],
                json!({ "strength": Strength::SecondFactor.as_str(), "known_browser": known, "replaces": old.id.to_string() }),
                json!({ "address": from.origin.address.to_string(), "agent": opened.session.agent }),
            ));
        if matches!(factor, Factor::RecoveryCode(_)) {
            let used = "Somebody signed in to your account with one of its recovery codes.";
            transition = transition.mails([code_used(now, user, from.origin, used, left)]);
        }
        let step = SignInStep::Done { set_password };
        Ok(Decided::Commit(transition, Some(Admitted { opened, step, known_cookie, next: old.next })))
    }
}
