//! The security of one's own account.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::FieldError;

/// The page `/account`.
#[derive(Debug, Clone, Serialize)]
pub struct AccountView {
    /// When the password was last changed.
    pub password_changed_at: Option<DateTime<Utc>>,
    /// The second factor, if one is enrolled.
    pub totp: Option<TotpState>,
    /// Sessions of browsers and commands, the current one first.
    pub sessions: Vec<SessionRow>,
    /// The time zone.
    pub zone: ZoneForm,
    /// Mistakes, with the field names of the form that was sent.
    pub errors: Vec<FieldError>,
}

/// The form of one's own time zone.
#[derive(Debug, Clone, Serialize)]
pub struct ZoneForm {
    /// What stands in the field: what was typed, else what was chosen; empty for the catalogue's.
    pub typed: String,
    /// What the catalogue says.
    pub of_catalogue: String,
    /// Names to choose from.
    pub names: Vec<String>,
}

/// The enrolled second factor.
#[derive(Debug, Clone, Serialize)]
pub struct TotpState {
    /// When it was last used.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Recovery codes that are left.
    pub recovery_codes_left: i64,
}

/// One session.
#[derive(Debug, Clone, Serialize)]
pub struct SessionRow {
    /// Id (not the cookie's value).
    pub id: String,
    /// `browser` or `command`.
    pub kind: String,
    /// What it is, such as "Firefox on Linux" or "hallpass on build-7".
    pub device: String,
    /// Network address.
    pub address: String,
    /// `session` or `step-up`.
    pub strength: String,
    /// When it began.
    pub since: DateTime<Utc>,
    /// When it was last used, where that is kept: not of a command's token.
    pub last_used_at: Option<DateTime<Utc>>,
    /// The session that asks.
    pub current: bool,
}

/// The page `/account/totp/remove`.
#[derive(Debug, Clone, Serialize)]
pub struct TotpRemoveView {
    /// Mistakes, with the field names of the form that was sent.
    pub errors: Vec<FieldError>,
}

/// The page `/account/totp`: enrolment.
#[derive(Clone)]
pub struct TotpEnrolView {
    /// The `otpauth://` address that the QR code holds.
    pub otpauth_uri: String,
    /// The secret in base32, in groups of four, for typing.
    pub secret_base32: String,
    /// Replaces a factor that is enrolled already.
    pub replaces: bool,
    /// Mistakes.
    pub errors: Vec<FieldError>,
}

/// Keeps the seed out of logs.
impl std::fmt::Debug for TotpEnrolView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TotpEnrolView").field("replaces", &self.replaces).finish_non_exhaustive()
    }
}

/// The answer to a successful enrolment, or to a renewal of the codes: shown once.
#[derive(Clone)]
pub struct RecoveryCodesView {
    /// The codes.
    pub codes: Vec<String>,
    /// The second factor was just enrolled (otherwise only the codes are new).
    pub enrolled_now: bool,
}

/// Keeps the codes out of logs.
impl std::fmt::Debug for RecoveryCodesView {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecoveryCodesView").field("codes", &self.codes.len()).finish_non_exhaustive()
    }
}
