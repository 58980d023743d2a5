//! `GET /api/v1/audit/events`.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::Broker;
use hallpass_broker::broker::unreadable;
use hallpass_client::wire::audit::AuditEvent;
use hallpass_client::wire::common::Page;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ports::audit_log::{AuditFilter, LoggedEvent};
use hallpass_domain::principal::Principal;
use serde_json::json;

use crate::api::answer;
use crate::api::shapes::common::page;
use crate::bearer::ApiCaller;
use crate::params::Params;
use crate::problem::{Problem, ProblemBody};
use crate::state::AppState;

/// Events, newest first.
#[utoipa::path(get, path = "/api/v1/audit/events", tag = "Audit",
    params(("kind" = Option<String>, Query), ("actor" = Option<String>, Query), ("subject" = Option<String>, Query), ("from" = Option<String>, Query), ("until" = Option<String>, Query),
           ("limit" = Option<u32>, Query), ("after" = Option<String>, Query)),
    responses((status = 200, body = Page<AuditEvent>), (status = "default", body = ProblemBody)))]
pub async fn events(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
) -> Result<HttpResponse, Problem> {
    state.broker.may_audit(&who.caller)?;
    let params = Params::of(&req)?;
    let (broker, limit) = (&state.broker, params.limit()?);
    let catalogue = broker.catalogue().await?;
    let subject = match params.text("subject") {
        Some(text) => Some(subject(broker, text).await?),
        None => None,
    };
    let filter = AuditFilter {
        kind: params.text("kind").map(str::to_owned),
        actor: params.text("actor").map(|a| actor(&catalogue, a)).transpose()?,
        subject,
        from: params.instant("from")?,
        until: params.instant("until")?,
    };
    let found = broker.store.events(&filter, params.after()?, limit + 1).await.map_err(unreadable)?;
    answer::show(&page(found, limit, |e| e.event.parts().id.to_string(), |e| shape(&catalogue, &e)))
}

fn actor(catalogue: &Catalogue, text: &str) -> Result<String, Problem> {
    if text.contains('@') {
        let lower = text.to_lowercase();
        let user = catalogue.users.values().find(|u| u.email.as_str() == lower);
        return user
            .map(|u| format!("user:{}", u.id))
            .ok_or_else(|| Problem::wrong("wrong_value", "actor", "Nobody has this mail address."));
    }
    let known = ["user:", "workload:", "system", "client:"].iter().any(|p| text.starts_with(p));
    if known {
        Ok(text.to_owned())
    } else {
        Err(Problem::wrong(
            "wrong_value",
            "actor",
            "Write user:<id>, workload:<id>, system:<name>, or a mail address.",
        ))
    }
}

async fn subject(broker: &Broker, text: &str) -> Result<(String, String), Problem> {
    if let Some((noun, id)) = text.split_once(':').filter(|(noun, id)| !noun.is_empty() && !id.is_empty()) {
        return Ok((noun.to_owned(), id.to_owned()));
    }
    let wrong = || {
        Problem::wrong(
            "wrong_value",
            "subject",
            "Write a noun and its id, such as grant:0193…, or a request's reference, such as R-7KQ2M9XW4T.",
        )
    };
    let found = broker.request_referenced(text).await?;
    found.map(|r| ("request".to_owned(), r.id.to_string())).ok_or_else(wrong)
}

fn shape(catalogue: &Catalogue, logged: &LoggedEvent) -> AuditEvent {
    let parts = logged.event.parts();
    let opening = parts.opening.as_ref();
    let event = json!({
        "id": parts.id, "at": parts.at, "kind": parts.kind, "actor": parts.actor, "subjects": parts.subjects, "data": parts.data,
        "private_commitment": parts.private_commitment.to_string(), "private": opening.map(|o| &o.private), "salt": opening.map(|o| o.salt.to_hex()),
    });
    AuditEvent {
        id: parts.id.to_string(),
        index: logged.index,
        leaf_hash: logged.leaf_hash.map(|h| h.to_base64()),
        at: parts.at,
        kind: parts.kind.clone(),
        actor: parts.actor.clone(),
        actor_name: actor_name(catalogue, &parts.actor),
        summary: summary(logged),
        event,
    }
}

fn actor_name(catalogue: &Catalogue, actor: &str) -> Option<String> {
    let (kind, id) = actor.split_once(':')?;
    match kind {
        "user" => id
            .parse()
            .ok()
            .filter(|id| catalogue.users.contains_key(id))
            .map(|id| catalogue.name_of(Principal::User(id))),
        "workload" => id
            .parse()
            .ok()
            .filter(|id| catalogue.workloads.contains_key(id))
            .map(|id| catalogue.name_of(Principal::Workload(id))),
        "system" => Some("Hallpass".to_owned()),
        _ => None,
    }
}

/// What it was done to: the request by its reference, else the first noun that says most.
fn summary(logged: &LoggedEvent) -> String {
    let parts = logged.event.parts();
    let reference = parts.opening.as_ref().and_then(|o| o.private.get("reference")).and_then(|v| v.as_str());
    if let Some(reference) = reference {
        return format!("request {reference}");
    }
    let nouns = [
        "credential",
        "token",
        "grant",
        "request",
        "session",
        "user",
        "workload",
        "client",
        "target",
        "role",
    ];
    let found = nouns.iter().find_map(|n| parts.subjects.get(*n).map(|id| format!("{n} {id}")));
    found.or_else(|| parts.subjects.iter().next().map(|(n, id)| format!("{n} {id}"))).unwrap_or_default()
}
