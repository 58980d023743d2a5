//! A visit: the browser's session, who is signed in, and the frame that every page stands in.
use actix_web::cookie::Cookie;
use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use hallpass_broker::access::{NewSession, Unopened, Visitor};
use hallpass_broker::caller::{Caller, HumanCaller, Origin};
use hallpass_broker::views::error::ErrorView;
use hallpass_broker::views::page::{DemoBar, DemoPerson, Flash, Link, Shell, SignedIn};
use hallpass_domain::account::Strength;
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::{Class, Refusal};
use secrecy::{ExposeSecret as _, SecretString};

use super::typed::Typed;
use crate::AppState;
use crate::problem::status_of;
use crate::session::{CookieOf, is_same_origin};

/// Seconds after which somebody is told to try again what could not be done.
const AGAIN_SECONDS: i64 = 5;

/// A browser's visit of one request.
pub struct Visit<'a> {
    /// Everything that handlers share.
    pub state: &'a AppState,
    /// The request.
    pub request: &'a HttpRequest,
    /// Where it came from.
    pub origin: Origin,
    /// Its session, if it has a live one.
    pub visitor: Option<Visitor>,
    /// Its cookie, where no session stands for it (any more).
    unopened: Option<Unopened>,
    /// What was typed into the form that was sent, where it must not be lost.
    pub(super) typed: Option<Typed>,
}

impl<'a> Visit<'a> {
    /// Loads the session of the cookie, if there is one.
    pub async fn load(state: &'a AppState, request: &'a HttpRequest) -> Result<Self, Refusal> {
        let origin = crate::context::Ctx::of(request).origin();
        let cookie = CookieOf::Session.read(&state.config, request);
        let visitor = match &cookie {
            // A page that refreshes itself says so.
            Some(cookie) if request.headers().contains_key("hallpass-live") => {
                state.broker.glance_at_session(cookie, state.broker.now()).await?
            }
            Some(cookie) => state.broker.session_for_cookie(cookie, state.broker.now()).await?,
            None => None,
        };
        let unopened = cookie.filter(|_| visitor.is_none()).and_then(|c| Unopened::of(&c));
        Ok(Self { state, request, origin, visitor, unopened, typed: None })
    }

    /// With what was typed into the form that was sent.
    pub(crate) fn with_typed(self, typed: Option<Typed>) -> Self {
        Self { typed, ..self }
    }

    /// The signed-in person; else a redirect to where they sign in, from where they come back.
    pub fn human(&self) -> Result<HumanCaller, Refusal> {
        match &self.visitor {
            Some(visitor) => visitor.human(),
            None => Err(Refusal::new(Class::Unproven, "sign_in_needed", "Sign in first.")),
        }
    }

    /// [`Self::human`] as a caller.
    pub fn caller(&self) -> Result<Caller, Refusal> {
        self.human().map(Caller::Human)
    }

    /// Checks that a form came from a page of this session: its CSRF token, and where the browser says it came from.
    pub fn check_form(&self, csrf: &str) -> Result<(), Refusal> {
        let refused = || {
            Refusal::forbidden(
                "form_expired",
                "This form is no longer valid, because you signed in or out since, or it came from elsewhere. Open the page again and repeat it.",
            )
        };
        let matches = match (&self.visitor, &self.unopened) {
            (Some(visitor), _) => visitor.csrf_matches(csrf),
            (None, Some(unopened)) => unopened.csrf_matches(csrf),
            (None, None) => false,
        };
        if !is_same_origin(self.request.headers(), &self.state.config) || !matches {
            return Err(refused());
        }
        Ok(())
    }

    /// Whether the browser says that a form was sent from a page of ours, whatever session that page was of.
    pub fn is_from_here(&self) -> bool {
        is_same_origin(self.request.headers(), &self.state.config)
    }

    /// `User-Agent` as sent.
    pub fn agent(&self) -> String {
        self.request
            .headers()
            .get(header::USER_AGENT)
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default()
            .chars()
            .take(200)
            .collect()
    }

    /// Value of the known-browser cookie.
    pub fn known_cookie(&self) -> Option<String> {
        CookieOf::KnownBrowser.read(&self.state.config, self.request)
    }

    /// A restored backup that waits for an operator: for those who oversee.
    fn standing(&self) -> Option<Flash> {
        let user = self.visitor.as_ref().and_then(Visitor::user)?;
        let oversees = user.duties.contains(&Duty::Administrator) || user.duties.contains(&Duty::Auditor);
        self.state.broker.restored.get().filter(|_| oversees)?;
        Some(Flash {
            tone: "bad".to_owned(),
            message: "Hallpass runs on a restored backup. Nothing is issued and nothing is removed at targets until an operator has run hallpassd restored confirm.".to_owned(),
            link: Some(Link { href: "/reports".to_owned(), text: "See what is known".to_owned() }),
        })
    }

