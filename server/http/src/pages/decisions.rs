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
use hallpass_domain::request::submit::sentence;
use hallpass_domain::window::parse_duration;

use super::forms::Form;
use super::requests::OTHER_SESSION;
use super::typed::Typed;
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
        // What was typed before a sign-in. The decision itself is never taken from an address.
        let q = Form::read(request.query_string().as_bytes());
        let values = DecisionValues {
            decision: String::new(),
            comment: q.get("comment").to_owned(),
            shorten_to: q.get("shorten_to").to_owned(),
        };
        decision_page(&v, &human, &reference, StatusCode::OK, values, Vec::new()).await
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
    // What no outcome fits is told in its own words, and as nothing else.
    let kind = outcome_kind(refusal).ok_or_else(|| refusal.clone())?;
    let view = v.state.broker.outcome_view(human, reference, kind).await?;
    Ok(v.html(status, hallpass_views::decision::outcome(&v.shell().await, &view)))
}

/// POST /r/{reference}
pub async fn decide(
    state: Data<AppState>,
    request: HttpRequest,
    reference: Path<String>,
    body: Bytes,
) -> HttpResponse {
    let form = Form::read(&body);
    let typed =
        Typed::of(&format!("/r/{reference}"), &form, &[("comment", "Comment"), ("shorten_to", "Shorten to")]);
    visit!(state, request, Some(typed), |v| {
        let human = v.human()?;
        let values = DecisionValues {
            decision: form.get("decision").to_owned(),
            comment: form.get("comment").to_owned(),
            shorten_to: form.get("shorten_to").to_owned(),
        };
        if let Err(refusal) = v.check_form(form.get("csrf")) {
            if !v.is_from_here() {
                return Err(refusal);
            }
            let errors = vec![FieldError { field: String::new(), message: OTHER_SESSION.to_owned() }];
            return decision_page(&v, &human, &reference, StatusCode::FORBIDDEN, values, errors).await;
        }
        let (verdict, cap_seconds) = match read(&form) {
            Ok(read) => read,
            Err(error) => {
                let status = StatusCode::UNPROCESSABLE_ENTITY;
                return decision_page(&v, &human, &reference, status, values, vec![error]).await;
            }
        };
        let decision = DecisionForm {
            verdict,
            cap_seconds,
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
            // This person may decide it still: the page comes back with what was typed, and says what was wrong.
            Err(refusal)
                if outcome_kind(&refusal).is_none()
                    && refusal.class != Class::Unavailable
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
            Err(refusal) if refusal.code == "session_over" => Err(refusal),
            Err(refusal) => {
                outcome_page(&v, &human, &reference, &refusal, crate::problem::status_of(refusal.class)).await
            }
        }
    })
}

/// What was chosen, and the shortening in seconds. The page's own list sends seconds; a person who writes the form
/// himself may use the words of every other time, `30m`. What is neither is a mistake, never "as long as asked".
fn read(form: &Form) -> Result<(Verdict, Option<i64>), FieldError> {
    let wrong = |field: &str, message: String| FieldError { field: field.to_owned(), message };
    match form.get("decision") {
        "approve" => {}
        "deny" => return Ok((Verdict::Deny, None)),
        _ => return Err(wrong("decision", "Choose approve or deny.".to_owned())),
    }
    let typed = form.get("shorten_to").trim();
    let seconds = match (typed, typed.parse()) {
        ("", _) => None,
        (_, Ok(seconds)) => Some(seconds),
        (_, Err(_)) => {
            Some(parse_duration(typed).map_err(|e| wrong("shorten_to", sentence(&e.to_string())))?)
        }
    };
    Ok((Verdict::Approve, seconds))
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
