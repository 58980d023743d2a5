//! Authentication material for a person who has none: for the first administrator and for whoever fills an installation.
use hallpass_domain::Timestamp;
use hallpass_domain::account::Account;
use hallpass_domain::principal::User;
use hallpass_domain::refusal::Refusal;
use secrecy::SecretString;

use super::factor::Seed;
use super::{no_randomness, recovery_codes, totp};
use crate::broker::Broker;

/// An account, not committed, with what belongs to its owner.
pub struct PreparedAccount {
    /// The row, to insert.
    pub account: Account,
    /// `otpauth://…`, where an authenticator app was wanted.
    pub otpauth_uri: Option<SecretString>,
    /// Recovery codes, where an authenticator app was wanted.
    pub recovery_codes: Vec<String>,
}

/// Keeps codes out of logs.
impl std::fmt::Debug for PreparedAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PreparedAccount").field("user", &self.account.user_id).finish_non_exhaustive()
    }
}

impl Broker {
    /// An account with a password, and an enrolled authenticator app if wanted. The password is not judged here: see
    /// [`super::check_password`].
    ///
    /// # Errors
    /// `Unavailable`: `busy`, without randomness, or without the key.
    pub async fn prepare_account(
        &self,
        user: &User,
        password: &SecretString,
        second_factor: bool,
        now: Timestamp,
    ) -> Result<PreparedAccount, Refusal> {
        let mut account = Account {
            user_id: user.id,
            password_hash: Some(self.access.passwords.hash(password).await?),
            totp_sealed: None,
            totp_pending: None,
            totp_last_step: 0,
            recovery_hashes: Vec::new(),
            password_set_at: Some(now),
            version: 1,
        };
        let (mut otpauth_uri, mut recovery_codes) = (None, Vec::new());
        if second_factor {
            let seed = totp::new_seed().map_err(no_randomness)?;
            account.totp_sealed = Some(self.seal_seed(user.id, Seed::Enrolled, &seed)?);
            (recovery_codes, account.recovery_hashes) = recovery_codes::new_set().map_err(no_randomness)?;
            otpauth_uri = Some(self.enrolment(user, &seed, false)?.otpauth_uri);
        }
        Ok(PreparedAccount { account, otpauth_uri, recovery_codes })
    }
}