    /// The frame.
    pub async fn shell(&self) -> Shell {
        let broker = &self.state.broker;
        let (mut inbox, mut active, mut owner) = (0, 0, false);
        let user = self.visitor.as_ref().and_then(Visitor::user).cloned();
        if let Ok(caller) = self.human() {
            inbox = broker.inbox_count(&caller).await.unwrap_or(0);
            active = broker.active_count(&Caller::Human(caller.clone())).await.unwrap_or(0);
            owner = broker
                .catalogue()
                .await
                .is_ok_and(|c| c.targets.values().any(|t| t.owners.contains(&caller.user())));
        }
        let strength = self
            .visitor
            .as_ref()
            .map_or("", |v| if v.session.strength == Strength::SecondFactor { "step-up" } else { "session" });
        Shell {
            instance: instance(&self.state.config.base_url),
            person: user.as_ref().map(|u| SignedIn {
                name: u.display_name.clone(),
                email: u.email.to_string(),
                administrator: u.duties.contains(&Duty::Administrator),
                auditor: u.duties.contains(&Duty::Auditor),
                owner,
                strength: strength.to_owned(),
            }),
            inbox_count: inbox,
            active_count: active,
            csrf: match (&self.visitor, &self.unopened) {
                (Some(visitor), _) => visitor.csrf.clone(),
                (None, unopened) => unopened.as_ref().map(|u| u.csrf.clone()).unwrap_or_default(),
            },
            zone: self.zone(),
            now: broker.now(),
            path: self.request.path().to_owned(),
            demo: match &self.state.demo {
                Some(demo) => {
                    let email = self.visitor.as_ref().and_then(Visitor::user).map(|u| u.email.to_string());
                    let people = demo
                        .people()
                        .into_iter()
                        .map(|p| DemoPerson { current: Some(&p.email) == email.as_ref(), ..p })
                        .collect();
                    let mail_count = i64::try_from(demo.mail_count()).unwrap_or(0);
                    let code = email.as_deref().and_then(|e| demo.code(e));
                    // Of what answers forms only the page of a decision can be opened at the same address.
                    let back = match self.request.uri().path_and_query() {
                        Some(page) if self.request.method() == Method::GET => page.to_string(),
                        Some(page) if page.path().starts_with("/r/") => page.path().to_owned(),
                        _ => "/".to_owned(),
                    };
                    Some(DemoBar { back, people, mail_count, code })
                }
                None => None,
            },
            standing: self.standing(),
            flash: CookieOf::Flash.read(&self.state.config, self.request).and_then(|c| read_flash(&c)),
        }
    }

    /// Zone of the person who looks.
    pub fn zone(&self) -> String {
        self.visitor
            .as_ref()
            .and_then(Visitor::user)
            .map_or_else(|| "UTC".to_owned(), |u| u.zone().to_owned())
    }

    /// A rendered page; a notice that was shown is gone.
    pub fn html(&self, status: StatusCode, body: Result<String, impl std::fmt::Display>) -> HttpResponse {
        match body {
            Ok(body) => {
                let mut answer = HttpResponse::build(status);
                answer.content_type("text/html; charset=utf-8");
                if CookieOf::Flash.read(&self.state.config, self.request).is_some() {
                    answer.cookie(CookieOf::Flash.cleared(&self.state.config));
                }
                answer.body(body)
            }
            Err(error) => {
                tracing::error!(%error, "a page could not be rendered");
                HttpResponse::InternalServerError()
                    .content_type("text/plain; charset=utf-8")
                    .body("This page could not be shown. The server's log says why.")
            }
        }
    }

    /// A page with status 200.
    pub fn page(&self, body: Result<String, impl std::fmt::Display>) -> HttpResponse {
        self.html(StatusCode::OK, body)
    }

    /// 303 to a local path, with a notice on the next page.
    pub fn redirect(&self, to: &str, notice: Option<(&str, &str)>) -> HttpResponse {
        let mut answer = HttpResponse::SeeOther();
        answer.insert_header((header::LOCATION, to.to_owned()));
        if let Some((tone, message)) = notice {
            let value = hallpass_broker::queries::catalogue::encode(&format!("{tone}|{message}"));
            answer.cookie(CookieOf::Flash.with(&self.state.config, value));
        }
        answer.finish()
    }

