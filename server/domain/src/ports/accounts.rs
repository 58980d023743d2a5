//! Reads of accounts, sessions, devices and API tokens.
use async_trait::async_trait;

use super::store::Read;
use crate::account::{Account, ApiToken, Device, Session};
use crate::ids::{DeviceId, UserId};
use crate::principal::User;
use crate::secret::SecretHash;

/// Reads of accounts, sessions, devices and API tokens.
#[async_trait]
pub trait Accounts {
    /// A person by address.
    async fn user_by_email(&self, email: &str) -> Read<Option<User>>;
    /// Authentication material of a person.
    async fn account(&self, user: UserId) -> Read<Option<Account>>;
    /// A session by the hash of its cookie, whatever its state.
    async fn session_by_hash(&self, hash: &SecretHash) -> Read<Option<Session>>;
    /// A person's sessions that are neither ended nor expired at `now`, newest first.
    async fn sessions_of(&self, user: UserId, now: crate::Timestamp) -> Read<Vec<Session>>;
    /// A device authorization by the hash of its device code.
    async fn device_by_code(&self, hash: &SecretHash) -> Read<Option<Device>>;
    /// A device authorization by the hash of its user code (canonical form).
    async fn device_by_user_code(&self, hash: &SecretHash) -> Read<Option<Device>>;
    /// A device authorization.
    async fn device(&self, id: DeviceId) -> Read<Option<Device>>;
    /// An API token by its hash.
    async fn api_token_by_hash(&self, hash: &SecretHash) -> Read<Option<ApiToken>>;
    /// A person's unrevoked, unexpired API tokens.
    async fn api_tokens_of(&self, user: UserId, now: crate::Timestamp) -> Read<Vec<ApiToken>>;
}
