//! `POST /api/v1/grants/{id}/credentials`: the only time that a secret leaves.
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::credentials::handover::Handover;
use hallpass_broker::{Broker, Caller};
use hallpass_client::wire::common::CredentialKind;
use hallpass_client::wire::credentials::{Issued, IssuedLogin, IssuedToken, NewCredential};
use hallpass_domain::grant as domain;
use hallpass_domain::ids::GrantId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::CredentialKind as Kind;
use hallpass_domain::target::TargetSettings;
use secrecy::ExposeSecret;

use crate::api::answer::{Answer, Keep};
use crate::api::idempotency::once_reserved;
use crate::api::shapes::credential::probe;
use crate::api::shapes::words::{self, OnWire};
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Longest wait for a target, seconds.
const LONGEST: u64 = 30;

/// Issues a credential under a grant to its holder.
#[utoipa::path(post, path = "/api/v1/grants/{id}/credentials", tag = "Grants", params(("id" = String, Path)), request_body = NewCredential,
    responses((status = 201, body = Issued), (status = "default", body = ProblemBody)))]
pub async fn issue(
    state: web::Data<AppState>,
    req: HttpRequest,
    id: web::Path<String>,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let new: NewCredential = body.json(req.headers())?;
    if new.kind == Some(CredentialKind::Unknown) {
        return Err(words::unknown("kind", CredentialKind::WORDS));
    }
    let grant: GrantId = params::id(&id, "grant")?;
    let (broker, caller) = (Arc::clone(&state.broker), who.caller.clone());
    once_reserved(&state, &req, &who, &body.0, || async move {
        // Whoever is told "too slow" has let go of the login by that: it does not go live any more, or is removed.
        let limit = std::time::Duration::from_secs(LONGEST);
        let (issued, login) = tokio::time::timeout(limit, issued(&broker, &caller, grant, &new)).await.map_err(|_| {
            Refusal::unavailable("target_slow", "The target was too slow to make the login. What may have been made is removed; try again.")
        })??;
        let id = match &issued {
            Issued::AccessToken(t) => t.id.clone(),
            Issued::PostgresqlLogin(l) => l.id.clone(),
        };
        Ok(Answer::created(format!("/api/v1/credentials/{id}"), &issued)?.keeping(Keep::Issued(id)).handing(login))
    })
    .await
}

async fn issued(
    broker: &Arc<Broker>,
    caller: &Caller,
    id: GrantId,
    new: &NewCredential,
) -> Result<(Issued, Option<Handover>), Problem> {
    // Somebody who may see the grant learns why nothing is issued to him; for everybody else it is absent.
    let grant = broker.visible_grant(caller, id).await?;
    if grant.principal != caller.principal() {
        return Err(Refusal::forbidden(
            "not_holder",
            "Only the holder of a grant issues credentials under it.",
        )
        .into());
    }
    // Fail closed: said before anything is begun.
    if !broker.health.is_writable() {
        return Err(Refusal::unavailable(
            "store_unavailable",
            "The records cannot be written right now, so nothing is issued. Try again in a moment.",
        )
        .into());
    }
    let catalogue = broker.catalogue().await?;
    let kind = catalogue
        .roles
        .get(&grant.role_id)
        .map(|r| r.settings.kind())
        .ok_or_else(|| Refusal::not_found("role"))?;
    if new.kind.is_some_and(|wanted| wanted != kind.on_wire()) {
        return Err(Problem::wrong(
            "wrong_value",
            "kind",
            format!("This role issues {}, not what was asked for.", kind.as_str()),
        ));
    }
    match kind {
        Kind::AccessToken => token(broker, caller, &grant).await.map(|token| (token, None)),
        Kind::PostgresqlLogin => {
            login(broker, caller, &grant).await.map(|(login, handover)| (login, Some(handover)))
        }
    }
}

async fn token(broker: &Arc<Broker>, caller: &Caller, grant: &domain::Grant) -> Result<Issued, Problem> {
    let issued = broker.issue_token(caller, grant.id).await?;
    let audience = match broker.catalogue().await?.targets.get(&grant.target_id).map(|t| &t.settings) {
        Some(TargetSettings::Oauth(o)) => o.audience.clone(),
        _ => String::new(),
    };
    let details = match issued.details {
        serde_json::Value::Array(details) => details,
        other => vec![other],
    };
    Ok(Issued::AccessToken(IssuedToken {
        id: issued.record.id.to_string(),
        grant_id: grant.id.to_string(),
        role: issued.role,
        access_token: issued.token.expose_secret().to_owned(),
        token_type: "Bearer".to_owned(),
        expires_in: (issued.record.expires_at - broker.now()).num_seconds().max(0),
        expires_at: issued.record.expires_at,
        audience,
        authorization_details: details,
    }))
}

async fn login(
    broker: &Arc<Broker>,
    caller: &Caller,
    grant: &domain::Grant,
) -> Result<(Issued, Handover), Problem> {
    let handover = broker.issue_login(caller, grant.id).await?;
    let catalogue = broker.catalogue().await?;
    let role = catalogue.roles.get(&grant.role_id).map(|r| r.name.to_string()).unwrap_or_default();
    let (login, at) = (handover.login(), &handover.login().connection);
    let issued = Issued::PostgresqlLogin(IssuedLogin {
        id: login.credential.id.to_string(),
        grant_id: grant.id.to_string(),
        role,
        host: at.host.clone(),
        port: at.port,
        database: at.database.clone(),
        user: login.credential.external_name.clone(),
        password: login.password.expose_secret().to_owned(),
        sslmode: at.sslmode.clone(),
        ca_pem: at.ca_pem.clone(),
        expires_at: login.credential.not_after.min(grant.ends_at),
        probe: login.credential.probe.as_ref().map(probe),
    });
    Ok((issued, handover))
}
