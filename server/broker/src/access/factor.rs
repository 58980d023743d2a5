//! Second factors: a code of the authenticator app, or a recovery code. Either is used up by being right.
use hallpass_domain::Timestamp;
use hallpass_domain::account::Account;
use hallpass_domain::audit::event::Event;
use hallpass_domain::ids::{SessionId, UserId};
use hallpass_domain::ports::sealer::SealedAt;
use hallpass_domain::principal::{Principal, User};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::transition::Transition;
use secrecy::SecretString;
use serde_json::json;

use super::notices::{Notice, Place, notice};
use super::open_session::moved;
use super::throttle::Bucket;
use super::{recovery_codes, totp, unsealed};
use crate::broker::{Broker, uncommitted};
use crate::caller::Origin;
use crate::events::event;

/// A second factor as somebody typed it.
#[derive(Clone, Copy)]
pub enum Factor<'a> {
    /// Six digits of the authenticator app (RFC 6238); the form's field `totp`.
    Totp(&'a str),
    /// One of the recovery codes; the form's field `recovery_code`.
    RecoveryCode(&'a str),
}

/// Keeps codes out of logs.
impl std::fmt::Debug for Factor<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.word())
    }
}

impl Factor<'_> {
    /// The word in audit.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Totp(_) => "totp",
            Self::RecoveryCode(_) => "recovery_code",
        }
    }

    /// The refusal of this factor. Wrong, used and expired codes read alike.
    pub(super) fn refused(self) -> Refusal {
        let message = match self {
            Self::Totp(_) => {
                "That code is not right, or it was used already. Wait for the next one in your app and type that."
            }
            Self::RecoveryCode(_) => {
                "That is none of your unused recovery codes. Each works once; check it, or use another one."
            }
        };
        Refusal {
            field: Some(self.word()),
            ..Refusal::new(Class::Unproven, "second_factor_refused", message)
        }
    }
}

/// Table and columns that seeds are bound to; the row is the person's id.
pub const ACCOUNTS: &str = "accounts";
/// An enrolled seed.
pub const TOTP_SEALED: &str = "totp_sealed";
/// One that waits for its first code.
pub const TOTP_PENDING: &str = "totp_pending";

/// The column that a seed is sealed for: a pending one does not open as an enrolled one.
#[derive(Clone, Copy)]
pub(super) enum Seed {
    Enrolled,
    Pending,
}

fn with_place<T>(user: UserId, seed: Seed, act: impl FnOnce(SealedAt<'_>) -> T) -> T {
    let column = match seed {
        Seed::Enrolled => TOTP_SEALED,
        Seed::Pending => TOTP_PENDING,
    };
    act(SealedAt { table: ACCOUNTS, row: &user.to_string(), column })
}

/// Why a second factor was asked for; the word in audit.
#[derive(Clone, Copy)]
pub(super) struct Purpose(pub(super) &'static str);

impl Broker {
    /// Seals a seed for its place in the account.
    pub(super) fn seal_seed(
        &self,
        user: UserId,
        seed: Seed,
        clear: &SecretString,
    ) -> Result<String, Refusal> {
        with_place(user, seed, |at| self.sealer.seal(at, clear)).map_err(unsealed)
    }

    /// Opens a seed.
    pub(super) fn open_seed(&self, user: UserId, seed: Seed, sealed: &str) -> Result<SecretString, Refusal> {
        with_place(user, seed, |at| self.sealer.open(at, sealed)).map_err(unsealed)
    }

    /// The account after `factor` was used up, or nothing if it is not right. Committing it is what uses it up: of two
    /// callers with the same code, the second finds another version, decides again, and is refused.
    pub(super) fn use_factor(
        &self,
        account: &Account,
        factor: Factor<'_>,
        now: Timestamp,
    ) -> Result<Option<Account>, Refusal> {
        let Some(sealed) = &account.totp_sealed else { return Ok(None) };
        let mut account = moved(account);
        match factor {
            Factor::Totp(code) => {
                let seed = self.open_seed(account.user_id, Seed::Enrolled, sealed)?;
                let Some(step) = totp::accepted_step(&seed, code, account.totp_last_step, now) else {
                    return Ok(None);
                };
                account.totp_last_step = step;
            }
            Factor::RecoveryCode(code) => {
                let Some(left) = recovery_codes::use_up(&account.recovery_hashes, code) else {
                    return Ok(None);
                };
                account.recovery_hashes = left;
            }
        }
        Ok(Some(account))
    }

    /// Records a wrong second factor. After several (`warns`) the person is warned, a few times a day at most: whoever
    /// guesses here has the password.
    pub(super) async fn refuse_factor(
        &self,
        user: &User,
        session: SessionId,
        purpose: Purpose,
        factor: Factor<'_>,
        warns: bool,
        origin: Option<&Origin>,
    ) -> Refusal {
        let now = self.now();
        let refused = event(
            now,
            "second_factor.refused",
            Principal::User(user.id).to_string(),
            &[("user", user.id.to_string()), ("session", session.to_string())],
            json!({ "for": purpose.0, "factor": factor.word() }),
            where_from(origin),
        );
        let mut transition = Transition::new(now).event(refused);
        if warns && self.access.throttle.take(&[Bucket::Warning { user: user.id }], now).is_ok() {
            transition = transition.mails([notice(now, user, origin.map_or(Place::Session, Place::At), Notice {
                subject: "Wrong second factors for your account",
                headline: "Somebody who got past your password gave several wrong codes.".to_owned(),
                facts: Vec::new(),
                advice: "If this was not you, somebody knows your password: change it now, on your account page.",
            })]);
        }
        match self.commit(transition).await {
            Ok(()) => factor.refused(),
            Err(error) => uncommitted(error),
        }
    }
}

/// The private part of an event about something done from `origin`.
pub(super) fn where_from(origin: Option<&Origin>) -> serde_json::Value {
    origin.map_or_else(|| json!({}), |o| json!({ "address": o.address.to_string() }))
}

/// The event of a second factor that was right.
pub(super) fn accepted(
    now: Timestamp,
    user: UserId,
    session: SessionId,
    purpose: Purpose,
    factor: Factor<'_>,
    left: usize,
    origin: Option<&Origin>,
) -> Event {
    let subjects = [("user", user.to_string()), ("session", session.to_string())];
    let (kind, data) = match factor {
        Factor::Totp(_) => ("second_factor.accepted", json!({ "for": purpose.0, "factor": factor.word() })),
        Factor::RecoveryCode(_) => ("recovery_code.used", json!({ "for": purpose.0, "left": left })),
    };
    event(now, kind, Principal::User(user).to_string(), &subjects, data, where_from(origin))
}
