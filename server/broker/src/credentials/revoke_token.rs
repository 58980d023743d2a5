//! Revocation of one token (RFC 7009).
use std::sync::{Mutex, PoisonError};

use hallpass_domain::credential::Token;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::ClientId;
use hallpass_domain::presented::Presented;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;

/// Who has a token revoked.
#[derive(Clone, Debug)]
pub enum Revoker {
    /// A caller, of his own grants.
    Caller(Caller),
    /// Whoever has a person's token, by the public client of the command line: having it is the proof, and who has it could
    /// do more with it than end it.
    Presenter(ClientId),
}

impl Revoker {
    /// The actor of the event; none where the token is not his to revoke.
    fn actor(&self, token: &Token, grant: &Grant) -> Option<String> {
        let own = match self {
            Self::Caller(caller) => {
                grant.principal == caller.principal()
                    && (token.client_id == caller.client() || caller.user().is_some())
            }
            Self::Presenter(client) => {
                matches!(grant.principal, Principal::User(_))
                    && token.client_id.is_none_or(|id| id == *client)
            }
        };
        own.then(|| grant.principal.to_string())
    }
}

impl Broker {
    /// Revokes a token of the caller's own grant; unknown, foreign, expired and already revoked tokens are alike:
    /// nothing happens and the answer is the same (RFC 7009 §2.2). True where this call revoked it.
    pub async fn revoke_token(&self, caller: &Caller, token: &str) -> Result<bool, Refusal> {
        match self.token_known(token).await? {
            Some(found) => self.revoke_found_token(&Revoker::Caller(caller.clone()), found).await,
            None => Ok(false),
        }
    }

    /// A token with its grant, as they are or, of one that was issued lately, as they were then.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be read.
    pub async fn token_known(&self, token: &str) -> Result<Option<(Token, Grant)>, Refusal> {
        let hash = SecretHash::of(token);
        if let Some(known) = self.issued_tokens.get(&hash) {
            return Ok(Some(known));
        }
        match Presented::with_hash(token, hash) {
            Some(presented) => self.store.token_presented(presented).await.map_err(unreadable),
            None => Ok(None),
        }
    }

    /// As [`Self::revoke_token`], of a token that [`Self::token_known`] found.
    pub async fn revoke_found_token(&self, by: &Revoker, found: (Token, Grant)) -> Result<bool, Refusal> {
        let presented = Presented::of(&found.0);
        let first = Mutex::new(Some(found));
        let first = &first;
        let revoked = self
            .commit_deciding(move || async move {
                let now = self.now();
                // Read again only where the row was moved meanwhile.
                let read = first.lock().unwrap_or_else(PoisonError::into_inner).take();
                let found = match read {
                    None => self.store.token_presented(presented).await.map_err(unreadable)?,
                    found => found,
                };
                let Some((token, grant)) = found else {
                    return Ok(Decided::Answer(false));
                };
                let Some(actor) = by.actor(&token, &grant) else { return Ok(Decided::Answer(false)) };
                if token.revoked_at.is_some() || token.expires_at <= now {
                    return Ok(Decided::Answer(false));
                }
                let transition = Transition::new(now)
                    .event(event(
                        now,
                        "token.revoked",
                        actor,
                        &[
                            ("token", token.id.to_string()),
                            ("grant", token.grant_id.to_string()),
                            ("target", token.target_id.to_string()),
                        ],
                        json!({ "hash": token.hash.hex() }),
                        json!({}),
                    ))
                    .with(Change::RevokeToken { id: token.id, at: now, version: token.version + 1 });
                Ok(Decided::Commit(transition, true))
            })
            .await?;
        self.issued_tokens.forget(&presented.hash);
        if revoked {
            self.wait_for_replicas().await;
        }
        Ok(revoked)
    }
}
