//! The first run: whoever has the claim secret becomes the first administrator. Absent once there is one.
use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::views::page::FieldError;
use hallpass_broker::views::session::FirstRunView;
use hallpass_domain::refusal::{Class, Refusal};
use secrecy::SecretString;

use super::forms::Form;
use super::visit::{Visit, visit};
use crate::AppState;

async fn page(
    v: &Visit<'_>,
    status: StatusCode,
    name: String,
    email: String,
    errors: Vec<FieldError>,
) -> Result<HttpResponse, Refusal> {
    if v.state.broker.has_administrator().await? {
        return Err(Refusal::not_found("page"));
    }
    let mut shell = v.shell().await;
    let (csrf, cookie) = v.unopened()?;
    shell.csrf = csrf;
    let view = FirstRunView {
        claim_hint: "the server's log and its first-run file".to_owned(),
        lapses_at: v.state.broker.first_run_until().await?,
        name,
        email,
        errors,
    };
    let mut answer = v.html(status, hallpass_views::session::first_run(&shell, &view));
    if let Some(cookie) = cookie {
        let _ = answer.add_cookie(&cookie);
    }
    Ok(answer)
}

/// GET /first-run
pub async fn form(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| page(&v, StatusCode::OK, String::new(), String::new(), Vec::new()).await)
}

/// POST /first-run
pub async fn submit(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let form = Form::read(&body);
        v.check_form(form.get("csrf"))?;
        let (name, email) = (form.get("name").to_owned(), form.get("email").to_owned());
        if form.get("password") != form.get("password_again") {
            let errors = vec![FieldError {
                field: "password_again".to_owned(),
                message: "The two passwords differ.".to_owned(),
            }];
            return page(&v, StatusCode::UNPROCESSABLE_ENTITY, name, email, errors).await;
        }
        let (claim, password) = (
            SecretString::from(form.get("claim_secret").trim().to_owned()),
            SecretString::from(form.get("password").to_owned()),
        );
        match v.state.broker.create_first_administrator(&claim, &email, &name, &password).await {
            Ok(_) => Ok(v.redirect(
                "/sign-in",
                Some(("good", "You are the first administrator. Sign in, then set up a second factor.")),
            )),
            Err(refusal) if matches!(refusal.class, Class::Invalid | Class::Unproven) => {
                let field = match refusal.field.unwrap_or("") {
                    "claim" => "claim_secret",
                    "new_password" => "password",
                    other => other,
                };
                let errors = vec![FieldError { field: field.to_owned(), message: refusal.message.clone() }];
                page(&v, crate::problem::status_of(refusal.class), name, email, errors).await
            }
            Err(refusal) => Err(refusal),
        }
    })
}
