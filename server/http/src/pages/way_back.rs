//! From a page that needs a sign-in to the sign-in page, and back. A GET keeps the way in a cookie and writes nothing; a
//! form that was sent without a session keeps what was typed with a session that is opened for it. Nothing is ever sent
//! again by itself: the form comes back filled in, to be looked at and sent once more.
use actix_web::HttpResponse;
use actix_web::cookie::Cookie;
use actix_web::http::Method;
use hallpass_broker::access::{NewSession, next_path};
use hallpass_domain::account::Session;
use hallpass_domain::refusal::Refusal;

use super::typed::{Typed, without_long};
use super::visit::Visit;
use crate::session::CookieOf;

const KEPT: &str =
    "You were signed out meanwhile, so nothing was sent. Sign in: the form comes back as you filled it in.";
const TOO_LONG: &str = "You were signed out meanwhile, so nothing was sent, and what you typed is too long to be kept. Go back in your browser and copy it before you sign in.";

impl Visit<'_> {
    /// To the sign-in page. What was typed into a form is kept where that was sent from a page of ours in this very browser.
    pub(super) async fn to_sign_in(&self) -> HttpResponse {
        let ours =
            |typed: &&Typed| typed.fills && self.human().is_err() && self.check_form(&typed.csrf).is_ok();
        if let Some(typed) = self.typed.as_ref().filter(ours) {
            return self.with_typed_kept(&typed.back).await;
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
