//! Accounts, sessions, devices, API tokens.
use async_trait::async_trait;
use diesel::prelude::*;
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Account, ApiToken, Device, Session};
use hallpass_domain::ids::{DeviceId, UserId};
use hallpass_domain::ports::accounts::Accounts;
use hallpass_domain::ports::store::Read;
use hallpass_domain::principal::User;
use hallpass_domain::secret::SecretHash;

use super::{many, one};
use crate::db::types::{Digest, Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::accounts::{AccountRow, ApiTokenRow, DeviceRow, SessionRow};
use crate::rows::people::UserRow;
use crate::schema::{accounts, api_tokens, devices, sessions, users};

#[async_trait]
impl Accounts for StoreHandle {
    async fn user_by_email(&self, email: &str) -> Read<Option<User>> {
        one!(self, UserRow, users::table.filter(users::email.eq(email)))
    }

    async fn account(&self, user: UserId) -> Read<Option<Account>> {
        one!(self, AccountRow, accounts::table.find(Uid(user.0)))
    }

    async fn session_by_hash(&self, hash: &SecretHash) -> Read<Option<Session>> {
        one!(self, SessionRow, sessions::table.filter(sessions::hash.eq(Digest(hash.0))))
    }

    async fn sessions_of(&self, user: UserId, now: Timestamp) -> Read<Vec<Session>> {
        many!(
            self,
            SessionRow,
            sessions::table
                .filter(sessions::user_id.eq(Some(Uid(user.0))))
                .filter(sessions::expires_at.gt(Ts(now)))
                .filter(sessions::ended_at.is_null())
                .order(sessions::id.desc())
        )
    }

    async fn device_by_code(&self, hash: &SecretHash) -> Read<Option<Device>> {
        one!(self, DeviceRow, devices::table.filter(devices::device_hash.eq(Digest(hash.0))))
    }

    async fn device_by_user_code(&self, hash: &SecretHash) -> Read<Option<Device>> {
        one!(self, DeviceRow, devices::table.filter(devices::user_code_hash.eq(Digest(hash.0))))
    }

    async fn device(&self, id: DeviceId) -> Read<Option<Device>> {
        one!(self, DeviceRow, devices::table.find(Uid(id.0)))
    }

    async fn api_token_by_hash(&self, hash: &SecretHash) -> Read<Option<ApiToken>> {
        one!(self, ApiTokenRow, api_tokens::table.filter(api_tokens::hash.eq(Digest(hash.0))))
    }

    async fn api_tokens_of(&self, user: UserId, now: Timestamp) -> Read<Vec<ApiToken>> {
        many!(
            self,
            ApiTokenRow,
            api_tokens::table
                .filter(api_tokens::user_id.eq(Some(Uid(user.0))))
                .filter(api_tokens::expires_at.gt(Ts(now)))
                .filter(api_tokens::revoked_at.is_null())
                .order(api_tokens::id.desc())
        )
    }
}
