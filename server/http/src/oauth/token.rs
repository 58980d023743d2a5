//! `POST /oauth/token` (RFC 6749 §3.2, §4.4; RFC 8628 §3.4).
use actix_web::{HttpRequest, HttpResponse, web};
use secrecy::ExposeSecret;

use super::answer::{API_SCOPE, TokenAnswer, json};
use super::error::OauthError;
use super::form::Form;
use super::{client, token_role};
use crate::body::Body;
use crate::state::AppState;

/// `grant_type` of the device flow (RFC 8628 §3.4).
pub const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Gives a token for the grant that is named.
#[utoipa::path(post, path = "/oauth/token", tag = "OAuth", responses((status = 200, body = TokenAnswer), (status = "4XX", body = OauthError)))]
pub async fn token(
    state: web::Data<AppState>,
    req: HttpRequest,
    body: Body,
) -> Result<HttpResponse, OauthError> {
    let form = Form::read(req.headers(), &body.0)?;
    match form.need("grant_type")? {
        "client_credentials" => client_credentials(&state, &req, &form).await,
        DEVICE_GRANT => device_code(&state, &req, &form).await,
        _ => Err(OauthError::new(
            "unsupported_grant_type",
            "This server takes client_credentials and the device code.",
        )),
    }
}

async fn client_credentials(
    state: &AppState,
    req: &HttpRequest,
    form: &Form,
) -> Result<HttpResponse, OauthError> {
    let client = client::confidential(&state.broker, req.headers(), form).await?;
    let mut scopes = form.get("scope").unwrap_or_default().split(' ').filter(|s| !s.is_empty());
    let scope = scopes.next().filter(|_| scopes.next().is_none());
    let scope = scope.ok_or_else(|| OauthError::scope("Name exactly one scope: a role, or hallpass.api."))?;
    fail_closed(state)?;
    if scope != API_SCOPE {
        return token_role::issue(state, &client, scope, form.get("resource")).await;
    }
    if form.get("resource").is_some() {
        return Err(OauthError::new("invalid_target", "A token for Hallpass's own API has no resource."));
    }
    let issued = state.broker.issue_workload_api_token(&client).await?;
    Ok(json(&TokenAnswer {
        access_token: issued.token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: issued.expires_in,
        scope: API_SCOPE.to_owned(),
        authorization_details: None,
    }))
}

async fn device_code(state: &AppState, req: &HttpRequest, form: &Form) -> Result<HttpResponse, OauthError> {
    let presented = client::presented(req.headers(), form)?;
    if presented.secret.is_some() {
        return Err(OauthError::client(presented.by_header));
    }
    let code = form.need("device_code")?;
    let issued = state.broker.redeem_device(&presented.id, code).await?;
    Ok(json(&TokenAnswer {
        access_token: issued.token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: issued.expires_in,
        scope: API_SCOPE.to_owned(),
        authorization_details: None,
    }))
}

/// While the store cannot be written nothing is issued: said before anything is begun.
pub(super) fn fail_closed(state: &AppState) -> Result<(), OauthError> {
    if state.broker.health.is_writable() {
        Ok(())
    } else {
        Err(OauthError::unavailable(
            "The records cannot be written right now, so nothing is issued. Try again in a moment.",
        ))
    }
}
