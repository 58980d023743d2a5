//! The approver's side. The link in a mail opens a page that changes nothing; deciding is a POST by this approver.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::caller::HumanCaller;
use hallpass_broker::queries::inbox::outcome_kind;
use hallpass_broker::requests::decide::DecisionForm;
use hallpass_broker::views::decision::DecisionValues;
use hallpass_broker::views::page::FieldError;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::request::Verdict;
use hallpass_domain::request::decide::Outcome;

use super::forms::Form;
use super::visit::{Visit, visit};
use crate::AppState;

/// GET /inbox
pub async fn inbox(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        let q = Form::read(request.query_string().as_bytes());
        let view = v.state.broker.inbox_view(&human, q.get("tab") == "history", q.get("after")).await?;
        Ok(v.page(hallpass_views::decision::inbox(&v.shell().await, &view)))
    })
}

/// GET /r/{reference}
pub async fn open(state: Data<AppState>, request: HttpRequest, reference: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        decision_page(&v, &human, &reference, StatusCode::OK, DecisionValues::default(), Vec::new()).await
    })
}

async fn decision_page(
    v: &Visit<'_>,
    human: &HumanCaller,
    reference: &str,
    status: StatusCode,
    values: DecisionValues,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Refusal> {
    match v.state.broker.decision_view(human, reference, values, errors).await {
        Ok(view) => Ok(v.html(status, hallpass_views::decision::decide(&v.shell().await, &view))),
        Err(refusal) => outcome_page(v, human, reference, &refusal, StatusCode::OK).await,
    }
}

/// Already decided, withdrawn, lapsed, not yours, your own, unknown: each has a clear page, never a bare error.
async fn outcome_page(
    v: &Visit<'_>,
    human: &HumanCaller,
    reference: &str,
    refusal: &Refusal,
    status: StatusCode,
) -> Result<HttpResponse, Refusal> {
    if refusal.class == Class::Unavailable {
        return Err(refusal.clone());
    }
    let view = v.state.broker.outcome_view(human, reference, outcome_kind(refusal)).await?;
    Ok(v.html(status, hallpass_views::decision::outcome(&v.shell().await, &view)))
}

/// POST /r/{reference}
pub async fn decide(
    state: Data<AppState>,
    request: HttpRequest,
    reference: Path<String>,
    body: Bytes,
) -> HttpResponse {
    visit!(state, request, |v| {
        let human = v.human()?;
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let values = DecisionValues {
            decision: form.get("decision").to_owned(),
            comment: form.get("comment").to_owned(),
            shorten_to: form.get("shorten_to").to_owned(),
        };
        let verdict = match form.get("decision") {
            "approve" => Verdict::Approve,
            "deny" => Verdict::Deny,
            _ => {
                let errors = vec![FieldError {
                    field: "decision".to_owned(),
                    message: "Choose approve or deny.".to_owned(),
                }];
                return decision_page(
                    &v,
                    &human,
                    &reference,
                    StatusCode::UNPROCESSABLE_ENTITY,
                    values,
                    errors,
                )
                .await;
            }
        };
        let decision = DecisionForm {
            verdict,
            cap_seconds: form.get("shorten_to").parse().ok(),
            comment: values.comment.clone(),
            digest: form.get("digest").to_owned(),
        };
        match decide_with_proof(&v, &human, &reference, &decision, form.get("totp")).await {
            Ok(outcome) => {
                let kind = match (verdict, &outcome) {
                    (Verdict::Deny, _) => "denied",
                    (_, Outcome::Lapsed) => "lapsed",
                    _ => "approved",
                };
                let view = v.state.broker.outcome_view(&human, &reference, kind).await?;
                Ok(v.page(hallpass_views::decision::outcome(&v.shell().await, &view)))
            }
            Err(refusal)
                if matches!(refusal.class, Class::Invalid | Class::Unproven | Class::Throttled)
                    && refusal.code != "session_over" =>
            {
                let field =
                    if refusal.class == Class::Unproven { "totp" } else { refusal.field.unwrap_or("") };
                let field = if field == "for" { "shorten_to" } else { field };
                let errors = vec![FieldError { field: field.to_owned(), message: refusal.message.clone() }];
                decision_page(
                    &v,
                    &human,
                    &reference,
                    crate::problem::status_of(refusal.class),
                    values,
                    errors,
                )
                .await
            }
            Err(refusal) if matches!(refusal.class, Class::Conflict | Class::Forbidden | Class::NotFound) => {
                outcome_page(&v, &human, &reference, &refusal, crate::problem::status_of(refusal.class)).await
            }
            Err(refusal) => Err(refusal),
        }
    })
}

/// Checks the second factor where one came with the decision; its use commits together with the decision.
async fn decide_with_proof(
    v: &Visit<'_>,
    human: &HumanCaller,
    reference: &str,
    decision: &DecisionForm,
    code: &str,
) -> Result<Outcome, Refusal> {
    // First whether there is anything to decide: a code is not used up for nothing.
    v.state.broker.decidable(human, reference).await?;
    let step_up = match code.trim() {
        "" => None,
        code => Some(v.state.broker.verify_step_up(human, code, &decision.digest).await?),
    };
    v.state.broker.decide_request(human, reference, decision, step_up).await.map(|(_, outcome)| outcome)
}
