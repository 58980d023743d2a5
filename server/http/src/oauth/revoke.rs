//! `POST /oauth/revoke` (RFC 7009).
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::Caller;
use hallpass_broker::broker::unreadable;
use hallpass_broker::credentials::revoke_token::Revoker;
use hallpass_domain::principal::{Client, ClientOf};
use hallpass_domain::secret::SecretHash;

use super::client;
use super::error::OauthError;
use super::form::Form;
use crate::body::Body;
use crate::state::AppState;

/// Revokes a token of the client that presents it. 200 also for an unknown one (§2.2); 503 where it cannot be stored.
#[utoipa::path(post, path = "/oauth/revoke", tag = "OAuth", responses((status = 200, description = "Revoked, or unknown"), (status = "4XX", body = OauthError)))]
pub async fn revoke(
    state: web::Data<AppState>,
    req: HttpRequest,
    body: Body,
) -> Result<HttpResponse, OauthError> {
    let form = Form::read(req.headers(), &body.0)?;
    let client = client::any(&state.broker, req.headers(), &form).await?;
    let token = form.need("token")?;
    if token.starts_with("hpa_") {
        api_token(&state, &client, token).await?
    } else {
        target_token(&state, &client, token).await?
    }
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).finish())
}

async fn api_token(state: &AppState, client: &Client, token: &str) -> Result<(), OauthError> {
    let found = state.broker.store.api_token_by_hash(&SecretHash::of(token)).await.map_err(unreadable)?;
    if found.is_some_and(|t| t.client_id != client.id) {
        return Err(foreign());
    }
    state.broker.revoke_presented_api_token(client, token).await?;
    Ok(())
}

async fn target_token(state: &AppState, client: &Client, token: &str) -> Result<(), OauthError> {
    let found = state.broker.token_known(token).await?;
    let Some(found) = found else { return Ok(()) };
    let issued_to = found.0.client_id;
    let by = match client.of {
        ClientOf::Workload(workload) if issued_to == Some(client.id) => {
            Revoker::Caller(Caller::Workload { workload, client: client.id })
        }
        // A person's: one that the portal showed was issued to no client.
        ClientOf::CommandLine if issued_to.is_none_or(|id| id == client.id) => Revoker::Presenter(client.id),
        _ => return Err(foreign()),
    };
    state.broker.revoke_found_token(&by, found).await?;
    Ok(())
}

/// Another client's token stays (RFC 7009 §2.1).
fn foreign() -> OauthError {
    OauthError::new("invalid_grant", "This token was issued to another client.")
}
