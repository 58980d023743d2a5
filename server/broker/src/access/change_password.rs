//! A person changes their own password.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::Strength;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::transition::{Change, Transition};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::Browser;
use super::factor::where_from;
use super::notices::{NOT_YOU, Notice, Place, notice};
use super::open_session::{Held, NewSession, ended, moved};
use super::password_policy::check_password;
use super::throttle::Bucket;
use crate::broker::{Broker, Decided};
use crate::events::event;

/// After a sign-in with a one-time password, a new one may be set for so many seconds.
const ONE_TIME_SECONDS: i64 = 900;

/// A changed password.
#[derive(Debug)]
pub struct PasswordChanged {
    /// The session goes on under a new cookie.
    pub opened: NewSession,
    /// New value of the known-browser cookie: earlier ones are forgotten.
    pub known_cookie: SecretString,
    /// How many other sessions and command lines were signed out.
    pub signed_out: usize,
}

impl Broker {
    /// Changes the password, given the current one; ends every other session and command line of the person. After a
    /// sign-in with a one-time password, which is used up, `current` is not looked at.
    ///
    /// # Errors
    /// `Invalid` about `current_password` or `new_password`; `Throttled`; `Unavailable` `busy`.
    pub async fn change_password(
        &self,
        from: Browser<'_>,
        current: &SecretString,
        new: &SecretString,
    ) -> Result<PasswordChanged, Refusal> {
        let now = self.now();
        let held = self.held(from, now).await?;
        check_password(
            new.expose_secret(),
            &[held.user.email.as_str(), &held.user.display_name, &self.settings.base_url],
        )?;
        self.prove_password(from, &held, current, now).await?;
        let stored = held.account.password_hash.clone();
        if stored.is_some() && self.access.passwords.verify(stored.clone(), new).await? {
            return Err(Refusal::invalid(
                "password_unchanged",
                "new_password",
                "That is the password that you have. Choose another one.",
            ));
        }
        let hash = self.access.passwords.hash(new).await?;
        self.commit_deciding(|| async {
            let held = self.held(from, now).await?;
            if held.account.password_hash != stored {
                return Err(Refusal::conflict("password_moved", "Your password was changed at the same moment. Sign in with the new one."));
            }
            let user = held.user.id;
            let mut account = moved(&held.account);
            account.password_hash = Some(hash.clone());
            account.password_set_at = Some(now);
            let known_cookie = self.known_cookie(&account, held.session.strength, now)?;
            let opened = NewSession::prepare(now, Some(user), held.session.strength, 0, from.agent, from.origin)?.in_place_of(&held.session);
            let transition = Transition::new(now)
                .with(Change::Account(Box::new(account)))
                .with(Change::Session(Box::new(opened.session.clone())))
                .with(ended(&held.session, now));
            let (transition, sessions) = self.end_others(transition, user, Some(held.session.id), now).await?;
            let (transition, tokens) = self.revoke_tokens_of(transition, user, now).await?;
            let signed_out = sessions.len() + tokens.len();
            let changed = event(
                now, "password.changed", Principal::User(user).to_string(),
                &[("user", user.to_string()), ("session", opened.session.id.to_string())],
                json!({ "replaces": held.session.id.to_string(), "ended_sessions": sessions, "revoked_api_tokens": tokens }),
                where_from(Some(from.origin)),
            );
            let mail = notice(now, &held.user, Place::At(from.origin), Notice {
                subject: "Your password was changed",
                headline: "The password of your account was changed.".to_owned(),
                facts: vec![("Browsers and command lines signed out", signed_out.to_string())],
                advice: NOT_YOU,
            });
            Ok(Decided::Commit(transition.event(changed).mails([mail]), PasswordChanged { opened, known_cookie, signed_out }))
        })
        .await
    }

    /// Asks somebody signed in for their password once more (OWASP ASVS v5.0.0-7.5.1), within the limits of sign-in.
    pub(super) async fn prove_password(
        &self,
        from: Browser<'_>,
        held: &Held,
        password: &SecretString,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if held.account.password_hash.is_none() {
            return one_time(held, now);
        }
        let (network, site) = (from.origin.network(), from.origin.site());
        let buckets = [
            Bucket::PasswordSite { site: &site },
            Bucket::Password { account: held.user.email.as_str(), network: &network },
        ];
        let taken = self.access.throttle.take(&buckets, now)?;
        let right = self.access.passwords.verify(held.account.password_hash.clone(), password).await;
        if !matches!(right, Ok(false)) {
            self.access.throttle.give_back(taken);
        }
        if right? {
            return Ok(());
        }
        let refused = event(
            now,
            "password.refused",
            Principal::User(held.user.id).to_string(),
            &[("user", held.user.id.to_string()), ("session", held.session.id.to_string())],
            json!({}),
            where_from(Some(from.origin)),
        );
        self.commit(Transition::new(now).event(refused)).await.map_err(crate::broker::uncommitted)?;
        Err(Refusal::invalid(
            "password_wrong",
            "current_password",
            "That is not your current password. Nothing was changed; type it again.",
        ))
    }
}

/// The one-time password was the proof: enough for a while, and with the second factor where one is enrolled.
fn one_time(held: &Held, now: Timestamp) -> Result<(), Refusal> {
    let factor = held.account.totp_sealed.is_none() || held.session.strength == Strength::SecondFactor;
    if factor && now < held.session.created_at + Duration::seconds(ONE_TIME_SECONDS) {
        return Ok(());
    }
    Err(Refusal::new(
        Class::Unproven,
        "one_time_password_over",
        "Your one-time password is used up and fifteen minutes have passed. Ask an administrator for another one.",
    ))
}
