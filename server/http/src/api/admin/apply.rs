//! `POST /api/v1/admin/catalogue`: the difference, or apply it.
use actix_web::{HttpRequest, HttpResponse, web};
use hallpass_broker::Caller;
use hallpass_broker::admin::{self as broker, Action, Applied, ApplyError, By, EndedAccess};
use hallpass_client::wire::admin::{
    ApplyCatalogue, CatalogueChange, CatalogueDiff, ChangeAction, FieldChange, NewClient,
};
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use secrecy::ExposeSecret;

use crate::api::answer::{Answer, Keep};
use crate::api::idempotency::once;
use crate::bearer::ApiCaller;
use crate::body::Body;
use crate::problem::{Mistake, Problem, ProblemBody};
use crate::state::AppState;

/// Says what a catalogue file would change, or changes it, in one transaction.
#[utoipa::path(post, path = "/api/v1/admin/catalogue", tag = "Catalogue", request_body = ApplyCatalogue,
    responses((status = 200, body = CatalogueDiff), (status = "default", body = ProblemBody)))]
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
    let with = |secret: fn(&broker::NewClient) -> Option<String>| {
        let made =
            |c: &broker::NewClient| NewClient { client_id: c.client_id.clone(), client_secret: secret(c) };
        CatalogueDiff { new_clients: done.new_clients.iter().map(made).collect(), ..diff(&done) }
    };
    let answer = Answer::ok(&with(|c| Some(c.secret.expose_secret().to_owned())))?;
    let without = Answer::ok(&with(|_| None))?;
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
        new_clients: Vec::new(),
        ended: done.ended.iter().map(ended).collect(),
    }
}

/// What ended for one holder, in a sentence.
fn ended(ended: &EndedAccess) -> String {
    let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
    let grants = (ended.grants > 0).then(|| format!("{} ended", count(ended.grants, "grant")));
    let requests =
        (ended.requests > 0).then(|| format!("{} taken back", count(ended.requests, "pending request")));
    let what: Vec<String> = [grants, requests].into_iter().flatten().collect();
    format!("{}: {}.", ended.name, what.join(", "))
}
