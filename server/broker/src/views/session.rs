//! Getting in: sign-in, second factor, device codes and the first run.

use chrono::{DateTime, Utc};
use serde::Serialize;

use super::page::FieldError;

/// The page `/sign-in`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SignInView {
    /// Email as typed; the password is never kept.
    pub email: String,
    /// Mistakes: one sentence for all of them, so that it tells nothing about the account.
    pub errors: Vec<FieldError>,
    /// Why one has to sign in, such as "Sign in to open this link."
    pub why: Option<String>,
}

/// The page `/sign-in/second-factor`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SecondFactorView {
    /// Email of the account whose password was right.
    pub email: String,
    /// Mistakes; the field is `totp` or `recovery_code`.
    pub errors: Vec<FieldError>,
    /// Show the form for a recovery code opened.
    pub recovery_open: bool,
}

/// The page `/device`: type the code that the command shows.
#[derive(Debug, Clone, Default, Serialize)]
pub struct DeviceView {
    /// What was typed.
    pub user_code: String,
    /// Mistakes.
    pub errors: Vec<FieldError>,
    /// Tries left in this session.
    pub tries_left: i64,
}

/// The page that shows what asks, before it is allowed.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceConfirmView {
    /// Handle of this ask, bound to the session; the form's field `device`.
    pub device: String,
    /// The code, as the command shows it.
    pub user_code: String,
    /// Name of the client.
    pub client: String,
    /// Network address that asked.
    pub address: String,
    /// Where that is, as far as known; empty if not.
    pub place: String,
    /// When it asked.
    pub asked_at: DateTime<Utc>,
    /// When the code lapses.
    pub lapses_at: DateTime<Utc>,
    /// What the client will be able to do, in sentences.
    pub abilities: Vec<String>,
}

/// The page after the answer.
#[derive(Debug, Clone, Serialize)]
pub struct DeviceDoneView {
    /// Whether it was allowed.
    pub allowed: bool,
    /// Name of the client.
    pub client: String,
}

/// The page `/first-run`.
#[derive(Debug, Clone, Default, Serialize)]
pub struct FirstRunView {
    /// Where the claim secret stands, such as the path of the file.
    pub claim_hint: String,
    /// When the secret lapses.
    pub lapses_at: Option<DateTime<Utc>>,
    /// Name as typed.
    pub name: String,
    /// Email as typed.
    pub email: String,
    /// Mistakes.
    pub errors: Vec<FieldError>,
}
