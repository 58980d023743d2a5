//! First passwords and sign-outs of people who come and go by the catalogue.
use hallpass_domain::account::{Account, ApiToken, Session};
use hallpass_domain::ids::UserId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use secrecy::SecretString;
use serde_json::json;

use crate::access::PreparedAccount;
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

impl Broker {
    /// Gives somebody from the catalogue a first password, and an enrolled authenticator app if wanted. For the demo
    /// and local commands; `by` is the command, the actor is `system:<by>`. Not reachable over HTTP, and impossible once
    /// there is a password: then it is a recovery. The password is not judged here.
    ///
    /// # Errors
    /// `NotFound` for an unknown or disabled person; `Conflict` `password_exists`; `Unavailable` `busy`.
    pub async fn set_initial_password(
        &self,
        by: &'static str,
        user: UserId,
        password: &SecretString,
        second_factor: bool,
    ) -> Result<PreparedAccount, Refusal> {
        let catalogue = self.catalogue().await?;
        let person =
            catalogue.users.get(&user).filter(|u| !u.disabled).ok_or_else(|| Refusal::not_found("person"))?;
        let version = self.without_password(user).await?;
        let now = self.now();
        let prepared = self.prepare_account(person, password, second_factor, now).await?;
        let account = Account { version: version + 1, ..prepared.account };
        self.commit_deciding(async || {
            // Whoever was first has set it: this password then is not set, and the caller is told.
            self.without_password(user).await?;
            let transition =
                Transition::new(now).with(Change::Account(Box::new(account.clone()))).event(event(
                    now,
                    "account.prepared",
                    format!("system:{by}"),
                    &[("user", user.to_string())],
                    json!({ "second_factor": second_factor }),
                    json!({}),
                ));
            Ok(Decided::Commit(transition, ()))
        })
        .await?;
        Ok(PreparedAccount { account, ..prepared })
    }

    /// The version of somebody's account (0 where there is none), which has no password yet.
    async fn without_password(&self, user: UserId) -> Result<i64, Refusal> {
        let account = self.store.account(user).await.map_err(unreadable)?;
        if account.as_ref().is_some_and(|a| a.password_hash.is_some()) {
            return Err(Refusal::conflict(
                "password_exists",
                "This person has a password. Use account recovery to replace it.",
            ));
        }
        Ok(account.map_or(0, |a| a.version))
    }

    /// Ends the sessions and command lines of somebody disabled, so that none comes back with the person. How many.
    pub(super) async fn sign_out_disabled(&self, user: UserId) -> Result<usize, Refusal> {
        self.commit_deciding(async || {
            let now = self.now();
            if self.catalogue().await?.users.get(&user).is_none_or(|u| !u.disabled) {
                return Ok(Decided::Answer(0));
            }
            let sessions = self.store.sessions_of(user, now).await.map_err(unreadable)?;
            let tokens = self.store.api_tokens_of(user, now).await.map_err(unreadable)?;
            let count = sessions.len() + tokens.len();
            if count == 0 {
                return Ok(Decided::Answer(0));
            }
            let ids = |all: &mut dyn Iterator<Item = String>| all.collect::<Vec<_>>();
            let data = json!({
                "cause": "disabled",
                "ended_sessions": ids(&mut sessions.iter().map(|s| s.id.to_string())),
                "revoked_api_tokens": ids(&mut tokens.iter().map(|t| t.id.to_string())),
            });
            let mut transition = Transition::new(now).event(event(
                now,
                "user.signed_out",
                "system:policy",
                &[("user", user.to_string())],
                data,
                json!({}),
            ));
            for s in sessions {
                transition = transition.with(Change::Session(Box::new(Session {
                    ended_at: Some(now),
                    version: s.version + 1,
                    ..s
                })));
            }
            for t in tokens {
                transition = transition.with(Change::ApiToken(Box::new(ApiToken {
                    revoked_at: Some(now),
                    version: t.version + 1,
                    ..t
                })));
            }
            Ok(Decided::Commit(transition, count))
        })
        .await
    }
}
