//! `POST /api/v1/admin/catalogue`: the difference, or apply it.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::Caller;
use hallpass_broker::admin::{Action, Applied, ApplyError, By};
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use secrecy::ExposeSecret;
use serde::Serialize;

use crate::api::answer::{Answer, Keep};
use crate::api::idempotency::once;
use crate::api::wire::admin::{ApplyCatalogue, CatalogueChange, CatalogueDiff, ChangeAction, FieldChange};
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Mistake, Problem, ProblemBody};
use crate::state::AppState;

/// The difference, with the secrets of new clients: the only time that they leave.
#[derive(Serialize, utoipa::ToSchema)]
pub struct CatalogueApplied {
    /// The difference.
    #[serde(flatten)]
    pub diff: CatalogueDiff,
    /// Clients whose secret was just made; left out where there is none. A repeat does not have them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub new_clients: Vec<NewClient>,
}

/// A client whose secret was just made.
#[derive(Serialize, utoipa::ToSchema)]
pub struct NewClient {
    /// `client_id`.
    pub client_id: String,
    /// Its secret.
    pub client_secret: String,
}

/// Says what a catalogue file would change, or changes it, in one transaction.
#[utoipa::path(post, path = "/api/v1/admin/catalogue", tag = "Catalogue", request_body = ApplyCatalogue,
    responses((status = 200, body = CatalogueApplied), (status = "default", body = ProblemBody)))]
pub async fn apply(
    state: web::Data<AppState>,
    req: HttpRequest,
    who: ApiCaller,
    body: Body,
) -> Result<HttpResponse, Problem> {
    let _readable = state.broker.overseen(&who.caller).await?;
    let asked: ApplyCatalogue = body.json(req.headers())?;
    let (shared, caller) = (state.clone(), who.caller.clone());
    once(&state, &req, &who, &body.0, None, |_| async move { applied(&shared, &caller, &asked).await }).await
}

async fn applied(state: &AppState, caller: &Caller, asked: &ApplyCatalogue) -> Result<Answer, Problem> {
    if !caller.has(Duty::Administrator) {
        return Err(
            Refusal::forbidden("administrators_only", "Only administrators change the catalogue.").into()
        );
    }
    let done = state
        .broker
        .apply_catalogue_at(asked.if_revision, By::Person(caller), &asked.toml, !asked.apply, &*state.secrets)
        .await
        .map_err(refused)?;
    let secrets = done
        .new_clients
        .iter()
        .map(|c| NewClient {
            client_id: c.client_id.clone(),
            client_secret: c.secret.expose_secret().to_owned(),
        })
        .collect();
    let answer = Answer::ok(&CatalogueApplied { diff: diff(&done), new_clients: secrets })?;
    let without = Answer::ok(&CatalogueApplied { diff: diff(&done), new_clients: Vec::new() })?;
    Ok(answer.keeping(Keep::Without(without.body)))
}

fn refused(error: ApplyError) -> Problem {
    let mistakes = match error {
        ApplyError::Refused(refusal) => return refusal.into(),
        ApplyError::Mistakes(mistakes) => mistakes,
    };
    let errors: Vec<Mistake> = mistakes
        .into_iter()
        .map(|m| Mistake {
            line: u32::try_from(m.line).ok().filter(|l| *l > 0),
            path: None,
            message: format!("{} {}", m.what, m.what_to_do).trim().to_owned(),
        })
        .collect();
    let detail = match errors.as_slice() {
        [one] => one.message.clone(),
        all => format!("The file has {} mistakes; nothing was changed.", all.len()),
    };
    Problem { errors, ..Problem::wrong("catalogue_invalid", "toml", detail) }
}

fn diff(done: &Applied) -> CatalogueDiff {
    CatalogueDiff {
        applied: !done.dry_run,
        revision: done.revision,
        changes: done
            .differences
            .iter()
            .map(|d| CatalogueChange {
                action: match d.action {
                    Action::Create => ChangeAction::Add,
                    Action::Change => ChangeAction::Change,
                    Action::Retire | Action::Disable => ChangeAction::Retire,
                },
                noun: if d.noun == "user" { "person" } else { d.noun }.to_owned(),
                name: d.name.clone(),
                fields: d
                    .fields
                    .iter()
                    .map(|f| FieldChange {
                        field: f.field.clone(),
                        before: f.before.clone(),
                        after: f.after.clone(),
                    })
                    .collect(),
            })
            .collect(),
        warnings: done.warnings.clone(),
        checks: done.checks.iter().map(super::check::shape).collect(),
    }
}
