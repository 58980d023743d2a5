//! Authentication material, sessions, devices, API tokens.
use diesel::prelude::*;
use hallpass_domain::account::{Account, ApiToken, Device, DeviceState, Session, Strength};
use hallpass_domain::ids::{ApiTokenId, ClientId, DeviceId, SessionId, UserId};
use hallpass_domain::secret::SecretHash;

use super::{BadRow, Row};
use crate::db::types::{Digest, Json, Ts, Uid, Word};
use crate::schema::{accounts, api_tokens, devices, sessions};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = accounts, primary_key(user_id), treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct AccountRow {
    pub(crate) user_id: Uid,
    pub(crate) password_hash: Option<String>,
    pub(crate) totp_sealed: Option<String>,
    pub(crate) totp_pending: Option<String>,
    pub(crate) totp_last_step: i64,
    pub(crate) recovery_hashes: Json<Vec<SecretHash>>,
    pub(crate) password_set_at: Option<Ts>,
    pub(crate) version: i64,
}

impl From<&Account> for AccountRow {
    fn from(n: &Account) -> Self {
        Self {
            user_id: Uid(n.user_id.0),
            password_hash: n.password_hash.clone(),
            totp_sealed: n.totp_sealed.clone(),
            totp_pending: n.totp_pending.clone(),
            totp_last_step: n.totp_last_step,
            recovery_hashes: Json(n.recovery_hashes.clone()),
            password_set_at: n.password_set_at.map(Ts),
            version: n.version,
        }
    }
}
impl Row for AccountRow {
    type Noun = Account;
    fn noun(self) -> Result<Account, BadRow> {
        Ok(Account {
            user_id: UserId(self.user_id.0),
            password_hash: self.password_hash,
            totp_sealed: self.totp_sealed,
            totp_pending: self.totp_pending,
            totp_last_step: self.totp_last_step,
            recovery_hashes: self.recovery_hashes.0,
            password_set_at: self.password_set_at.map(|at| at.0),
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = sessions, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct SessionRow {
    pub(crate) id: Uid,
    pub(crate) hash: Digest,
    pub(crate) user_id: Option<Uid>,
    pub(crate) strength: Word<Strength>,
    pub(crate) csrf: String,
    pub(crate) next: Option<String>,
    pub(crate) agent: String,
    pub(crate) network: String,
    pub(crate) created_at: Ts,
    pub(crate) seen_at: Ts,
    pub(crate) expires_at: Ts,
    pub(crate) ended_at: Option<Ts>,
    pub(crate) device_tries: i32,
    pub(crate) version: i64,
}

impl From<&Session> for SessionRow {
    fn from(n: &Session) -> Self {
        Self {
            id: Uid(n.id.0),
            hash: Digest(n.hash.0),
            user_id: n.user_id.map(|id| Uid(id.0)),
            strength: Word(n.strength),
            csrf: n.csrf.clone(),
            next: n.next.clone(),
            agent: n.agent.clone(),
            network: n.network.clone(),
            created_at: Ts(n.created_at),
            seen_at: Ts(n.seen_at),
            expires_at: Ts(n.expires_at),
            ended_at: n.ended_at.map(Ts),
            device_tries: n.device_tries,
            version: n.version,
        }
    }
}
impl Row for SessionRow {
    type Noun = Session;
    fn noun(self) -> Result<Session, BadRow> {
        Ok(Session {
            id: SessionId(self.id.0),
            hash: SecretHash(self.hash.0),
            user_id: self.user_id.map(|id| UserId(id.0)),
            strength: self.strength.0,
            csrf: self.csrf,
            next: self.next,
            agent: self.agent,
            network: self.network,
            created_at: self.created_at.0,
            seen_at: self.seen_at.0,
            expires_at: self.expires_at.0,
            ended_at: self.ended_at.map(|at| at.0),
            device_tries: self.device_tries,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = devices, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct DeviceRow {
    pub(crate) id: Uid,
    pub(crate) device_hash: Digest,
    pub(crate) user_code_hash: Digest,
    pub(crate) client_id: Uid,
    pub(crate) network: String,
    pub(crate) machine: String,
    pub(crate) state: Word<DeviceState>,
    pub(crate) user_id: Option<Uid>,
    pub(crate) created_at: Ts,
    pub(crate) expires_at: Ts,
    pub(crate) poll_seconds: i32,
    pub(crate) polled_at: Option<Ts>,
    pub(crate) version: i64,
}

impl From<&Device> for DeviceRow {
    fn from(n: &Device) -> Self {
        Self {
            id: Uid(n.id.0),
            device_hash: Digest(n.device_hash.0),
            user_code_hash: Digest(n.user_code_hash.0),
            client_id: Uid(n.client_id.0),
            network: n.network.clone(),
            machine: n.machine.clone(),
            state: Word(n.state),
            user_id: n.user_id.map(|id| Uid(id.0)),
            created_at: Ts(n.created_at),
            expires_at: Ts(n.expires_at),
            poll_seconds: n.interval,
            polled_at: n.polled_at.map(Ts),
            version: n.version,
        }
    }
}
impl Row for DeviceRow {
    type Noun = Device;
    fn noun(self) -> Result<Device, BadRow> {
        Ok(Device {
            id: DeviceId(self.id.0),
            device_hash: SecretHash(self.device_hash.0),
            user_code_hash: SecretHash(self.user_code_hash.0),
            client_id: ClientId(self.client_id.0),
            network: self.network,
            machine: self.machine,
            state: self.state.0,
            user_id: self.user_id.map(|id| UserId(id.0)),
            created_at: self.created_at.0,
            expires_at: self.expires_at.0,
            interval: self.poll_seconds,
            polled_at: self.polled_at.map(|at| at.0),
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = api_tokens, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct ApiTokenRow {
    pub(crate) id: Uid,
    pub(crate) hash: Digest,
    pub(crate) user_id: Option<Uid>,
    pub(crate) client_id: Uid,
    pub(crate) label: String,
    pub(crate) created_at: Ts,
    pub(crate) expires_at: Ts,
    pub(crate) revoked_at: Option<Ts>,
    pub(crate) version: i64,
}

impl From<&ApiToken> for ApiTokenRow {
    fn from(n: &ApiToken) -> Self {
        Self {
            id: Uid(n.id.0),
            hash: Digest(n.hash.0),
            user_id: n.user_id.map(|id| Uid(id.0)),
            client_id: Uid(n.client_id.0),
            label: n.label.clone(),
            created_at: Ts(n.created_at),
            expires_at: Ts(n.expires_at),
            revoked_at: n.revoked_at.map(Ts),
            version: n.version,
        }
    }
}
impl Row for ApiTokenRow {
    type Noun = ApiToken;
    fn noun(self) -> Result<ApiToken, BadRow> {
        Ok(ApiToken {
            id: ApiTokenId(self.id.0),
            hash: SecretHash(self.hash.0),
            user_id: self.user_id.map(|id| UserId(id.0)),
            client_id: ClientId(self.client_id.0),
            label: self.label,
            created_at: self.created_at.0,
            expires_at: self.expires_at.0,
            revoked_at: self.revoked_at.map(|at| at.0),
            version: self.version,
        })
    }
}
