//! From a page that needs a sign-in to the sign-in page, and back. A GET keeps the way in a cookie and writes nothing; a
//! form that was sent without a session keeps what was typed with a session that is opened for it. Nothing is ever sent
//! again by itself: the form comes back filled in, to be looked at and sent once more.
use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::Method;
use hallpass_broker::access::{NewSession, next_path};
use hallpass_broker::queries::catalogue::encode;
use hallpass_domain::account::Session;
use hallpass_domain::refusal::Refusal;

use super::forms::Form;
use super::visit::Visit;
use crate::session::CookieOf;

const KEPT: &str =
    "You were signed out meanwhile, so nothing was sent. Sign in: the form comes back as you filled it in.";
const TOO_LONG: &str = "You were signed out meanwhile, so nothing was sent, and what you typed is too long to be kept. Go back in your browser and copy it before you sign in.";

/// Longest field, as it stands in an address, that is kept where everything together is too long. Bytes.
const LONG_FIELD: usize = 256;

impl Visit<'_> {
    /// For a form: where it is shown again, filled in, should it turn out that nobody is signed in. Only what was sent
    /// from a page of ours in this very browser is kept.
    pub(super) fn keep_typed(&self, form: &Form, back: String) {
        if self.human().is_err() && self.check_form(form.get("csrf")).is_ok() {
            *self.typed.borrow_mut() = Some(back);
        }
    }

    /// To the sign-in page.
    pub(super) async fn to_sign_in(&self) -> HttpResponse {
        let typed = self.typed.borrow_mut().take();
        if let Some(back) = typed {
            return self.with_typed_kept(&back).await;
        }
        let looks = self.request.method() == Method::GET || self.request.method() == Method::HEAD;
        let next = if looks { self.request.uri().to_string() } else { "/".to_owned() };
        let mut answer = self.redirect("/sign-in", None);
        let cookie = match self.state.broker.seal_way_back(&next, self.state.broker.now()) {
            Some(sealed) => CookieOf::Next.with(&self.state.config, sealed),
            None => CookieOf::Next.cleared(&self.state.config),
        };
        let _ = answer.add_cookie(&cookie);
        answer
    }

    async fn with_typed_kept(&self, back: &str) -> HttpResponse {
        let (next, notice) = match next_path(back) {
            Some(next) => (next, KEPT),
            None => (without_long(back), TOO_LONG),
        };
        let mut answer = self.redirect("/sign-in", Some(("warn", notice)));
        // A way back of an earlier GET is not where they were going now.
        let _ = answer.add_cookie(&CookieOf::Next.cleared(&self.state.config));
        match &self.visitor {
            Some(visitor) => {
                let _ = self.state.broker.remember_next(&visitor.session, &next).await;
            }
            None => {
                let opened =
                    self.state.broker.open_anonymous_session(Some(&next), &self.agent(), &self.origin).await;
                match opened {
                    Ok(opened) => {
                        let _ = answer.add_cookie(&self.session_cookie(&opened));
                    }
                    // Too many from that network, or nothing can be written: then it is not kept, and that is said.
                    Err(_) => return self.redirect("/sign-in", Some(("warn", TOO_LONG))),
                }
            }
        }
        answer
    }

    /// Where the cookie says that they were going.
    pub(super) fn next_of_cookie(&self) -> Option<String> {
        let sealed = CookieOf::Next.read(&self.state.config, self.request)?;
        self.state.broker.open_way_back(&sealed, self.state.broker.now())
    }

    /// The session that a sign-in replaces, with the way back in it: the one that there is, or one that is opened now.
    pub(super) async fn session_to_sign_in(&self) -> Result<(Session, Option<NewSession>), Refusal> {
        let next = self.next_of_cookie();
        let broker = &self.state.broker;
        let Some(visitor) = &self.visitor else {
            let opened = broker.open_anonymous_session(next.as_deref(), &self.agent(), &self.origin).await?;
            return Ok((opened.session.clone(), Some(opened)));
        };
        if let Some(next) = next {
            broker.remember_next(&visitor.session, &next).await?;
        }
        Ok((visitor.session.clone(), None))
    }

    /// Makes the browser forget a way back that was taken.
    pub(super) fn next_taken(&self) -> Option<Cookie<'static>> {
        CookieOf::Next.read(&self.state.config, self.request)?;
        Some(CookieOf::Next.cleared(&self.state.config))
    }
}

/// The address without what is too long to be kept, so that it still leads to the form of the same thing.
fn without_long(back: &str) -> String {
    let (path, query) = back.split_once('?').unwrap_or((back, ""));
    let kept: Vec<&str> =
        query.split('&').filter(|pair| !pair.is_empty() && pair.len() <= LONG_FIELD).collect();
    if kept.is_empty() { path.to_owned() } else { format!("{path}?{}", kept.join("&")) }
}

/// The address of a page with a form, and what was typed in the fields that it reads from there.
pub(super) fn filled_in(path: &str, form: &Form, fields: &[&str]) -> String {
    let mut pairs: Vec<String> = Vec::new();
    for (name, value) in form.pairs() {
        if (fields.contains(&name) || name.starts_with("scope.")) && !value.is_empty() {
            pairs.push(format!("{}={}", encode(name), encode(value)));
        }
    }
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}
