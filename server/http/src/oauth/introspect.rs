//! `POST /oauth/introspect` (RFC 7662): the hottest path.
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_domain::ids::TargetId;
use hallpass_domain::principal::ClientOf;

use super::client;
use super::client_cache::ClientCache;
use super::error::OauthError;
use super::form::Form;
use crate::body::Body;
use crate::state::AppState;

/// Whether a token is active for the resource server that asks. Whatever is not is `{"active":false}` and nothing more.
#[utoipa::path(post, path = "/oauth/introspect", tag = "OAuth", responses((status = 200, description = "RFC 7662 §2.2"), (status = "4XX", body = OauthError)))]
pub async fn introspect(
    state: web::Data<AppState>,
    req: HttpRequest,
    body: Body,
) -> Result<HttpResponse, OauthError> {
    let form = Form::read(req.headers(), &body.0)?;
    let target = resource_server(&state, &req, &form).await?;
    let answer = state.broker.introspect(target, form.need("token")?).await;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_TYPE, "application/json"))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .body(answer.as_bytes().to_vec()))
}

/// The target whose resource server asks.
async fn resource_server(state: &AppState, req: &HttpRequest, form: &Form) -> Result<TargetId, OauthError> {
    // Remembered by the header alone, so only where the body cannot contradict it.
    let by_header = form.get("client_id").is_none() && form.get("client_secret").is_none();
    let mut sent = req.headers().get_all(header::AUTHORIZATION);
    let key =
        sent.next().filter(|_| by_header && sent.next().is_none()).map(|v| ClientCache::key(v.as_bytes()));
    let (tokens, resets) = (&state.broker.tokens, state.broker.tokens.resets());
    let proved = key.as_ref().filter(|_| tokens.is_fresh()).and_then(|k| state.clients.get(k, resets));
    if let Some(target) = proved {
        return Ok(target);
    }
    let client = client::confidential(&state.broker, req.headers(), form).await?;
    let ClientOf::ResourceServer(target) = client.of else {
        return Err(OauthError::new(
            "unauthorized_client",
            "Only a target's resource server may introspect, and only its own tokens.",
        ));
    };
    if let Some(key) = key {
        state.clients.put(key, target, resets);
    }
    Ok(target)
}
