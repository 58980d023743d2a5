//! `POST /api/v1/admin/clients/{client_id}/secret`: a new secret, and the end of the one before.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::admin::By;
use hallpass_client::wire::admin::NewClient;
use hallpass_client::wire::common::Empty;
use secrecy::ExposeSecret;

use crate::api::answer::{Answer, Keep};
use crate::api::idempotency::once_reserved;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Gives an OAuth client a new secret, this once; the one before is refused from then on.
#[utoipa::path(post, path = "/api/v1/admin/clients/{client_id}/secret", tag = "Catalogue", params(("client_id" = String, Path)), request_body = Empty,
    responses((status = 200, body = NewClient), (status = "default", body = ProblemBody)))]
pub async fn rotate(
    state: web::Data<AppState>,
    req: HttpRequest,
    client_id: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let _readable = state.broker.overseen(&who.caller).await?;
    let Empty {} = body.json(req.headers())?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    // Done twice, the second secret would kill the first: the key is reserved before the work.
    once_reserved(&state, &req, &who, &body.0, || async move {
        let made = broker.rotate_client_secret(By::Person(&caller), &client_id).await?;
        let id = made.client_id.clone();
        let answer = NewClient {
            client_id: made.client_id,
            client_secret: Some(made.secret.expose_secret().to_owned()),
        };
        Ok(Answer::ok(&answer)?.keeping(Keep::Issued(id)))
    })
    .await
}
