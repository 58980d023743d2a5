//! The security of one's own account.

use hallpass_broker::views::account::{AccountView, RecoveryCodesView, TotpEnrolView, TotpRemoveView};

use crate::markup::Html;

screen!(
    /// `GET /account`: password, second factor, sessions.
    index,
    Index,
    AccountView,
    "pages/account/index.html"
);
screen!(
    /// The answer that shows the recovery codes, once.
    recovery_codes,
    RecoveryCodes,
    RecoveryCodesView,
    "pages/account/recovery-codes.html"
);
screen!(
    /// `GET` and `POST /account/totp/remove`: take the authenticator app away.
    totp_remove,
    TotpRemove,
    TotpRemoveView,
    "pages/account/totp-remove.html"
);

#[derive(askama::Template)]
#[template(path = "pages/account/totp.html")]
struct Totp<'a> {
    p: crate::page::Page<'a>,
    m: &'a TotpEnrolView,
    qr: Option<Html>,
}

/// `GET` and `POST /account/totp`: enrol an authenticator app.
///
/// # Errors
/// Only if writing into the string fails.
pub fn totp(shell: &crate::Shell, model: &TotpEnrolView) -> Result<String, askama::Error> {
    let qr = crate::qr::svg(
        &model.otpauth_uri,
        "QR code for your authenticator app; the same secret stands below",
    );
    askama::Template::render(&Totp { p: crate::page::Page::new(shell), m: model, qr })
}
