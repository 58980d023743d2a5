//! `GET /api/v1/credentials/{id}`: an account at a target, or a token by its `jti`. Never the secret.
use actix_web::{HttpResponse, web};
use hallpass_broker::broker::unreadable;
use hallpass_client::wire::credentials::Credential;
use uuid::Uuid;

use super::answer;
use super::shapes::credential::{account, token};
use crate::bearer::ApiCaller;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// One credential, readable like its grant.
#[utoipa::path(get, path = "/api/v1/credentials/{id}", tag = "Credentials", params(("id" = String, Path)), responses((status = 200, body = Credential), (status = "default", body = ProblemBody)))]
pub async fn show(
    state: web::Data<AppState>,
    id: web::Path<String>,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    let (broker, caller) = (&state.broker, &who.caller);
    let id: Uuid = params::id(&id, "credential")?;
    let absent = |_| Problem::not_found("credential");
    let (catalogue, now) = (broker.catalogue().await?, broker.now());
    if let Some(found) = broker.store.credential(id.into()).await.map_err(unreadable)? {
        broker.visible_grant(caller, found.grant_id).await.map_err(absent)?;
        return answer::show(&account(&catalogue, &found, now));
    }
    let found = broker
        .store
        .token(id.into())
        .await
        .map_err(unreadable)?
        .ok_or_else(|| Problem::not_found("credential"))?;
    let grant = broker.visible_grant(caller, found.grant_id).await.map_err(absent)?;
    answer::show(&token(&catalogue, &grant, &found, now))
}
