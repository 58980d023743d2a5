//! What the account page shows: factors, sessions, command lines.
use hallpass_domain::Timestamp;
use hallpass_domain::account::{ApiToken, Session, Strength};
use hallpass_domain::refusal::Refusal;

use super::enrol_totp::step_time;
use super::visitor::is_open;
use crate::broker::{Broker, unreadable};
use crate::caller::HumanCaller;

/// The security of one's own account; no secret in it.
#[derive(Clone, Debug)]
pub struct AccountSecurity {
    /// When the password was last set; none where a new one must be set now.
    pub password_set_at: Option<Timestamp>,
    /// An authenticator app is enrolled.
    pub second_factor: bool,
    /// About when a code of it was last accepted (the begin of its 30 s step).
    pub totp_last_used_at: Option<Timestamp>,
    /// Recovery codes that are left.
    pub recovery_codes_left: usize,
    /// Open sessions, newest first.
    pub sessions: Vec<Session>,
    /// API tokens of command lines, neither revoked nor expired.
    pub api_tokens: Vec<ApiToken>,
}

impl Broker {
    /// The caller's own account.
    ///
    /// # Errors
    /// `NotFound` for somebody without a local account; `Unavailable` where the store cannot be read.
    pub async fn account_security(&self, caller: &HumanCaller) -> Result<AccountSecurity, Refusal> {
        let now = self.now();
        let account = self
            .store
            .account(caller.user)
            .await
            .map_err(unreadable)?
            .ok_or_else(|| Refusal::not_found("account"))?;
        let sessions = self.store.sessions_of(caller.user, now).await.map_err(unreadable)?;
        Ok(AccountSecurity {
            password_set_at: account.password_set_at,
            second_factor: account.totp_sealed.is_some(),
            totp_last_used_at: step_time(account.totp_last_step).filter(|_| account.totp_sealed.is_some()),
            recovery_codes_left: account.recovery_hashes.len(),
            sessions: sessions
                .into_iter()
                .filter(|s| {
                    s.strength >= Strength::Session && is_open(s, self.settings.session_idle_seconds, now)
                })
                .collect(),
            api_tokens: self.store.api_tokens_of(caller.user, now).await.map_err(unreadable)?,
        })
    }
}
