//! Sign-in with a password.
use hallpass_domain::account::{Account, Strength};
use hallpass_domain::principal::{Principal, User};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::text::{Email, clean_line};
use hallpass_domain::transition::{Change, Transition};
use secrecy::SecretString;
use serde_json::json;

use super::Browser;
use super::open_session::{HALFWAY_SECONDS, NewSession, ended, moved};
use super::throttle::Bucket;
use crate::broker::{Broker, Decided, uncommitted, unreadable};
use crate::events::event;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInStep {
    /// The page for the second factor; no other.
    SecondFactor,
    /// Signed in. With `set_password`, by a one-time password that is used up now: go to the account page, where a
    /// new one must be set within fifteen minutes.
    Done {
        /// A new password must be set.
        set_password: bool,
    },
}

/// Somebody who got in, all the way or half.
#[derive(Debug)]
pub struct Admitted {
    /// The new session; its cookie replaces the old one.
    pub opened: NewSession,
    /// What comes next.
    pub step: SignInStep,
    /// New value of the known-browser cookie (HttpOnly, 180 days), where it is to be set.
    pub known_cookie: Option<SecretString>,
    /// Local path to go on to, once done.
    pub next: Option<String>,
}

impl Broker {
    /// Signs in. Unknown address, wrong password, disabled person and no password set: same words, same work.
    ///
    /// # Errors
    /// `Unproven` `sign_in_refused`; `Throttled`; `Unavailable` `busy` when too many passwords are being checked.
    pub async fn sign_in(
        &self,
        from: Browser<'_>,
        email: &str,
        password: &SecretString,
    ) -> Result<Admitted, Refusal> {
        let now = self.now();
        let (network, site) = (from.origin.network(), from.origin.site());
        let typed: String = clean_line(email).to_lowercase().chars().take(254).collect();
        let user = match Email::parse(email) {
            Ok(email) => self.store.user_by_email(email.as_str()).await.map_err(unreadable)?,
            Err(_) => None,
        };
        let account = match &user {
            Some(user) => self.store.account(user.id).await.map_err(unreadable)?,
            None => None,
        };
        let mark = account
            .as_ref()
            .zip(from.known_cookie)
            .and_then(|(account, cookie)| self.known_browser(account, cookie, now))
            .map(|known| known.mark);
        let shared =
            [Bucket::PasswordSite { site: &site }, Bucket::Password { account: &typed, network: &network }];
        let taken = match (&user, &mark) {
            (Some(user), Some(mark)) => {
                self.access.throttle.take(&[Bucket::PasswordBrowser { user: user.id, mark }], now)?
            }
            _ => self.access.throttle.take(&shared, now)?,
        };
        let stored = account.as_ref().and_then(|a| a.password_hash.clone());
        let right = match self.access.passwords.verify(stored, password).await {
            Ok(right) => right,
            Err(busy) => {
                self.access.throttle.give_back(taken);
                return Err(busy);
            }
        };
        let Some((user, account)) = user.clone().zip(account).filter(|(user, _)| right && !user.disabled)
        else {
            return Err(self.refuse_sign_in(from, user.as_ref(), &typed).await);
        };
        self.access.throttle.give_back(taken);
        self.admit(from, &user, &account, mark.is_some()).await
    }

    /// Opens the session of somebody whose password was right. `checked` is the account that it was right for.
    async fn admit(
        &self,
        from: Browser<'_>,
        user: &User,
        checked: &Account,
        known: bool,
    ) -> Result<Admitted, Refusal> {
        let now = self.now();
        self.commit_deciding(|| async {
            let old = self.still_open(from.session, now).await?;
            let account = self.store.account(user.id).await.map_err(unreadable)?;
            // The password may have been changed while this one was being checked.
            let Some(account) = account.filter(|a| a.password_hash == checked.password_hash) else { return Err(sign_in_refused()) };
            // Always moved, so that this cannot pass a change of the password that runs beside it and ends all sessions.
            let mut account_after = moved(&account);
            let once = account.password_set_at.is_none();
            if once {
                account_after.password_hash = None;
            }
            let halfway = account.totp_sealed.is_some();
            let (strength, seconds) =
                if halfway { (Strength::Password, HALFWAY_SECONDS) } else { (Strength::Session, self.settings.session_seconds) };
            let mut opened = NewSession::prepare(now, Some(user.id), strength, seconds, from.agent, from.origin)?;
            if halfway {
                opened.session.next.clone_from(&old.next);
            }
            let known_cookie = if halfway || known || once { None } else { Some(self.known_cookie(&account, strength, now)?) };
            let signed_in = event(
                now, "session.opened", Principal::User(user.id).to_string(),
                &[("user", user.id.to_string()), ("session", opened.session.id.to_string())],
                json!({ "strength": strength.as_str(), "known_browser": known, "one_time_password": once, "replaces": old.id.to_string() }),
                json!({ "address": from.origin.address.to_string(), "agent": opened.session.agent }),
            );
            let transition = Transition::new(now)
                .with(Change::Account(Box::new(account_after)))
                .with(Change::Session(Box::new(opened.session.clone())))
                .with(ended(&old, now))
                .event(signed_in);
            let step = if halfway { SignInStep::SecondFactor } else { SignInStep::Done { set_password: once } };
            Ok(Decided::Commit(transition, Admitted { opened, step, known_cookie, next: old.next }))
        })
        .await
    }

    async fn refuse_sign_in(&self, from: Browser<'_>, user: Option<&User>, typed: &str) -> Refusal {
        let now = self.now();
        let subjects: Vec<_> = user.iter().map(|user| ("user", user.id.to_string())).collect();
        let refused = event(
            now,
            "sign_in.refused",
            "system:sign-in",
            &subjects,
            json!({ "known_user": user.is_some(), "disabled": user.is_some_and(|u| u.disabled) }),
            json!({ "email": typed, "address": from.origin.address.to_string() }),
        );
        match self.commit(Transition::new(now).event(refused)).await {
            Ok(()) => sign_in_refused(),
            Err(error) => uncommitted(error),
        }
    }
}

/// One sentence for every reason, so that it tells nothing about the account.
fn sign_in_refused() -> Refusal {
    Refusal::new(
        Class::Unproven,
        "sign_in_refused",
        "The email or the password is not right. Check both and try again; if you lost the password, an administrator can give you a new one.",
    )
}
