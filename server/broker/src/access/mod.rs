//! Proving who somebody is: sign-in and second factors, sessions, API tokens, the device flow, the first run.
//!
//! One file a verb; the pure rules stand in files of their own (`throttle`, `password_policy`, `totp`,
//! `recovery_codes`, `user_code`, `next_path`) and are tested with made-up times. Whatever proves something is
//! stored hashed or sealed, compared in constant time, and used up by compare-and-swap, so that two callers racing
//! with the same proof cannot both win. Everything that opens a session or issues a token moves the version of the
//! person's account: it cannot pass a change of the password that runs beside it.
//!
//! Standards: NIST SP 800-63B-4 (passwords, look-up secrets, throttling), RFC 6238 (TOTP), RFC 8628 (device flow),
//! RFC 6749 (clients), RFC 7009 (revocation of tokens), OWASP ASVS 5.0 chapters 6 and 7.
mod account_security;
mod api_tokens;
mod change_password;
mod choose_zone;
mod clients;
mod csrf;
mod device_answer;
mod device_ask;
mod device_find;
mod device_redeem;
mod disable_totp;
mod end_sessions;
mod enrol_totp;
mod factor;
mod factor_tries;
mod first_run;
mod known_browser;
mod next_path;
mod notices;
mod open_session;
mod password_policy;
mod password_pool;
mod pending_seed;
mod prepare_account;
mod recover_account;
mod recovery_codes;
mod renew_recovery_codes;
mod revoke_api_token;
mod second_factor;
mod sign_in;
mod step_up;
mod throttle;
mod totp;
mod unopened;
mod user_code;
mod visitor;
mod way_back;

use hallpass_domain::account::Session;
use hallpass_domain::ports::sealer::SealError;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::NoRandomness;

use crate::caller::Origin;

pub use account_security::AccountSecurity;
pub use api_tokens::IssuedApiToken;
pub use change_password::PasswordChanged;
pub use choose_zone::{Zones, zone_names};
pub use clients::{COMMAND_LINE_CLIENT, WORKLOAD_TOKEN_SECONDS};
pub use device_answer::DeviceAnswered;
pub use device_ask::{DEVICE_SECONDS, DeviceAsked};
pub use device_find::FoundDevice;
pub use enrol_totp::{TotpConfirmed, TotpEnrolment};
pub use factor::{ACCOUNTS, Factor, TOTP_PENDING, TOTP_SEALED};
pub use first_run::FIRST_RUN_CLAIM;
pub use next_path::next_path;
pub use open_session::NewSession;
pub use password_policy::{MAX_PASSWORD, MIN_PASSWORD, check_password};
pub use prepare_account::PreparedAccount;
pub use recover_account::{Recovered, Recovery};
pub use sign_in::{Admitted, SignInStep};
pub use step_up::{STEP_UP_SECONDS, StepUp};
pub use totp::shown_code;
pub use unopened::Unopened;
pub use visitor::{FRESH_SECONDS, Standing, Visitor};
pub use way_back::WAY_BACK_SECONDS;

use password_pool::PasswordPool;
use throttle::Throttle;

/// What proving needs in memory: the pool that hashes passwords, and the throttles. Both are bounded. Another
/// replica has its own, so limits hold per replica.
#[derive(Debug)]
pub struct Access {
    passwords: PasswordPool,
    throttle: Throttle,
}

impl Access {
    /// An idle pool and empty throttles.
    pub fn new() -> Self {
        Self { passwords: PasswordPool::new(), throttle: Throttle::new() }
    }
}

impl Default for Access {
    fn default() -> Self {
        Self::new()
    }
}

/// The browser that sent a form.
#[derive(Clone, Copy, Debug)]
pub struct Browser<'a> {
    /// Its session, signed in or not; the form's CSRF token was checked against it.
    pub session: &'a Session,
    /// `User-Agent` as sent; shown on the sessions page after cleaning.
    pub agent: &'a str,
    /// Value of the known-browser cookie, if it sent one.
    pub known_cookie: Option<&'a str>,
    /// Where it is.
    pub origin: &'a Origin,
}

/// Nothing secret can be made.
fn no_randomness(error: NoRandomness) -> Refusal {
    tracing::error!(%error, "no randomness");
    Refusal::unavailable(
        "no_randomness",
        "The server cannot make secrets right now, so nothing was changed. Tell whoever runs it.",
    )
}

/// A sealed value cannot be made or read.
fn unsealed(error: SealError) -> Refusal {
    tracing::error!(%error, "a stored secret cannot be sealed or opened");
    Refusal::unavailable(
        "key_unavailable",
        "The server cannot read its stored secrets right now. Tell whoever runs it.",
    )
}

/// Only somebody signed in may do this.
fn sign_in_first() -> Refusal {
    Refusal::new(Class::Unproven, "sign_in_needed", "Sign in first.")
}

/// The session was ended or replaced while the form was open.
fn session_over() -> Refusal {
    Refusal::new(
        Class::Unproven,
        "session_over",
        "Your session is over. Sign in again and repeat what you meant to do.",
    )
}
