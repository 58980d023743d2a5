//! What somebody holds: grants, issuing, ending, watch and receipt.
use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::caller::Caller;
use hallpass_broker::credentials::handover::Handover;
use hallpass_broker::credentials::login::DOES_NOT_WORK;
use hallpass_broker::queries::lines;
use hallpass_broker::views::credential::{Authorities, IssuedView, ShownOnce};
use hallpass_broker::views::page::{Command, FieldError};
use hallpass_domain::ids::{CredentialId, GrantId};
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::role::CredentialKind;
use secrecy::ExposeSecret as _;

use super::forms::Form;
use super::psql_line::psql;
use super::typed::Typed;
use super::visit::{Visit, visit};
use crate::AppState;

fn grant_id(text: &str) -> Result<GrantId, Refusal> {
    text.parse().map_err(|_| Refusal::not_found("grant"))
}

/// GET /access
pub async fn index(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let view = v.state.broker.access_view(&v.caller()?).await?;
        Ok(v.page(hallpass_views::access::index(&v.shell().await, &view)))
    })
}

/// GET /grants/{id}
pub async fn grant(state: Data<AppState>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let view = v.state.broker.grant_view(&v.caller()?, grant_id(&id)?, Vec::new()).await?;
        Ok(v.page(hallpass_views::access::grant(&v.shell().await, &view)))
    })
}

/// POST /grants/{id}/credentials
pub async fn issue(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        match issued(&v, &caller, grant_id(&id)?, form.get("kind")).await {
            Ok((view, login)) => {
                let page = v.page(hallpass_views::access::issued(&v.shell().await, &view));
                login.map(Handover::taken);
                Ok(page)
            }
            // The grant's page says it beside the way to try again.
            Err(refusal) if refusal.code == DOES_NOT_WORK => {
                let errors = vec![FieldError { field: "kind".to_owned(), message: refusal.message }];
                let view = v.state.broker.grant_view(&caller, grant_id(&id)?, errors).await?;
                Ok(v.html(StatusCode::BAD_GATEWAY, hallpass_views::access::grant(&v.shell().await, &view)))
            }
            Err(refusal) => Err(refusal),
        }
    })
}

/// What is shown this one time; and the login in it, which stays once the page is made.
async fn issued(
    v: &Visit<'_>,
    caller: &Caller,
    id: GrantId,
    kind: &str,
) -> Result<(IssuedView, Option<Handover>), Refusal> {
    let broker = &v.state.broker;
    let catalogue = broker.catalogue().await?;
    let grant = broker.visible_grant(caller, id).await?;
    let role = lines::role(&catalogue, grant.role_id, grant.target_id);
    let once =
        |label: &str, value: String, secret: bool| ShownOnce { label: label.to_owned(), value, secret };
    if kind == CredentialKind::PostgresqlLogin.as_str() {
        let handover = broker.issue_login(caller, id).await?;
        let login = handover.login();
        let (c, at) = (&login.credential, &login.connection);
        let port = at.port.to_string();
        let mut pairs = vec![
            ("host", at.host.as_str()),
            ("port", port.as_str()),
            ("dbname", at.database.as_str()),
            ("user", c.external_name.as_str()),
            ("sslmode", at.sslmode.as_str()),
        ];
        let authorities =
            at.ca_pem.clone().map(|pem| Authorities { name: format!("{}-ca.pem", role.target), pem });
        let label = match &authorities {
            Some(file) => {
                pairs.push(("sslrootcert", file.name.as_str()));
                "psql asks for the password, in the folder with that file"
            }
            None if at.sslmode.starts_with("verify-") => {
                pairs.push(("sslrootcert", "system"));
                "psql (16 or later) asks for the password"
            }
            None => "psql asks for the password",
        };
        let command = psql(&pairs);
        let view = IssuedView {
            grant_id: id.to_string(),
            credential_id: c.id.to_string(),
            kind: kind.to_owned(),
            label: lines::credential_in_words(c.kind),
            not_after: c.not_after,
            probe: c.probe.as_ref().map(Into::into),
            watchable: true,
            role,
            values: vec![
                once("Host", at.host.clone(), false),
                once("Port", at.port.to_string(), false),
                once("Database", at.database.clone(), false),
                once("User", c.external_name.clone(), false),
                once("Password", login.password.expose_secret().to_owned(), true),
            ],
            authorities,
            commands: vec![Command { label: label.to_owned(), command }],
        };
        return Ok((view, Some(handover)));
    }
    if kind != CredentialKind::AccessToken.as_str() {
        return Err(Refusal::invalid("unknown_kind", "kind", "This is not a kind of credential."));
    }
    let token = broker.issue_token(caller, id).await?;
    let view = IssuedView {
        grant_id: id.to_string(),
        credential_id: token.record.id.to_string(),
        kind: kind.to_owned(),
        label: lines::credential_in_words(CredentialKind::AccessToken),
        not_after: token.record.expires_at,
        probe: None,
        watchable: false,
        role,
        values: vec![once("Access token", token.token.expose_secret().to_owned(), true)],
        authorities: None,
        commands: vec![Command {
            label: "Send it".to_owned(),
            command: "curl -H \"Authorization: Bearer $HALLPASS_ACCESS_TOKEN\" URL".to_owned(),
        }],
    };
    Ok((view, None))
}

