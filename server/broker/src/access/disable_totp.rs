//! A person takes their authenticator app away.
use hallpass_domain::account::Strength;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use secrecy::SecretString;
use serde_json::json;

use super::factor::{Purpose, accepted, where_from};
use super::notices::{NOT_YOU, Notice, Place, notice};
use super::open_session::{NewSession, ended};
use super::{Browser, Factor};
use crate::broker::{Broker, Decided};
use crate::events::event;

const PURPOSE: Purpose = Purpose("removal");

impl Broker {
    /// Removes the authenticator app and its recovery codes, given the password and a factor. Every other browser
    /// session of the person ends; this one goes on under a new cookie, without a second factor.
    ///
    /// # Errors
    /// `Invalid` about `current_password`; `Unproven` about `totp` or `recovery_code`, also where none is enrolled; `Throttled`.
    pub async fn disable_totp(
        &self,
        from: Browser<'_>,
        password: &SecretString,
        factor: Factor<'_>,
    ) -> Result<NewSession, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        self.prove_password(from, &held, password, now).await?;
        let taken = self.take_account_factor(held.user.id, from.origin, now)?;
        let opened = self
            .commit_deciding(|| async {
                let held = self.held(from, now).await?;
                let user = held.user.id;
                let Some(mut account) = self.use_factor(&held.account, factor, now)? else {
                    return Ok(Decided::Answer(None));
                };
                let left = account.recovery_hashes.len();
                account.totp_sealed = None;
                account.totp_pending = None;
                account.recovery_hashes = Vec::new();
                let opened =
                    NewSession::prepare(now, Some(user), Strength::Session, 0, from.agent, from.origin)?
                        .in_place_of(&held.session);
                let transition = Transition::new(now)
                    .with(Change::Account(Box::new(account)))
                    .with(Change::Session(Box::new(opened.session.clone())))
                    .with(ended(&held.session, now))
                    .event(accepted(now, user, held.session.id, PURPOSE, factor, left, Some(from.origin)));
                let (transition, sessions) =
                    self.end_others(transition, user, Some(held.session.id), now).await?;
                let disabled = event(
                    now,
                    "totp.disabled",
                    Principal::User(user).to_string(),
                    &[("user", user.to_string()), ("session", opened.session.id.to_string())],
                    json!({ "replaces": held.session.id.to_string(), "ended_sessions": sessions }),
                    where_from(Some(from.origin)),
                );
                let mail = notice(
                    now,
                    &held.user,
                    Place::At(from.origin),
                    Notice {
                        subject: "Your authenticator app was removed",
                        headline: "Signing in to your account asks for the password alone now.".to_owned(),
                        facts: Vec::new(),
                        advice: NOT_YOU,
                    },
                );
                Ok(Decided::Commit(transition.event(disabled).mails([mail]), Some(opened)))
            })
            .await?;
        match opened {
            Some(opened) => {
                self.access.throttle.give_back(taken);
                Ok(opened)
            }
            None => Err(self
                .refuse_factor(&held.user, held.session.id, PURPOSE, factor, taken.warns, Some(from.origin))
                .await),
        }
    }
}
