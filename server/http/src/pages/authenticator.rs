//! The authenticator app of one's own account: set up, replaced, removed.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::access::{Browser, Factor};
use hallpass_broker::views::account::{RecoveryCodesView, TotpEnrolView, TotpRemoveView};
use hallpass_broker::views::page::FieldError;
use hallpass_domain::refusal::{Class, Refusal};
use secrecy::{ExposeSecret as _, SecretString};

use super::account::{at_field, from_browser, with_session};
use super::forms::Form;
use super::visit::{Visit, visit};
use crate::AppState;

/// The second factor in a form that takes either; nothing where both fields are empty.
pub(super) fn factor(form: &Form) -> Option<Factor<'_>> {
    let (code, recovery) = (form.get("totp").trim(), form.get("recovery_code").trim());
    match (code, recovery) {
        ("", "") => None,
        (code, "") => Some(Factor::Totp(code)),
        (_, recovery) => Some(Factor::RecoveryCode(recovery)),
    }
}

/// The enrolment as it stands: with the pending seed, or without one asking for what starts it.
async fn enrol_page(
    v: &Visit<'_>,
    status: StatusCode,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Refusal> {
    let human = v.human()?;
    let view = match from_browser!(v, |from| v.state.broker.pending_totp(from).await) {
        Ok(e) => TotpEnrolView {
            otpauth_uri: e.otpauth_uri.expose_secret().to_owned(),
            secret_base32: e.secret_base32.expose_secret().to_owned(),
            replaces: e.replaces,
            errors,
        },
        Err(refusal) if refusal.class == Class::Conflict => {
            let replaces = v.state.broker.account_security(&human).await?.second_factor;
            TotpEnrolView { otpauth_uri: String::new(), secret_base32: String::new(), replaces, errors }
        }
        Err(refusal) => return Err(refusal),
    };
    Ok(v.html(status, hallpass_views::account::totp(&v.shell().await, &view)))
}

/// GET /account/totp
pub async fn enrol_form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| enrol_page(&v, StatusCode::OK, Vec::new()).await)
}

/// POST /account/totp: first with the password (begins), then with a code (confirms).
pub async fn enrol(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let begins = from_browser!(v, |from| v.state.broker.pending_totp(from).await).is_err();
        let (refusal, field) = if begins {
            let password = SecretString::from(form.get("current_password").to_owned());
            match from_browser!(v, |from| v.state.broker.start_totp(from, &password, factor(&form)).await) {
                Ok(_) => return Ok(v.redirect("/account/totp", None)),
                Err(refusal) => (refusal, "current_password"),
            }
        } else {
            let code = form.get("totp").trim();
            match from_browser!(v, |from| v.state.broker.confirm_totp(from, code).await) {
                Ok(done) => {
                    let view = RecoveryCodesView { codes: done.recovery_codes, enrolled_now: true };
                    let answer = v.page(hallpass_views::account::recovery_codes(&v.shell().await, &view));
                    return Ok(with_session(&v, answer, &done.opened));
                }
                Err(refusal) => (refusal, "totp"),
            }
        };
        let (status, errors) = at_field(refusal, field)?;
        enrol_page(&v, status, errors).await
    })
}

async fn remove_page(
    v: &Visit<'_>,
    status: StatusCode,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Refusal> {
    if !v.state.broker.account_security(&v.human()?).await?.second_factor {
        return Ok(v.redirect("/account", Some(("info", "There is no authenticator app to remove."))));
    }
    let view = TotpRemoveView { errors };
    Ok(v.html(status, hallpass_views::account::totp_remove(&v.shell().await, &view)))
}

/// GET /account/totp/remove
pub async fn remove_form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| remove_page(&v, StatusCode::OK, Vec::new()).await)
}

/// POST /account/totp/remove
pub async fn remove(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let password = SecretString::from(form.get("current_password").to_owned());
        // No wrong code, only none: it costs no try, and nobody is warned.
        let Some(factor) = factor(&form) else {
            let message = "Give a code of the app, or one of your recovery codes.".to_owned();
            let errors = vec![FieldError { field: "totp".to_owned(), message }];
            return remove_page(&v, StatusCode::UNPROCESSABLE_ENTITY, errors).await;
        };
        match from_browser!(v, |from| v.state.broker.disable_totp(from, &password, factor).await) {
            Ok(opened) => {
                let said = "The authenticator app is removed. Your other browsers are signed out.";
                Ok(with_session(&v, v.redirect("/account", Some(("good", said))), &opened))
            }
            Err(refusal) => {
                let (status, errors) = at_field(refusal, "current_password")?;
                remove_page(&v, status, errors).await
            }
        }
    })
}
