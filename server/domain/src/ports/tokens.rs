//! Reads of access tokens.
use async_trait::async_trait;

use super::store::Read;
use crate::Timestamp;
use crate::credential::Token;
use crate::grant::Grant;
use crate::ids::{GrantId, TokenId};
use crate::secret::SecretHash;

/// Reads of access tokens.
#[async_trait]
pub trait Tokens {
    /// A token and its grant, by the hash of its exact bytes: the cold path of introspection, one indexed read.
    async fn token_by_hash(&self, hash: &SecretHash) -> Read<Option<(Token, Grant)>>;
    /// A token.
    async fn token(&self, id: TokenId) -> Read<Option<Token>>;
    /// Tokens of a grant, those that last longest first; of the same end, the newest.
    async fn tokens_of(&self, grant: GrantId, limit: u32) -> Read<Vec<Token>>;
    /// How many tokens of a grant are unrevoked and unexpired at `now`, and the latest `expires_at` of any of the grant's tokens.
    async fn live_tokens(&self, grant: GrantId, now: Timestamp) -> Read<(u64, Option<Timestamp>)>;
}
