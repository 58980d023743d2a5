//! `POST /oauth/device_authorization` (RFC 8628 §3.1).
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;

use super::answer::{DeviceAuthorization, json};
use super::client;
use super::error::OauthError;
use super::form::Form;
use crate::body::Body;
use crate::context::Ctx;
use crate::state::AppState;

/// Begins a command line's sign-in. There is no `verification_uri_complete`: the code is typed by hand.
#[utoipa::path(post, path = "/oauth/device_authorization", tag = "OAuth", responses((status = 200, body = DeviceAuthorization), (status = "4XX", body = OauthError)))]
pub async fn ask(
    state: web::Data<AppState>,
    req: HttpRequest,
    ctx: Ctx,
    body: Body,
) -> Result<HttpResponse, OauthError> {
    let form = Form::read(req.headers(), &body.0)?;
    let presented = client::presented(req.headers(), &form)?;
    if presented.secret.is_some() {
        return Err(OauthError::client(presented.by_header));
    }
    if form.get("scope").is_some_and(|s| s.trim() != super::answer::API_SCOPE) {
        return Err(OauthError::scope("The device flow gives hallpass.api and nothing else."));
    }
    let asked = state
        .broker
        .ask_device(&presented.id, form.get("machine").unwrap_or_default(), &ctx.origin())
        .await?;
    Ok(json(&DeviceAuthorization {
        device_code: asked.device_code.expose_secret().to_owned(),
        user_code: asked.user_code.expose_secret().to_owned(),
        verification_uri: asked.verification_uri,
        expires_in: asked.expires_in,
        interval: asked.interval,
    }))
}
