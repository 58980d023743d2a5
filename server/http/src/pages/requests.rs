//! Asking, and one's own requests.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use chrono::Duration;
use data_encoding::HEXLOWER;
use hallpass_broker::Caller;
use hallpass_broker::broker::unreadable;
use hallpass_broker::queries::request_form::field_error;
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::views::page::FieldError;
use hallpass_domain::Timestamp;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::transition::Idempotency;
use ring::digest::{SHA256, digest};

use super::forms::Form;
use super::typed::Typed;
use super::visit::visit;
use crate::AppState;

fn ask(form: &Form) -> AskForm {
    // What is typed wins over a preset.
    let typed = form.get("for_text").trim();
    let time = if typed.is_empty() { form.get("for") } else { typed };
    AskForm {
        role: form.get("role").to_owned(),
        time: time.to_owned(),
        scope: form.scope(),
        reason: form.get("reason").to_owned(),
        ticket: form.get("ticket").to_owned(),
    }
}

/// What somebody types who asks.
const TYPED: [(&str, &str); 5] =
    [("role", "Role"), ("for", "For"), ("for_text", "For"), ("reason", "Reason"), ("ticket", "Ticket")];

/// What somebody reads who sent a form twice.
const SENT_BEFORE: &str = "You have already asked exactly this: here it is. Open the form anew to ask again.";

/// What somebody reads whose form was of a session that is over.
pub(super) const OTHER_SESSION: &str = "You signed in anew since this page was opened, so nothing was sent. Look at it once more, and send it again.";

/// The record that makes sending this very form once more, at the same moment or later, no second request.
fn once(caller: &Caller, body: &[u8], now: Timestamp) -> Idempotency {
    let hash = HEXLOWER.encode(digest(&SHA256, body).as_ref());
    Idempotency {
        replaces: None,
        scope: format!("{} portal POST /request", caller.principal()),
        key: hash.clone(),
        body_hash: hash,
        answer: "{reference}".to_owned(),
        expires_at: now + Duration::hours(24),
    }
}

/// The request that this form made before.
async fn asked_before(state: &AppState, once: &Idempotency) -> Result<Option<String>, Refusal> {
    let found = state.broker.store.idempotent_answer(&once.scope, &once.key).await.map_err(unreadable)?;
    Ok(found.filter(|f| f.expires_at > state.broker.now()).map(|f| f.answer))
}

/// GET /request
pub async fn form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let form = Form::read(request.query_string().as_bytes());
        let key = uuid::Uuid::new_v4().to_string();
        let view = v.state.broker.request_form_view(&caller, &ask(&form), false, key).await?;
        Ok(v.page(hallpass_views::requests::form(&v.shell().await, &view)))
    })
}

/// POST /request
pub async fn submit(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    let form = Form::read(&body);
    visit!(state, request, Some(Typed::of("/request", &form, &TYPED)), |v| {
        let caller = v.caller()?;
        let asked = ask(&form);
        if let Err(refusal) = v.check_form(form.get("csrf")) {
            if !v.is_from_here() {
                return Err(refusal);
            }
            // A page of an earlier session of theirs: it comes back filled in, with the token of this one.
            let key = uuid::Uuid::new_v4().to_string();
            let mut view = v.state.broker.request_form_view(&caller, &asked, false, key).await?;
            view.errors.push(FieldError { field: String::new(), message: OTHER_SESSION.to_owned() });
            let page = hallpass_views::requests::form(&v.shell().await, &view);
            return Ok(v.html(StatusCode::FORBIDDEN, page));
        }
        let key = form.get("idempotency_key").chars().take(64).collect::<String>();
        let check = form.get("action") == "check";
        if !check {
            let once = once(&caller, &body, v.state.broker.now());
            if let Some(first) = asked_before(v.state, &once).await? {
                return Ok(v.redirect(&format!("/requests/{first}"), Some(("info", SENT_BEFORE))));
            }
            match v.state.broker.submit_request(&caller, &asked, Some(once.clone())).await {
                Ok(made) => {
                    return Ok(v.redirect(
                        &format!("/requests/{}", made.reference),
                        Some(("good", "Sent. The approvers have mail.")),
                    ));
                }
                // Sent twice: the first one is shown, nothing is asked again.
                Err(refusal)
                    if refusal.class == Class::Conflict && asked_before(v.state, &once).await?.is_some() =>
                {
                    return Ok(v.redirect("/requests", Some(("info", SENT_BEFORE))));
                }
                Err(refusal) if refusal.code == "already_asked" => {
                    return Ok(v.redirect("/requests", Some(("info", &refusal.message))));
                }
                Err(refusal) if refusal.class == Class::Invalid || refusal.class == Class::Conflict => {
                    let mut view = v.state.broker.request_form_view(&caller, &asked, false, key).await?;
                    view.errors.push(field_error(&refusal));
                    return Ok(v.html(
                        crate::problem::status_of(refusal.class),
                        hallpass_views::requests::form(&v.shell().await, &view),
                    ));
                }
                Err(refusal) => return Err(refusal),
            }
        }
        let view = v.state.broker.request_form_view(&caller, &asked, true, key).await?;
        let status = if view.errors.is_empty() { StatusCode::OK } else { StatusCode::UNPROCESSABLE_ENTITY };
        Ok(v.html(status, hallpass_views::requests::form(&v.shell().await, &view)))
    })
}

/// GET /requests
pub async fn list(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let q = Form::read(request.query_string().as_bytes());
        let view = v.state.broker.requests_view(&caller, q.get("state"), q.get("after").parse().ok()).await?;
        Ok(v.page(hallpass_views::requests::list(&v.shell().await, &view)))
    })
}

/// GET /requests/{reference}
pub async fn detail(state: Data<AppState>, request: HttpRequest, reference: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let view = v.state.broker.request_view(&v.caller()?, &reference).await?;
        Ok(v.page(hallpass_views::requests::detail(&v.shell().await, &view)))
    })
}

/// POST /requests/{reference}/withdraw
pub async fn withdraw(
    state: Data<AppState>,
    request: HttpRequest,
    reference: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        v.state.broker.withdraw_request(&caller, &reference).await?;
        Ok(v.redirect(
            &format!("/requests/{reference}"),
            Some(("good", "Withdrawn. The approvers are told.")),
        ))
    })
}
