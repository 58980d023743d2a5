//! Sign-in, second factor, sign-out.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::access::{Admitted, Browser, Factor, NewSession, SignInStep, Standing, Visitor};
use hallpass_broker::views::page::FieldError;
use hallpass_broker::views::session::{SecondFactorView, SignInView};
use hallpass_domain::refusal::{Class, Refusal};
use secrecy::SecretString;

use super::authenticator::factor;
use super::forms::Form;
use super::visit::{Visit, visit};
use crate::AppState;
use crate::session::CookieOf;

/// GET /sign-in
pub async fn form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        if v.visitor.as_ref().and_then(Visitor::user).is_some()
            && v.visitor.as_ref().is_some_and(|x| x.session.next.is_none())
            && v.next_of_cookie().is_none()
        {
            return Ok(v.redirect("/", None));
        }
        page(&v, None, StatusCode::OK, SignInView::default()).await
    })
}

/// The page, with a cookie that its CSRF token is bound to: that of the session which was opened for a try that failed,
/// or one for which there is none.
async fn page(
    v: &Visit<'_>,
    opened: Option<&NewSession>,
    status: StatusCode,
    view: SignInView,
) -> Result<HttpResponse, Refusal> {
    let mut shell = v.shell().await;
    shell.person = None;
    let (csrf, cookie) = match opened {
        Some(opened) => (opened.csrf.clone(), Some(v.session_cookie(opened))),
        None => v.unopened()?,
    };
    shell.csrf = csrf;
    let mut answer = v.html(status, hallpass_views::session::sign_in(&shell, &view));
    if let Some(cookie) = cookie {
        let _ = answer.add_cookie(&cookie);
    }
    Ok(answer)
}

/// POST /sign-in
pub async fn submit(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let form = Form::read(&body);
        let (email, password) =
            (form.get("email").to_owned(), SecretString::from(form.get("password").to_owned()));
        let again = |message: String, field: &str| SignInView {
            email: email.clone(),
            errors: vec![FieldError { field: field.to_owned(), message }],
            why: None,
        };
        if v.check_form(form.get("csrf")).is_err() {
            return page(
                &v,
                None,
                StatusCode::FORBIDDEN,
                again("This form had expired. Try once more.".to_owned(), ""),
            )
            .await;
        }
        let (session, opened) = v.session_to_sign_in().await?;
        let (agent, known) = (v.agent(), v.known_cookie());
        let from =
            Browser { session: &session, agent: &agent, known_cookie: known.as_deref(), origin: &v.origin };
        match v.state.broker.sign_in(from, &email, &password).await {
            Ok(admitted) => Ok(admit(&v, admitted)),
            Err(refusal) if refusal.class == Class::Unavailable => Err(refusal),
            Err(refusal) => {
                let status = crate::problem::status_of(refusal.class);
                page(&v, opened.as_ref(), status, again(refusal.message, "")).await
            }
        }
    })
}

/// Goes on after a proof: to the second factor, to a new password, or to where they were going.
fn admit(v: &Visit<'_>, admitted: Admitted) -> HttpResponse {
    let to = match admitted.step {
        SignInStep::SecondFactor => "/sign-in/second-factor".to_owned(),
        SignInStep::Done { set_password: true } => "/account".to_owned(),
        SignInStep::Done { set_password: false } => admitted.next.clone().unwrap_or_else(|| "/".to_owned()),
    };
    let notice = matches!(admitted.step, SignInStep::Done { set_password: true })
        .then_some(("warn", "Set a new password now: the one you used worked once."));
    let mut answer = v.redirect(&to, notice);
    let _ = answer.add_cookie(&v.session_cookie(&admitted.opened));
    if let Some(taken) = v.next_taken() {
        let _ = answer.add_cookie(&taken);
    }
    if let Some(known) = &admitted.known_cookie {
        let _ = answer.add_cookie(&v.known_browser_cookie(known));
    }
    answer
}

/// GET /sign-in/second-factor
pub async fn second_factor_form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| factor_page(&v, StatusCode::OK, Vec::new()).await)
}

async fn factor_page(
    v: &Visit<'_>,
    status: StatusCode,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Refusal> {
    let Some(Standing::NeedsSecondFactor(user)) = v.visitor.as_ref().map(|x| &x.standing) else {
        return Ok(v.redirect("/sign-in", None));
    };
    let recovery_open = errors.iter().any(|e| e.field == "recovery_code");
    let view = SecondFactorView { email: user.email.to_string(), errors, recovery_open };
    let shell = v.shell().await;
    Ok(v.html(status, hallpass_views::session::second_factor(&shell, &view)))
}

/// POST /sign-in/second-factor
pub async fn second_factor(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let Some(visitor) = v.visitor.as_ref() else { return Ok(v.redirect("/sign-in", None)) };
        let (agent, known) = (v.agent(), v.known_cookie());
        let from = Browser {
            session: &visitor.session,
            agent: &agent,
            known_cookie: known.as_deref(),
            origin: &v.origin,
        };
        let factor = factor(&form).unwrap_or(Factor::Totp(""));
        match v.state.broker.second_factor(from, factor).await {
            Ok(admitted) => Ok(admit(&v, admitted)),
            Err(refusal) if refusal.class == Class::Unavailable || refusal.code == "session_over" => {
                Err(refusal)
            }
            Err(refusal) => {
                let field = refusal.field.unwrap_or("totp").to_owned();
                factor_page(
                    &v,
                    crate::problem::status_of(refusal.class),
                    vec![FieldError { field, message: refusal.message }],
                )
                .await
            }
        }
    })
}

/// POST /sign-out
pub async fn sign_out(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.check_form(Form::read(&body).get("csrf"))?;
        if let Some(visitor) = &v.visitor {
            v.state.broker.sign_out(&visitor.session).await?;
        }
        let mut answer = v.redirect("/sign-in", Some(("info", "You are signed out.")));
        let _ = answer.add_cookie(&CookieOf::Session.cleared(&v.state.config));
        Ok(answer)
    })
}
