//! API tokens are revoked: by their owner on the account page, by whoever presents one (RFC 7009), all of a person's.
use hallpass_domain::Timestamp;
use hallpass_domain::account::ApiToken;
use hallpass_domain::audit::event::Event;
use hallpass_domain::ids::{ApiTokenId, UserId};
use hallpass_domain::principal::{Client, Principal};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;

impl Broker {
    /// Revokes one of the caller's own tokens. Somebody else's is not found.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn revoke_api_token(&self, caller: &Caller, id: ApiTokenId) -> Result<(), Refusal> {
        let now = self.now();
        let user = caller.human()?.user;
        self.commit_deciding(|| async {
            let tokens = self.store.api_tokens_of(user, now).await.map_err(unreadable)?;
            let token =
                tokens.iter().find(|t| t.id == id).ok_or_else(|| Refusal::not_found("command line"))?;
            let transition = Transition::new(now).with(revoked(token, now)).event(revocation(
                token,
                caller.actor(),
                "owner",
                now,
            ));
            Ok(Decided::Commit(transition, ()))
        })
        .await
    }

    /// Revokes the token that a client presents (RFC 7009 §2). Whether it was one of this client's is answered for the
    /// log; the edge answers 200 in any case (§2.2).
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be written.
    pub async fn revoke_presented_api_token(&self, client: &Client, token: &str) -> Result<bool, Refusal> {
        let now = self.now();
        let hash = SecretHash::of(token);
        self.commit_deciding(|| async {
            let found = self.store.api_token_by_hash(&hash).await.map_err(unreadable)?;
            let Some(token) = found.filter(|t| t.client_id == client.id) else {
                return Ok(Decided::Answer(false));
            };
            if token.revoked_at.is_some() || token.expires_at <= now {
                return Ok(Decided::Answer(true));
            }
            let actor = token
                .user_id
                .map_or_else(|| format!("client:{}", client.id), |user| Principal::User(user).to_string());
            let transition = Transition::new(now).with(revoked(&token, now)).event(revocation(
                &token,
                actor,
                "presented",
                now,
            ));
            Ok(Decided::Commit(transition, true))
        })
        .await
    }

    /// Revokes every token of a person: what changed is in the transition, the ids for its event.
    pub(super) async fn revoke_tokens_of(
        &self,
        transition: Transition,
        user: UserId,
        now: Timestamp,
    ) -> Result<(Transition, Vec<String>), Refusal> {
        let tokens = self.store.api_tokens_of(user, now).await.map_err(unreadable)?;
        let ids = tokens.iter().map(|t| t.id.to_string()).collect();
        Ok((tokens.iter().fold(transition, |t, token| t.with(revoked(token, now))), ids))
    }
}

fn revoked(token: &ApiToken, now: Timestamp) -> Change {
    let mut token = token.clone();
    token.revoked_at = Some(now);
    token.version += 1;
    Change::ApiToken(Box::new(token))
}

fn revocation(token: &ApiToken, actor: String, by: &str, now: Timestamp) -> Event {
    let mut subjects = vec![("api_token", token.id.to_string()), ("client", token.client_id.to_string())];
    subjects.extend(token.user_id.map(|user| ("user", user.to_string())));
    event(now, "api_token.revoked", actor, &subjects, json!({ "by": by }), json!({}))
}
