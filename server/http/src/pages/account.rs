//! Security of one's own account; the authenticator app has a file of its own.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::access::{Browser, Factor, NewSession, zone_names};
use hallpass_broker::views::account::{AccountView, RecoveryCodesView, SessionRow, TotpState, ZoneForm};
use hallpass_broker::views::page::FieldError;
use hallpass_domain::account::Strength;
use hallpass_domain::refusal::{Class, Refusal};
use secrecy::SecretString;

use super::forms::Form;
use super::visit::{Visit, visit};
use crate::AppState;

async fn view(v: &Visit<'_>, errors: Vec<FieldError>, zone: Option<String>) -> Result<AccountView, Refusal> {
    let human = v.human()?;
    let zones = v.state.broker.zones(&human).await?;
    let security = v.state.broker.account_security(&human).await?;
    let mut sessions: Vec<SessionRow> = security
        .sessions
        .iter()
        .map(|s| SessionRow {
            id: s.id.to_string(),
            kind: "browser".to_owned(),
            device: browser_of(&s.agent),
            address: s.network.clone(),
            strength: if s.strength == Strength::SecondFactor { "step-up" } else { "session" }.to_owned(),
            since: s.created_at,
            last_used_at: Some(s.seen_at),
            current: Some(s.id) == human.session(),
        })
        .collect();
    sessions.extend(security.api_tokens.iter().map(|t| SessionRow {
        id: t.id.to_string(),
        kind: "command".to_owned(),
        device: t.label.clone(),
        address: String::new(),
        strength: "session".to_owned(),
        since: t.created_at,
        last_used_at: None,
        current: false,
    }));
    Ok(AccountView {
        password_changed_at: security.password_set_at,
        totp: security.second_factor.then(|| TotpState {
            last_used_at: security.totp_last_used_at,
            recovery_codes_left: i64::try_from(security.recovery_codes_left).unwrap_or(0),
        }),
        sessions,
        zone: ZoneForm {
            typed: zone.or(zones.chosen).unwrap_or_default(),
            of_catalogue: zones.of_catalogue,
            names: zone_names().map(str::to_owned).collect(),
        },
        errors,
    })
}

async fn page(v: &Visit<'_>, status: StatusCode, errors: Vec<FieldError>) -> Result<HttpResponse, Refusal> {
    let view = view(v, errors, None).await?;
    Ok(v.html(status, hallpass_views::account::index(&v.shell().await, &view)))
}

/// The browser and system in a `User-Agent`, in words; the whole of it where it is none that we know.
fn browser_of(agent: &str) -> String {
    let first = |known: &[(&str, &'static str)]| {
        known.iter().find(|(sign, _)| agent.contains(sign)).map(|(_, name)| *name)
    };
    let browser = first(&[
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Version/", "Safari"),
    ]);
    let system = first(&[
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("CrOS", "ChromeOS"),
        ("Linux", "Linux"),
    ]);
    match (browser, system) {
        (Some(browser), Some(system)) => format!("{browser} on {system}"),
        (Some(one), None) | (None, Some(one)) => one.to_owned(),
        (None, None) if agent.is_empty() => "Unknown browser".to_owned(),
        (None, None) => agent.chars().take(60).collect(),
    }
}

/// What was typed wrong goes back to its page; anything else is a page of its own.
pub(super) fn at_field(refusal: Refusal, or: &str) -> Result<(StatusCode, Vec<FieldError>), Refusal> {
    if matches!(refusal.class, Class::Invalid | Class::Unproven | Class::Throttled)
        && refusal.code != "session_over"
        && refusal.code != "sign_in_needed"
    {
        let status = crate::problem::status_of(refusal.class);
        Ok((
            status,
            vec![FieldError { field: refusal.field.unwrap_or(or).to_owned(), message: refusal.message }],
        ))
    } else {
        Err(refusal)
    }
}

pub(super) fn with_session(v: &Visit<'_>, mut answer: HttpResponse, opened: &NewSession) -> HttpResponse {
    let _ = answer.add_cookie(&v.session_cookie(opened));
    answer
}

/// GET /account
pub async fn index(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| page(&v, StatusCode::OK, Vec::new()).await)
}