/// POST /grants/{id}/end
pub async fn end(state: Data<AppState>, request: HttpRequest, id: Path<String>, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        v.state.broker.release_grant(&caller, grant_id(&id)?).await?;
        Ok(v.redirect(
            &format!("/grants/{id}"),
            Some(("good", "Ended. What is at the target is being removed and checked.")),
        ))
    })
}

/// POST /grants/{id}/revoke
pub async fn revoke(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> HttpResponse {
    let form = Form::read(&body);
    let typed = Typed::to_be_copied(&format!("/grants/{id}"), &form, &[("reason", "Reason")]);
    visit!(state, request, Some(typed), |v| {
        let caller = v.caller()?;
        v.check_form(form.get("csrf"))?;
        match v.state.broker.revoke_grant(&caller, grant_id(&id)?, form.get("reason")).await {
            Ok(_) => Ok(v.redirect(
                &format!("/grants/{id}"),
                Some((
                    "good",
                    "Revoked. The holder is told, and what is at the target is being removed and checked.",
                )),
            )),
            Err(refusal) if refusal.class == Class::Invalid => {
                let errors =
                    vec![FieldError { field: "reason".to_owned(), message: refusal.message.clone() }];
                let view = v.state.broker.grant_view(&caller, grant_id(&id)?, errors).await?;
                Ok(v.html(
                    StatusCode::UNPROCESSABLE_ENTITY,
                    hallpass_views::access::grant(&v.shell().await, &view),
                ))
            }
            Err(refusal) => Err(refusal),
        }
    })
}

/// POST /grants/{id}/lift
pub async fn lift(
    state: Data<AppState>,
    request: HttpRequest,
    id: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        v.check_form(Form::read(&body).get("csrf"))?;
        let grant = v.state.broker.visible_grant(&caller, grant_id(&id)?).await?;
        v.state.broker.lift_standing_block(&caller, grant.id).await?;
        Ok(v.redirect(
            &format!("/grants/{id}"),
            Some(("good", "Lifted. The workload gets this standing role again when it asks next.")),
        ))
    })
}

/// GET /grants/{id}/receipt
pub async fn receipt(state: Data<AppState>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let view = v.state.broker.receipt_view(&v.caller()?, grant_id(&id)?).await?;
        Ok(v.page(hallpass_views::access::receipt(&v.shell().await, &view)))
    })
}

/// GET /grants/{id}/receipt.json: every event of it with its proof, for `hallpass audit verify --receipt`.
pub async fn receipt_file(state: Data<AppState>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let id = grant_id(&id)?;
        let caller = v.caller()?;
        let grant = v.state.broker.visible_grant(&caller, id).await?;
        v.state.broker.wait_until_sealed(&grant).await?;
        let receipt = crate::api::grants::receipt::of(&v.state.broker, &caller, id).await;
        let receipt = receipt.map_err(|problem| {
            let class =
                if problem.status == StatusCode::NOT_FOUND { Class::NotFound } else { Class::Unavailable };
            Refusal::new(class, "no_receipt", problem.detail)
        })?;
        Ok(HttpResponse::Ok()
            .insert_header((
                header::CONTENT_DISPOSITION,
                format!("attachment; filename=\"receipt-{id}.json\""),
            ))
            .json(receipt))
    })
}

/// GET /credentials/{id}/watch
pub async fn watch(state: Data<AppState>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let caller = v.caller()?;
        let id: CredentialId = id.parse().map_err(|_| Refusal::not_found("credential"))?;
        let view = v.state.broker.watch_view(&caller, id).await?;
        Ok(v.page(hallpass_views::access::watch(&v.shell().await, &view)))
    })
}