    /// The session cookie of a new session.
    pub fn session_cookie(&self, opened: &NewSession) -> Cookie<'static> {
        CookieOf::Session.with(&self.state.config, opened.cookie.expose_secret())
    }

    /// The token for a form that is shown without a session, and the cookie to be set with it, where there is none yet.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub fn unopened(&self) -> Result<(String, Option<Cookie<'static>>), Refusal> {
        if let Some(visitor) = &self.visitor {
            return Ok((visitor.csrf.clone(), None));
        }
        if let Some(unopened) = &self.unopened {
            return Ok((unopened.csrf.clone(), None));
        }
        let made = Unopened::new()?;
        let cookie = CookieOf::Session.with(&self.state.config, made.cookie.expose_secret());
        Ok((made.csrf, Some(cookie)))
    }

    /// The known-browser cookie, for 180 days.
    pub fn known_browser_cookie(&self, value: &SecretString) -> Cookie<'static> {
        CookieOf::KnownBrowser.with(&self.state.config, value.expose_secret())
    }

    /// What a refusal looks like as a page. Somebody who must sign in first is sent there, and comes back.
    pub async fn refuse(&self, refusal: &Refusal) -> HttpResponse {
        if refusal.class == Class::Unproven {
            match refusal.code {
                "second_factor_needed" => return self.redirect("/sign-in/second-factor", None),
                "sign_in_needed" | "session_over" | "fresh_sign_in_needed" => return self.to_sign_in().await,
                _ => {}
            }
        }
        let shell = self.shell().await;
        let code = status_of(refusal.class);
        let mut view = ErrorView {
            status: code.as_u16(),
            code: refusal.code.to_owned(),
            title: String::new(),
            message: refusal.message.clone(),
            next: None,
            links: vec![
                Link { href: "/catalogue".to_owned(), text: "Catalogue".to_owned() },
                Link { href: "/access".to_owned(), text: "My access".to_owned() },
            ],
            request_id: crate::context::Ctx::of(self.request).request_id.to_string(),
            retry_after_seconds: (code == StatusCode::SERVICE_UNAVAILABLE).then_some(AGAIN_SECONDS),
            typed: Vec::new(),
        };
        // Nothing of what another site sent is shown as theirs.
        if let Some(typed) = self.typed.clone().filter(|_| self.is_from_here()) {
            typed.shown_in(&mut view);
        }
        let mut answer = self.html(code, hallpass_views::error::page(&shell, &view));
        if let Some(seconds) = view.retry_after_seconds {
            answer.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        answer
    }
}

/// Replaces the page's Content-Security-Policy.
pub fn set_csp(answer: &mut HttpResponse, policy: &'static str) {
    answer.headers_mut().insert(header::CONTENT_SECURITY_POLICY, header::HeaderValue::from_static(policy));
}

/// Whose Hallpass this is: the host of its address, nothing on loopback.
fn instance(base_url: &str) -> String {
    let rest = base_url.split_once("://").map_or(base_url, |(_, rest)| rest);
    let host = rest.split(['/', ':']).next().unwrap_or_default();
    if host == "localhost" || host.starts_with("127.") || host.starts_with('[') {
        String::new()
    } else {
        host.to_owned()
    }
}

fn read_flash(value: &str) -> Option<Flash> {
    let text = super::forms::Form::read(format!("v={value}").as_bytes()).get("v").to_owned();
    let (tone, message) = text.split_once('|')?;
    let tone = ["good", "info", "warn", "bad"].into_iter().find(|t| *t == tone)?;
    Some(Flash { tone: tone.to_owned(), message: message.chars().take(300).collect(), link: None })
}

/// Runs a handler's body with its visit, and turns a refusal into a page; beside it stands what was typed into a form.
macro_rules! visit {
    ($state:expr, $request:expr, |$visit:ident| $body:expr) => {
        $crate::pages::visit::visit!($state, $request, None, |$visit| $body)
    };
    ($state:expr, $request:expr, $typed:expr, |$visit:ident| $body:expr) => {{
        let typed: Option<$crate::pages::typed::Typed> = $typed;
        match $crate::pages::visit::Visit::load(&$state, &$request).await {
            Ok(visit) => {
                let $visit = visit.with_typed(typed);
                let answer: Result<actix_web::HttpResponse, hallpass_domain::refusal::Refusal> =
                    async { $body }.await;
                match answer {
                    Ok(answer) => answer,
                    Err(refusal) => $visit.refuse(&refusal).await,
                }
            }
            Err(refusal) => {
                let problem = $crate::problem::Problem::from(refusal);
                let answer = actix_web::ResponseError::error_response(&problem);
                match typed {
                    Some(typed) if $crate::session::is_same_origin($request.headers(), &$state.config) => {
                        typed.left_with(answer)
                    }
                    _ => answer,
                }
            }
        }
    }};
}
pub(crate) use visit;
