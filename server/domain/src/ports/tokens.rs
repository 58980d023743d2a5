//! Reads of access tokens.
use std::collections::HashMap;

use async_trait::async_trait;
use chrono::TimeDelta;

use super::store::Read;
use crate::Timestamp;
use crate::credential::Token;
use crate::grant::Grant;
use crate::ids::{GrantId, TargetId, TokenId};
use crate::presented::Presented;

/// Reads of access tokens.
#[async_trait]
pub trait Tokens {
    /// A token and its grant, where the record that it names has the hash of its exact bytes: the cold path of
    /// introspection, one indexed read.
    async fn token_presented(&self, token: Presented) -> Read<Option<(Token, Grant)>>;
    /// A token.
    async fn token(&self, id: TokenId) -> Read<Option<Token>>;
    /// Tokens of a grant, those that last longest first; of the same end, the newest.
    async fn tokens_of(&self, grant: GrantId, limit: u32) -> Read<Vec<Token>>;
    /// What the tokens of each of these grants come to at `now`; a grant that does not exist is left out.
    async fn live_tokens(&self, grants: &[GrantId], now: Timestamp) -> Read<HashMap<GrantId, LiveTokens>>;
    /// From when no token of the target lives longer than `life` and none that is over could still be accepted by its
    /// signature; none where it is so at `now`.
    async fn tokens_outlast(
        &self,
        target: TargetId,
        now: Timestamp,
        life: TimeDelta,
    ) -> Read<Option<Timestamp>>;
}

/// What the tokens of a grant come to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LiveTokens {
    /// How many are neither revoked nor expired.
    pub live: u64,
    /// The latest `expires_at` of any.
    pub last_exp: Option<Timestamp>,
    /// The latest [`Token::accepted_until`] of any; none where none had one.
    pub accepted_until: Option<Timestamp>,
}
