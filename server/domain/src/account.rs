//! Accounts, sessions, devices and API tokens: how people and their command lines prove who they are.
use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::ids::{ApiTokenId, ClientId, DeviceId, SessionId, UserId};
use crate::secret::SecretHash;

/// Authentication material of a user.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Whose.
    pub user_id: UserId,
    /// Argon2id in PHC form; none until a password is set.
    pub password_hash: Option<String>,
    /// TOTP seed, sealed (text form); none where not enrolled.
    pub totp_sealed: Option<String>,
    /// Seed that is being enrolled and not yet confirmed, sealed.
    pub totp_pending: Option<String>,
    /// Last accepted TOTP step: a code works once (RFC 6238 §5.2).
    pub totp_last_step: i64,
    /// SHA-256 of unused recovery codes.
    pub recovery_hashes: Vec<SecretHash>,
    /// When the password was last set.
    pub password_set_at: Option<Timestamp>,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// How strongly somebody has proved who they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strength {
    /// Password alone; enough to be asked for the second factor.
    Password,
    /// Signed in, where no second factor is enrolled.
    Session,
    /// Signed in with a second factor.
    SecondFactor,
}

impl Strength {
    /// The word in the database and audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Session => "session",
            Self::SecondFactor => "second_factor",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Password, Self::Session, Self::SecondFactor].into_iter().find(|s| s.as_str() == text)
    }
}

/// A browser's session. The cookie's value is never stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// Identity, as shown on the sessions page.
    pub id: SessionId,
    /// SHA-256 of the cookie.
    pub hash: SecretHash,
    /// Whose; none before sign-in (a session exists to carry CSRF and `next`).
    pub user_id: Option<UserId>,
    /// How strong.
    pub strength: Strength,
    /// SHA-256 of the CSRF token bound to it.
    pub csrf: String,
    /// Local path to go on to after sign-in.
    pub next: Option<String>,
    /// Browser as it named itself, cleaned.
    pub agent: String,
    /// Network it was made from.
    pub network: String,
    /// When.
    pub created_at: Timestamp,
    /// Last use (coarse: moved at most once a minute).
    pub seen_at: Timestamp,
    /// Absolute end.
    pub expires_at: Timestamp,
    /// Ended by its owner or by a password change.
    pub ended_at: Option<Timestamp>,
    /// Wrong device codes typed in this session (five at most).
    pub device_tries: i32,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// State of a device authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeviceState {
    /// Waiting for the person.
    Pending,
    /// Allowed; the client may redeem it once.
    Allowed,
    /// Refused.
    Denied,
    /// Redeemed.
    Redeemed,
}

impl DeviceState {
    /// The word in the database and audit.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Allowed => "allowed",
            Self::Denied => "denied",
            Self::Redeemed => "redeemed",
        }
    }
    /// Reads [`Self::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Pending, Self::Allowed, Self::Denied, Self::Redeemed].into_iter().find(|s| s.as_str() == text)
    }
}

/// A device authorization (RFC 8628).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Device {
    /// Identity.
    pub id: DeviceId,
    /// SHA-256 of the device code.
    pub device_hash: SecretHash,
    /// SHA-256 of the canonical user code.
    pub user_code_hash: SecretHash,
    /// The client that asked.
    pub client_id: ClientId,
    /// Network it asked from.
    pub network: String,
    /// Name of the machine, as the client gave it, cleaned.
    pub machine: String,
    /// State.
    pub state: DeviceState,
    /// Who allowed it.
    pub user_id: Option<UserId>,
    /// When it was asked.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Seconds between polls; grows by five at each `slow_down`.
    pub interval: i32,
    /// Last poll.
    pub polled_at: Option<Timestamp>,
    /// Compare-and-swap counter.
    pub version: i64,
}

/// An opaque token for Hallpass's own API (never a target token).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ApiToken {
    /// Identity.
    pub id: ApiTokenId,
    /// SHA-256 of the token.
    pub hash: SecretHash,
    /// A person's, by device flow …
    pub user_id: Option<UserId>,
    /// … through this client; or a workload's own, by client credentials.
    pub client_id: ClientId,
    /// Label on the account page.
    pub label: String,
    /// When it was issued.
    pub created_at: Timestamp,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was revoked.
    pub revoked_at: Option<Timestamp>,
    /// Compare-and-swap counter.
    pub version: i64,
}
