//! The first administrator: by a claim secret on the page, or by a command on the server. Once there is one, never again.
use std::collections::BTreeSet;

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::ids::UserId;
use hallpass_domain::principal::{Duty, Principal, User};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::{SecretHash, new_secret};
use hallpass_domain::text::{self, Email};
use hallpass_domain::transition::{Change, Transition};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{check_password, no_randomness};
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;

/// Life of a claim secret, seconds.
const CLAIM_SECONDS: i64 = 3_600;
/// Meta key of the claim, as JSON.
pub const FIRST_RUN_CLAIM: &str = "first_run.claim";
const CLAIM: &str = FIRST_RUN_CLAIM;
/// Meta key that is set with the first administrator and never again: two who race for it cannot both win.
const DONE: &str = "first_run.done";

/// The claim as stored: not the secret.
#[derive(Serialize, Deserialize)]
struct Claim {
    hash: SecretHash,
    expires_at: Timestamp,
}

impl Broker {
    /// Whether there is an administrator, disabled ones too, or was one made by a first run.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be read.
    pub async fn has_administrator(&self) -> Result<bool, Refusal> {
        let known = self.catalogue().await?.users.values().any(|u| u.duties.contains(&Duty::Administrator));
        Ok(known || self.store.meta(DONE).await.map_err(unreadable)?.is_some())
    }

    /// Makes a claim secret at start, in place of an earlier one; nothing where there is an administrator.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be written.
    pub async fn open_first_run(&self) -> Result<Option<SecretString>, Refusal> {
        let now = self.now();
        self.commit_deciding(|| async {
            if self.has_administrator().await? {
                return Ok(Decided::Answer(None));
            }
            let (secret, hash) = new_secret("hpf").map_err(no_randomness)?;
            let value =
                serde_json::to_string(&Claim { hash, expires_at: now + Duration::seconds(CLAIM_SECONDS) })
                    .unwrap_or_default();
            let expected = self.store.meta(CLAIM).await.map_err(unreadable)?;
            let opened = event(
                now,
                "first_run.opened",
                "system:start",
                &[],
                json!({ "expires_in": CLAIM_SECONDS }),
                json!({}),
            );
            let transition = Transition::new(now)
                .with(Change::Meta { key: CLAIM.to_owned(), expected, value: Some(value) })
                .event(opened);
            Ok(Decided::Commit(transition, Some(secret)))
        })
        .await
    }

    /// Until when a claim can be used; nothing where the page does not exist (any more).
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be read.
    pub async fn first_run_until(&self) -> Result<Option<Timestamp>, Refusal> {
        if self.has_administrator().await? {
            return Ok(None);
        }
        Ok(self.claim().await?.map(|(_, claim)| claim.expires_at).filter(|end| self.now() < *end))
    }

    /// Makes the first administrator for whoever has the claim secret, which is used up with it.
    ///
    /// # Errors
    /// `NotFound` once there is an administrator; `Invalid` about `claim`, `email`, `name` or `new_password`.
    pub async fn create_first_administrator(
        &self,
        claim: &SecretString,
        email: &str,
        name: &str,
        password: &SecretString,
    ) -> Result<UserId, Refusal> {
        self.claimed(claim).await?;
        self.first_administrator(Some(claim), email, name, password).await
    }

    /// Makes the first administrator from a command on the server, which needs no claim.
    ///
    /// # Errors
    /// As [`Self::create_first_administrator`]; `Conflict` `administrator_exists` instead of `NotFound`.
    pub async fn init_administrator(&self, email: &str, password: &SecretString) -> Result<UserId, Refusal> {
        if self.has_administrator().await? {
            return Err(administrator_exists());
        }
        let name = email.split('@').next().unwrap_or_default();
        self.first_administrator(None, email, name, password).await
    }

    async fn first_administrator(
        &self,
        claim: Option<&SecretString>,
        email: &str,
        name: &str,
        password: &SecretString,
    ) -> Result<UserId, Refusal> {
        let now = self.now();
        let email =
            Email::parse(email).map_err(|e| Refusal::invalid("email_form", "email", format!("{e}.")))?;
        let name = text::line("the name", name, 100)
            .map_err(|e| Refusal::invalid("name_form", "name", format!("{e}.")))?;
        check_password(password.expose_secret(), &[email.as_str(), &name, &self.settings.base_url])?;
        if self.store.user_by_email(email.as_str()).await.map_err(unreadable)?.is_some() {
            return Err(Refusal::invalid(
                "email_taken",
                "email",
                "Somebody has this address already. Give another one.",
            ));
        }
        let user = User {
            id: UserId::new(now),
            email,
            display_name: name,
            time_zone: "UTC".to_owned(),
            chosen_zone: None,
            duties: BTreeSet::from([Duty::Administrator]),
            disabled: false,
            version: 1,
        };
        let account = self.prepare_account(&user, password, false, now).await?.account;
        self.commit_deciding(|| async {
            if self.has_administrator().await? {
                return Err(administrator_exists());
            }
            let open = match claim {
                Some(secret) => Some(self.claimed(secret).await?),
                None => self.claim().await?.map(|(value, _)| value),
            };
            let made = event(
                now,
                "first_run.claimed",
                Principal::User(user.id).to_string(),
                &[("user", user.id.to_string())],
                json!({ "by": if claim.is_some() { "claim" } else { "command" } }),
                json!({ "email": user.email.as_str(), "name": user.display_name }),
            );
            let mut transition = Transition::new(now)
                .with(Change::User(Box::new(user.clone())))
                .with(Change::Account(Box::new(account.clone())))
                .with(Change::Meta { key: DONE.to_owned(), expected: None, value: Some(user.id.to_string()) })
                .event(made);
            if open.is_some() {
                transition =
                    transition.with(Change::Meta { key: CLAIM.to_owned(), expected: open, value: None });
            }
            Ok(Decided::Commit(transition, user.id))
        })
        .await
    }

    async fn claim(&self) -> Result<Option<(String, Claim)>, Refusal> {
        let stored = self.store.meta(CLAIM).await.map_err(unreadable)?;
        Ok(stored.and_then(|value| serde_json::from_str(&value).ok().map(|claim| (value, claim))))
    }

    /// The stored claim that `secret` is, if it can still be used.
    async fn claimed(&self, secret: &SecretString) -> Result<String, Refusal> {
        if self.has_administrator().await? {
            return Err(Refusal::not_found("page"));
        }
        let hash = SecretHash::of(secret.expose_secret().trim());
        match self.claim().await? {
            Some((_, claim)) if claim.expires_at <= self.now() => Err(Refusal::invalid(
                "claim_lapsed",
                "claim",
                "The claim secret has lapsed: it lasts one hour. Restart the server for a new one.",
            )),
            Some((value, claim)) if bool::from(claim.hash.0.ct_eq(&hash.0)) => Ok(value),
            _ => Err(Refusal::invalid(
                "claim_wrong",
                "claim",
                "That is not the claim secret. Copy it from where the server wrote it at its last start.",
            )),
        }
    }
}

fn administrator_exists() -> Refusal {
    Refusal::conflict(
        "administrator_exists",
        "There is an administrator already. For one who cannot sign in any more, use the recovery command on the server.",
    )
}
