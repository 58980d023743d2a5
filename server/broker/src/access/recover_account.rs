//! A command on the server gives somebody back their account. Audited, and mailed to the person.
use hallpass_domain::account::Account;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::random_alphanumeric;
use hallpass_domain::text::Email;
use hallpass_domain::transition::{Change, Transition};
use secrecy::SecretString;
use serde_json::json;

use super::no_randomness;
use super::notices::{NOT_YOU, Notice, Place, notice};
use super::open_session::moved;
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

/// Length of a one-time password: 119 bits.
const ONE_TIME_LENGTH: usize = 20;

/// What was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The password: a one-time one takes its place (also for somebody who never had one).
    Password,
    /// The authenticator app and the recovery codes: they are removed.
    SecondFactor,
}

/// What whoever runs the server hands to the person.
#[derive(Debug)]
pub struct Recovered {
    /// Works once; a new one must be set within fifteen minutes of signing in. Shown here and never again.
    pub one_time_password: Option<SecretString>,
}

impl Broker {
    /// Recovers an account; ends every session and command line of the person. Not reachable over HTTP.
    ///
    /// # Errors
    /// `NotFound` for an unknown address; `Invalid` `user_disabled`; `Unavailable` `busy`.
    pub async fn recover_account(&self, email: &str, what: Recovery) -> Result<Recovered, Refusal> {
        let now = self.now();
        let email =
            Email::parse(email).map_err(|e| Refusal::invalid("email_form", "email", format!("{e}.")))?;
        let user = self
            .store
            .user_by_email(email.as_str())
            .await
            .map_err(unreadable)?
            .ok_or_else(|| Refusal::not_found("person"))?;
        if user.disabled {
            return Err(Refusal::invalid(
                "user_disabled",
                "email",
                "This person is disabled. Enable them in the catalogue first.",
            ));
        }
        let secret = match what {
            Recovery::Password => {
                Some(SecretString::from(random_alphanumeric(ONE_TIME_LENGTH).map_err(no_randomness)?))
            }
            Recovery::SecondFactor => None,
        };
        let hash = match &secret {
            Some(secret) => Some(self.access.passwords.hash(secret).await?),
            None => None,
        };
        self.commit_deciding(|| async {
            let account = match self.store.account(user.id).await.map_err(unreadable)? {
                Some(account) => moved(&account),
                None => empty(user.id),
            };
            let account = match &hash {
                // No time of setting marks it as a one-time password.
                Some(hash) => Account { password_hash: Some(hash.clone()), password_set_at: None, ..account },
                None => Account { totp_sealed: None, totp_pending: None, recovery_hashes: Vec::new(), ..account },
            };
            let transition = Transition::new(now).with(Change::Account(Box::new(account)));
            let (transition, sessions) = self.end_others(transition, user.id, None, now).await?;
            let (transition, tokens) = self.revoke_tokens_of(transition, user.id, now).await?;
            let (word, headline) = match what {
                Recovery::Password => ("password", "Your password was replaced by a one-time password, which you get from whoever runs the server."),
                Recovery::SecondFactor => ("second_factor", "Your authenticator app and recovery codes were removed."),
            };
            let recovered = event(
                now, "account.recovered", "system:local-command", &[("user", user.id.to_string())],
                json!({ "what": word, "ended_sessions": sessions, "revoked_api_tokens": tokens }), json!({}),
            );
            let mail = notice(now, &user, Place::Server, Notice {
                subject: "Your account was recovered",
                headline: headline.to_owned(),
                facts: vec![("Browsers and command lines signed out", (sessions.len() + tokens.len()).to_string())],
                advice: NOT_YOU,
            });
            Ok(Decided::Commit(transition.event(recovered).mails([mail]), ()))
        })
        .await?;
        Ok(Recovered { one_time_password: secret })
    }
}

/// The account of somebody who never had one.
fn empty(user_id: hallpass_domain::ids::UserId) -> Account {
    Account {
        user_id,
        password_hash: None,
        totp_sealed: None,
        totp_pending: None,
        totp_last_step: 0,
        recovery_hashes: Vec::new(),
        password_set_at: None,
        version: 1,
    }
}
