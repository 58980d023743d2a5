//! The person's side of the device flow (RFC 8628 §3.3): the code is typed by hand, never taken from a link.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::views::page::FieldError;
use hallpass_broker::views::session::{DeviceConfirmView, DeviceDoneView, DeviceView};
use hallpass_domain::refusal::{Class, Refusal};

use super::forms::Form;
use super::visit::{Visit, visit};
use crate::AppState;

async fn page(
    v: &Visit<'_>,
    status: StatusCode,
    user_code: String,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Refusal> {
    v.human()?;
    let tries_left =
        v.visitor.as_ref().map_or(0, |x| i64::from(v.state.broker.device_tries_left(&x.session)));
    let view = DeviceView { user_code, errors, tries_left };
    Ok(v.html(status, hallpass_views::session::device(&v.shell().await, &view)))
}

/// GET /device
pub async fn form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| page(&v, StatusCode::OK, String::new(), Vec::new()).await)
}

/// POST /device
pub async fn find(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let Some(visitor) = v.visitor.as_ref() else { return Ok(v.redirect("/sign-in", None)) };
        let typed = form.get("user_code").chars().take(20).collect::<String>();
        match v.state.broker.find_device(visitor, &typed).await {
            Ok(found) => {
                let view = DeviceConfirmView {
                    device: found.handle,
                    user_code: found.user_code,
                    client: format!("{} on {}", found.client, found.machine),
                    address: found.network,
                    place: String::new(),
                    asked_at: found.asked_at,
                    lapses_at: found.lapses_at,
                    abilities: vec![
                        "See your roles, requests and access".to_owned(),
                        "Ask for access in your name, and fetch what was granted".to_owned(),
                        "Decide requests where no second factor is asked for".to_owned(),
                    ],
                };
                Ok(v.page(hallpass_views::session::device_confirm(&v.shell().await, &view)))
            }
            Err(refusal)
                if matches!(
                    refusal.class,
                    Class::Invalid | Class::NotFound | Class::Throttled | Class::Conflict
                ) =>
            {
                let errors =
                    vec![FieldError { field: "user_code".to_owned(), message: refusal.message.clone() }];
                page(&v, crate::problem::status_of(refusal.class), typed, errors).await
            }
            Err(refusal) => Err(refusal),
        }
    })
}

/// POST /device/confirm
pub async fn confirm(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let Some(visitor) = v.visitor.as_ref() else { return Ok(v.redirect("/sign-in", None)) };
        let answered = v
            .state
            .broker
            .answer_device(visitor, form.get("device"), form.get("answer") == "allow", &v.origin)
            .await?;
        let view = DeviceDoneView { allowed: answered.allowed, client: answered.machine };
        Ok(v.page(hallpass_views::session::device_done(&v.shell().await, &view)))
    })
}
