//! Steps of the story that the demo takes by itself: somebody's session, a grant, a login.
use std::sync::Arc;

use hallpass_broker::access::NewSession;
use hallpass_broker::events::event;
use hallpass_broker::requests::decide::DecisionForm;
use hallpass_broker::requests::submit::AskForm;
use hallpass_broker::{Broker, Caller, Origin};
use hallpass_domain::account::Strength;
use hallpass_domain::grant::Grant;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::Verdict;
use hallpass_domain::request::decide::Outcome;
use hallpass_domain::transition::{Change, Transition};
use secrecy::ExposeSecret as _;
use serde_json::json;

use super::seed::DemoAccount;

/// Who asks.
const REQUESTER: &str = "dana@demo.test";
/// Who approves.
const APPROVER: &str = "ana@demo.test";

/// A session of somebody of the demo, as strong as they can have it.
///
/// # Errors
/// Where nobody is called so.
pub async fn open_session(
    broker: &Broker,
    people: &[DemoAccount],
    email: &str,
    agent: &str,
    origin: &Origin,
) -> Result<NewSession, Refusal> {
    let person = people.iter().find(|p| p.email == email).ok_or_else(|| Refusal::not_found("person"))?;
    let catalogue = broker.catalogue().await?;
    let user = catalogue
        .users
        .values()
        .find(|u| u.email.as_str() == email && !u.disabled)
        .ok_or_else(|| Refusal::not_found("person"))?;
    let strength = if person.totp_uri.is_some() { Strength::SecondFactor } else { Strength::Session };
    let now = broker.now();
    let opened =
        NewSession::prepare(now, Some(user.id), strength, broker.settings.session_seconds, agent, origin)?;
    let transition =
        Transition::new(now).with(Change::Session(Box::new(opened.session.clone()))).event(event(
            now,
            "session.opened",
            "system:demo",
            &[("session", opened.session.id.to_string()), ("user", user.id.to_string())],
            json!({ "how": "demo switcher" }),
            json!({}),
        ));
    broker.commit(transition).await.map_err(hallpass_broker::broker::uncommitted)?;
    Ok(opened)
}

/// The cast of a story, signed in.
pub(super) struct Story {
    broker: Arc<Broker>,
    requester: Caller,
    approver: Caller,
}

impl Story {
    /// Signs them in, through ordinary sessions.
    pub(super) async fn begin(broker: &Arc<Broker>, people: &[DemoAccount]) -> Result<Self, Refusal> {
        Ok(Self {
            broker: Arc::clone(broker),
            requester: signed_in(broker, people, REQUESTER).await?,
            approver: signed_in(broker, people, APPROVER).await?,
        })
    }

    /// Asked for, and approved for exactly what was shown.
    pub(super) async fn grant(&self, role: &str, time: &str, reason: &str) -> Result<Grant, Refusal> {
        let form = AskForm {
            role: role.to_owned(),
            time: time.to_owned(),
            reason: reason.to_owned(),
            ..AskForm::default()
        };
        let request = self.broker.submit_request(&self.requester, &form, None).await?;
        let decision = DecisionForm {
            verdict: Verdict::Approve,
            cap_seconds: None,
            comment: String::new(),
            digest: request.digest.clone(),
        };
        let human = self.approver.human()?;
        match self.broker.decide_request(&human, &request.reference, &decision, None).await? {
            (_, Outcome::Approved(grant)) => Ok(*grant),
            _ => Err(Refusal::conflict("no_grant", "The approval gave no grant.")),
        }
    }

    /// A login under it, whose secret nobody keeps.
    pub(super) async fn login(&self, grant: &Grant) -> Result<(), Refusal> {
        self.broker.issue_login(&self.requester, grant.id).await.map(|login| drop(login.taken()))
    }
}

async fn signed_in(broker: &Broker, people: &[DemoAccount], email: &str) -> Result<Caller, Refusal> {
    let origin = Origin { address: std::net::IpAddr::from([127, 0, 0, 1]) };
    let opened = open_session(broker, people, email, "demo", &origin).await?;
    let visitor = broker
        .session_for_cookie(opened.cookie.expose_secret(), broker.now())
        .await?
        .ok_or_else(|| Refusal::not_found("session"))?;
    Ok(Caller::Human(visitor.human()?))
}