/// Runs a use case that needs the browser: its session, known-browser cookie and origin.
macro_rules! from_browser {
    ($v:ident, |$from:ident| $body:expr) => {{
        let Some(visitor) = $v.visitor.as_ref() else {
            return Err(Refusal::new(Class::Unproven, "sign_in_needed", "Sign in first."));
        };
        let (agent, known) = ($v.agent(), $v.known_cookie());
        let $from = Browser {
            session: &visitor.session,
            agent: &agent,
            known_cookie: known.as_deref(),
            origin: &$v.origin,
        };
        $body
    }};
}
pub(super) use from_browser;

/// POST /account/password
pub async fn password(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        if form.get("new_password") != form.get("new_password_again") {
            let errors = vec![FieldError {
                field: "new_password_again".to_owned(),
                message: "The two new passwords differ.".to_owned(),
            }];
            return page(&v, StatusCode::UNPROCESSABLE_ENTITY, errors).await;
        }
        let (current, new) = (
            SecretString::from(form.get("current_password").to_owned()),
            SecretString::from(form.get("new_password").to_owned()),
        );
        let done = from_browser!(v, |from| v.state.broker.change_password(from, &current, &new).await);
        match done {
            Ok(changed) => {
                let mut answer = v.redirect(
                    "/account",
                    Some((
                        "good",
                        "Your password is changed. Everything else that was signed in as you is signed out.",
                    )),
                );
                let _ = answer.add_cookie(&v.known_browser_cookie(&changed.known_cookie));
                Ok(with_session(&v, answer, &changed.opened))
            }
            Err(refusal) => {
                let (status, errors) = at_field(refusal, "current_password")?;
                page(&v, status, errors).await
            }
        }
    })
}

/// POST /account/recovery-codes
pub async fn recovery_codes(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let code = form.get("codes_totp").to_owned();
        let renewed =
            from_browser!(v, |from| v.state.broker.renew_recovery_codes(from, Factor::Totp(&code)).await);
        match renewed {
            Ok(codes) => Ok(v.page(hallpass_views::account::recovery_codes(
                &v.shell().await,
                &RecoveryCodesView { codes, enrolled_now: false },
            ))),
            Err(mut refusal) => {
                refusal.field = Some("codes_totp");
                let (status, errors) = at_field(refusal, "codes_totp")?;
                page(&v, status, errors).await
            }
        }
    })
}

/// POST /account/zone
pub async fn zone(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let typed = form.get("zone");
        match v.state.broker.choose_zone(&human, &v.origin, typed).await {
            Ok(zone) => {
                let said = format!("Times are shown in {zone} now, on pages and in mails from here on.");
                Ok(v.redirect("/account", Some(("good", &said))))
            }
            Err(refusal) => {
                let (status, errors) = at_field(refusal, "zone")?;
                let view = view(&v, errors, Some(typed.to_owned())).await?;
                Ok(v.html(status, hallpass_views::account::index(&v.shell().await, &view)))
            }
        }
    })
}

/// POST /account/sessions/{id}/end: a browser session or a command line's token.
pub async fn end_one(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        let absent = || Refusal::not_found("session");
        let uuid: uuid::Uuid = id.parse().map_err(|_| absent())?;
        if v.state.broker.end_session(&human, uuid.into()).await.is_err() {
            v.state.broker.revoke_api_token(&v.caller()?, uuid.into()).await?;
        }
        Ok(v.redirect("/account", Some(("good", "Ended."))))
    })
}

/// POST /account/sessions/end-all
pub async fn end_all(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        v.state.broker.end_all_other_sessions(&human).await?;
        if let Some(visitor) = &v.visitor {
            v.state.broker.sign_out(&visitor.session).await?;
        }
        Ok(v.redirect("/sign-in", Some(("good", "Every session is ended."))))
    })
}
