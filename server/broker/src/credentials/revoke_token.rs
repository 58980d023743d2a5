//! Revocation of one token (RFC 7009).
use hallpass_domain::credential::Token;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;

impl Broker {
    /// Revokes a token of the caller's own grant; unknown, foreign, expired and already revoked tokens are alike:
    /// nothing happens and the answer is the same (RFC 7009 §2.2). True where this call revoked it.
    pub async fn revoke_token(&self, caller: &Caller, token: &str) -> Result<bool, Refusal> {
        let hash = SecretHash::of(token);
        let revoked = self
            .commit_deciding(move || async move {
                let now = self.now();
                let Some((token, grant)) = self.store.token_by_hash(&hash).await.map_err(unreadable)? else {
                    return Ok(Decided::Answer(false));
                };
                let own = grant.principal == caller.principal()
                    && (token.client_id == caller.client() || caller.user().is_some());
                if !own || token.revoked_at.is_some() || token.expires_at <= now {
                    return Ok(Decided::Answer(false));
                }
                let next = Token { revoked_at: Some(now), version: token.version + 1, ..token };
                let transition = Transition::new(now)
                    .event(event(
                        now,
                        "token.revoked",
                        caller.actor(),
                        &[
                            ("token", next.id.to_string()),
                            ("grant", next.grant_id.to_string()),
                            ("target", next.target_id.to_string()),
                        ],
                        json!({ "hash": next.hash.hex() }),
                        json!({}),
                    ))
                    .with(Change::Token(Box::new(next)));
                Ok(Decided::Commit(transition, true))
            })
            .await?;
        if revoked {
            self.wait_for_replicas().await;
        }
        Ok(revoked)
    }
}
