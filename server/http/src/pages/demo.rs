//! The demo's own pages: guide, mail viewer, and the switcher. None of it exists in `serve`.
use actix_web::http::header;
use actix_web::web::{Bytes, Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::access::{Visitor, next_path};
use hallpass_broker::views::demo::{MailListView, MailRow, MailView};
use hallpass_broker::views::page::{Choice, Link};
use hallpass_domain::refusal::Refusal;

use super::forms::Form;
use super::visit::{Visit, set_csp, visit};
use crate::{AppState, DemoHooks, DemoMail};

/// Mails on a page of the viewer.
const SHOWN: usize = 100;

fn hooks<'a>(v: &'a Visit<'_>) -> Result<&'a dyn DemoHooks, Refusal> {
    if !v.origin.address.to_canonical().is_loopback() {
        return Err(Refusal::not_found("page"));
    }
    v.state.demo.as_deref().ok_or_else(|| Refusal::not_found("page"))
}

/// GET /demo
pub async fn guide(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let mut view = hooks(&v)?.guide().await?;
        let mut shell = v.shell().await;
        // The switcher's form needs a cookie that its CSRF token is bound to.
        let (csrf, cookie) = v.unopened()?;
        shell.csrf = csrf;
        view.links.dedup_by(|a, b| a.href == b.href);
        let mut answer = v.page(hallpass_views::demo::guide(&shell, &view));
        if let Some(cookie) = cookie {
            let _ = answer.add_cookie(&cookie);
        }
        Ok(answer)
    })
}

/// GET /demo/mail: a page, or JSON where that is asked for.
pub async fn mails(state: Data<AppState>, request: HttpRequest) -> HttpResponse {
    visit!(state, request, |v| {
        let hooks = hooks(&v)?;
        let q = Form::read(request.query_string().as_bytes());
        let to = Some(q.get("to")).filter(|t| !t.is_empty());
        let after = Some(q.get("after")).filter(|a| !a.is_empty());
        // One more than is shown says whether there are older ones.
        let mut mails = hooks.mails(q.get("to"), after, SHOWN + 1).await?;
        let older = mails.len() > SHOWN;
        mails.truncate(SHOWN);
        let next = mails.last().filter(|_| older).map(|m| m.id.clone());
        if request
            .headers()
            .get(header::ACCEPT)
            .and_then(|a| a.to_str().ok())
            .is_some_and(|a| a.contains("application/json"))
            || q.get("format") == "json"
        {
            return Ok(HttpResponse::Ok().json(mails));
        }
        let people = hooks.people();
        let choices = std::iter::once(Choice {
            value: String::new(),
            label: "everybody".to_owned(),
            chosen: to.is_none(),
        })
        .chain(people.iter().map(|p| Choice {
            value: p.email.clone(),
            label: p.name.clone(),
            chosen: to == Some(p.email.as_str()),
        }))
        .collect();
        let rows = mails
            .into_iter()
            .map(|m| MailRow { id: m.id, to: m.to, subject: m.subject, snippet: snippet(&m.text), at: m.at })
            .collect();
        Ok(v.page(hallpass_views::demo::mail_list(
            &v.shell().await,
            &MailListView { to: choices, messages: rows, next },
        )))
    })
}

/// The first paragraph, without its line breaks.
fn snippet(text: &str) -> String {
    let lines = text.lines().map(str::trim).skip_while(|l| l.is_empty()).take_while(|l| !l.is_empty());
    lines.collect::<Vec<_>>().join(" ").chars().take(200).collect()
}

async fn find(v: &Visit<'_>, id: &str) -> Result<DemoMail, Refusal> {
    hooks(v)?.mail(id).await?.ok_or_else(|| Refusal::not_found("mail"))
}

/// GET /demo/mail/{id}
pub async fn mail(state: Data<AppState>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let mail = find(&v, &id).await?;
        let people = hooks(&v)?.people();
        let acting = v.visitor.as_ref().and_then(Visitor::user).map(|u| u.email.to_string());
        let recipient = people
            .iter()
            .find(|p| mail.to.to_lowercase().contains(&p.email))
            .filter(|p| Some(&p.email) != acting.as_ref())
            .map(|p| p.name.clone());
        let base = v.state.config.base_url.clone();
        let view = MailView {
            id: mail.id,
            from: mail.from,
            to: mail.to,
            subject: mail.subject,
            at: mail.at,
            text: mail.text,
            has_html: !mail.html.is_empty(),
            headers: mail.headers,
            links: mail
                .links
                .iter()
                .map(|l| Link { href: l.strip_prefix(&base).unwrap_or(l).to_owned(), text: l.clone() })
                .collect(),
            recipient,
        };
        let mut answer = v.page(hallpass_views::demo::mail(&v.shell().await, &view));
        set_csp(
            &mut answer,
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; frame-src 'self'",
        );
        Ok(answer)
    })
}

/// GET /demo/mail/{id}/html: the message's own HTML, in a sandbox.
pub async fn mail_html(state: Data<AppState>, request: HttpRequest, id: Path<String>) -> HttpResponse {
    visit!(state, request, |v| {
        let mail = find(&v, &id).await?;
        let mut answer = HttpResponse::Ok().content_type("text/html; charset=utf-8").body(mail.html);
        set_csp(
            &mut answer,
            "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox allow-top-navigation-by-user-activation",
        );
        Ok(answer)
    })
}

/// POST /demo/act-as
pub async fn act_as(state: Data<AppState>, request: HttpRequest, body: Bytes) -> HttpResponse {
    visit!(state, request, |v| {
        let form = Form::read(&body);
        if v.visitor.is_some() {
            v.check_form(form.get("csrf"))?;
        } else if !crate::session::is_same_origin(request.headers(), &v.state.config) {
            return Err(Refusal::forbidden("form_expired", "This form came from elsewhere."));
        }
        let opened = hooks(&v)?.act_as(form.get("email"), &v.agent(), &v.origin).await?;
        let mut answer = v.redirect(&next_path(form.get("next")).unwrap_or_else(|| "/".to_owned()), None);
        let _ = answer.add_cookie(&v.session_cookie(&opened));
        Ok(answer)
    })
}
