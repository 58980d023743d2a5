//! A workload's token of a role: under its active grant, or where the role is standing for it.
use actix_web::HttpResponse;
use hallpass_broker::Caller;
use hallpass_broker::broker::unreadable;
use hallpass_domain::grant::GrantState;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::requests::RequestFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::{Client, ClientOf};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::RequestState;
use hallpass_domain::role::{CredentialKind, Role};
use hallpass_domain::target::TargetSettings;
use secrecy::ExposeSecret;

use super::answer::{TokenAnswer, json};
use super::error::OauthError;
use crate::state::AppState;

/// Issues a token of the role named by `scope`; `resource` must be its target's audience (RFC 8707 §2).
///
/// # Errors
/// `unauthorized_client`, `invalid_scope`, `invalid_target`.
pub async fn issue(
    state: &AppState,
    client: &Client,
    scope: &str,
    resource: Option<&str>,
) -> Result<HttpResponse, OauthError> {
    let ClientOf::Workload(workload) = client.of else {
        return Err(OauthError::new("unauthorized_client", "Only a workload's client gets tokens of roles."));
    };
    let caller = Caller::Workload { workload, client: client.id };
    let catalogue = state.broker.catalogue_known().await?;
    // Unknown and not for this client are alike.
    let unknown = || OauthError::scope("There is no such role for this client.");
    let role = catalogue
        .role_named(scope)
        .filter(|r| catalogue.is_eligible(r, caller.principal()))
        .ok_or_else(unknown)?;
    if role.settings.kind() != CredentialKind::AccessToken {
        return Err(OauthError::scope(
            "This role gives logins, not tokens: fetch one with POST /api/v1/grants/{id}/credentials.",
        ));
    }
    let audience = match catalogue.targets.get(&role.target_id).map(|t| &t.settings) {
        Some(TargetSettings::Oauth(o)) => o.audience.as_str(),
        _ => return Err(unknown()),
    };
    if resource.is_some_and(|r| r != audience) {
        return Err(OauthError::new(
            "invalid_target",
            "The resource is not the audience of this role's target.",
        ));
    }
    let issued = match state.broker.issue_token_for_role(&caller, scope).await {
        Ok(issued) => issued,
        Err(refusal) if matches!(refusal.code, "no_grant" | "grant_not_active" | "role_changed") => {
            return Err(without_grant(state, &caller, role, refusal).await?);
        }
        Err(refusal) if refusal.code == "unknown_role" || refusal.code == "no_longer_eligible" => {
            return Err(unknown());
        }
        Err(refusal) => return Err(refusal.into()),
    };
    Ok(json(&TokenAnswer {
        access_token: issued.token.expose_secret().to_owned(),
        token_type: "Bearer",
        expires_in: (issued.record.expires_at - state.broker.now()).num_seconds().max(0),
        scope: issued.role,
        authorization_details: Some(issued.details),
    }))
}

/// A known role without an active grant: where to ask, or the request that waits. Nothing is asked for by itself.
async fn without_grant(
    state: &AppState,
    caller: &Caller,
    role: &Role,
    refusal: Refusal,
) -> Result<OauthError, Refusal> {
    let (store, principal) = (&state.broker.store, caller.principal());
    let pending =
        RequestFilter { of: Some(principal), state: Some(RequestState::Pending), role: Some(role.id) };
    let mut found = store.requests(&pending, Page::first(1)).await.map_err(unreadable)?.into_iter().next();
    if found.is_none() {
        let scheduled = GrantFilter {
            principal: Some(principal),
            states: vec![GrantState::Scheduled],
            role: Some(role.id),
        };
        let grant = store.grants(&scheduled, Page::first(1)).await.map_err(unreadable)?.into_iter().next();
        if let Some(request) = grant.and_then(|g| g.request_id) {
            found = store.request(request).await.map_err(unreadable)?;
        }
    }
    let ask = format!("{}/api/v1/requests", state.config.base_url);
    let uri = found.map_or_else(|| ask.clone(), |r| format!("{ask}/{}", r.reference));
    Ok(OauthError::scope(refusal.message).ask_at(uri))
}
