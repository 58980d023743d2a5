//! What the demo gives its pages: the guide, the mail viewer, the switcher.
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_adapters::notifiers::{DemoMailbox, KeptMail};
use hallpass_broker::access::NewSession;
use hallpass_broker::events::event;
use hallpass_broker::views::demo::{DemoView, GuidePerson, GuideRole, GuideStep};
use hallpass_broker::views::page::{Command, DemoPerson, Link};
use hallpass_broker::{Broker, Origin};
use hallpass_domain::account::Strength;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use hallpass_http::{DemoHooks, DemoMail};
use serde_json::json;

use super::facts::Facts;
use super::postgres;
use super::seed::DemoAccount;

/// The demo's side of the pages below `/demo`.
pub struct Hooks {
    /// The broker.
    pub broker: Arc<Broker>,
    /// Mails as they were sent.
    pub mailbox: DemoMailbox,
    /// People.
    pub people: Vec<DemoAccount>,
    /// What the guide says.
    pub facts: Facts,
    /// Whether there is a PostgreSQL target.
    pub postgres: bool,
}

fn mail(kept: &KeptMail) -> DemoMail {
    let headers: Vec<(String, String)> = kept
        .raw
        .split("\r\n\r\n")
        .next()
        .unwrap_or_default()
        .replace("\r\n ", " ")
        .replace("\r\n\t", " ")
        .lines()
        .filter_map(|l| l.split_once(": "))
        .map(|(k, w)| (k.to_owned(), w.to_owned()))
        .collect();
    let from = headers.iter().find(|(k, _)| k == "From").map(|(_, w)| w.clone()).unwrap_or_default();
    DemoMail {
        id: kept.id.clone(),
        from,
        to: kept.to.clone(),
        subject: kept.subject.clone(),
        at: kept.date,
        text: kept.text.clone(),
        html: kept.html.clone(),
        links: kept.links.clone(),
        headers,
    }
}

#[async_trait]
impl DemoHooks for Hooks {
    fn people(&self) -> Vec<DemoPerson> {
        self.people
            .iter()
            .map(|p| DemoPerson {
                name: p.name.clone(),
                email: p.email.clone(),
                part: p.part.clone(),
                current: false,
            })
            .collect()
    }

    fn mail_count(&self) -> usize {
        self.mailbox.list(None).len()
    }

    async fn guide(&self) -> Result<DemoView, Refusal> {
        let step = |title: &str, text: &str, link: Option<(&str, &str)>| GuideStep {
            title: title.to_owned(),
            text: text.to_owned(),
            link: link.map(|(href, text)| Link { href: href.to_owned(), text: text.to_owned() }),
            done: false,
        };
        let quick = if self.postgres { "db-quick" } else { "billing-quick" };
        let catalogue = self.broker.catalogue().await?;
        let purpose = |name: &str| {
            catalogue
                .roles
                .values()
                .find(|r| r.name.as_str() == name)
                .map(|r| r.purpose.clone())
                .unwrap_or_default()
        };
        Ok(DemoView {
            people: self
                .people
                .iter()
                .map(|p| GuidePerson {
                    name: p.name.clone(),
                    email: p.email.clone(),
                    password: p.password.clone(),
                    part: p.part.clone(),
                    groups: p.groups.clone(),
                    second_factor: p.totp_uri.is_some(),
                })
                .collect(),
            roles: self
                .facts
                .roles
                .iter()
                .map(|r| GuideRole {
                    name: r.name.clone(),
                    target: r.target.clone(),
                    tier: r.tier.clone(),
                    try_it: purpose(&r.name),
                })
                .collect(),
            steps: vec![
                step(
                    "Ask",
                    &format!("Act as Dana Kim and ask for {quick}, two minutes."),
                    Some((&format!("/request?role={quick}&reason=Trying+Hallpass"), "Open the form")),
                ),
                step(
                    "Read the mail",
                    "Each approver got one. It says who, what, where, how long and why, and holds no authority.",
                    Some(("/demo/mail", "Open the mails")),
                ),
                step(
                    "Approve",
                    "Follow the link in Ana Ruiz's mail, act as her, and approve.",
                    Some(("/inbox", "Her inbox")),
                ),
                step(
                    "Use it",
                    "Act as Dana again and issue a credential under My access. Its watch page shows its sessions as the target sees them.",
                    Some(("/access", "My access")),
                ),
                step(
                    "Watch it end",
                    "After two minutes: no login, sessions dead, absent and verified, with the times measured. A mail says so too.",
                    None,
                ),
                step(
                    "Check the evidence",
                    "Act as Otto Lindqvist, the auditor, and read what happened; open the grant's receipt.",
                    Some(("/audit", "Audit log")),
                ),
            ],
            links: self
                .facts
                .resource_servers
                .iter()
                .map(|r| Link { href: r.url.clone(), text: format!("{} ({})", r.client_id, r.verification) })
                .collect(),
            commands: vec![
                Command {
                    label: "Sign the command line in".to_owned(),
                    command: format!("export HALLPASS_SERVER={}; hallpass login", self.facts.base_url),
                },
                Command {
                    label: "Ask, wait, use".to_owned(),
                    command: format!(
                        "hallpass request {quick} --reason 'trying it' --wait && hallpass run {quick} -- {}",
                        if self.postgres { "psql" } else { "env" }
                    ),
                },
                Command {
                    label: "See a crash survived".to_owned(),
                    command: "cargo run --release -- demo crash".to_owned(),
                },
                Command {
                    label: "See tampering found".to_owned(),
                    command: "cargo run --release -- demo tamper".to_owned(),
                },
            ],
            missing: (!self.postgres).then(|| Command {
                label: "For a real database target, install PostgreSQL's server and start again".to_owned(),
                command: postgres::INSTALL.to_owned(),
            }),
        })
    }

    async fn mails(&self, to: &str, after: Option<&str>, limit: usize) -> Result<Vec<DemoMail>, Refusal> {
        let all = self.mailbox.list(Some(to).filter(|t| !t.is_empty()));
        let skip = after.and_then(|a| all.iter().position(|m| m.id == a)).map_or(0, |at| at + 1);
        Ok(all.iter().skip(skip).take(limit).map(|m| mail(m)).collect())
    }

    async fn mail(&self, id: &str) -> Result<Option<DemoMail>, Refusal> {
        Ok(self.mailbox.get(id).map(|m| mail(&m)))
    }

    async fn act_as(&self, email: &str, agent: &str, origin: &Origin) -> Result<NewSession, Refusal> {
        let person =
            self.people.iter().find(|p| p.email == email).ok_or_else(|| Refusal::not_found("person"))?;
        let catalogue = self.broker.catalogue().await?;
        let user = catalogue
            .users
            .values()
            .find(|u| u.email.as_str() == email && !u.disabled)
            .ok_or_else(|| Refusal::not_found("person"))?;
        let strength = if person.totp_uri.is_some() { Strength::SecondFactor } else { Strength::Session };
        let now = self.broker.now();
        let opened = NewSession::prepare(
            now,
            Some(user.id),
            strength,
            self.broker.settings.session_seconds,
            agent,
            origin,
        )?;
        let transition =
            Transition::new(now).with(Change::Session(Box::new(opened.session.clone()))).event(event(
                now,
                "session.opened",
                "system:demo",
                &[("session", opened.session.id.to_string()), ("user", user.id.to_string())],
                json!({ "how": "demo switcher" }),
                json!({}),
            ));
        self.broker.commit(transition).await.map_err(hallpass_broker::broker::uncommitted)?;
        Ok(opened)
    }
}
