//! What the demo gives its pages: the guide, the mail viewer, the switcher.
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use hallpass_adapters::notifiers::{DemoMailbox, KeptMail};
use hallpass_broker::access::NewSession;
use hallpass_broker::views::demo::{DemoView, GuidePerson, GuideRole, GuideStep};
use hallpass_broker::views::page::{Command, DemoPerson, Link};
use hallpass_broker::{Broker, Origin};
use hallpass_domain::refusal::Refusal;
use hallpass_http::{DemoHooks, DemoMail};

use super::facts::Facts;
use super::seed::DemoAccount;
use super::{guide, programs};

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
    /// The folder with its data.
    pub data: PathBuf,
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

    fn code(&self, email: &str) -> Option<String> {
        let person = self.people.iter().find(|p| p.email == email)?;
        hallpass_broker::access::shown_code(person.totp_uri.as_deref()?, self.broker.now())
    }

    fn mail_count(&self) -> usize {
        self.mailbox.list(None).len()
    }

    async fn guide(&self) -> Result<DemoView, Refusal> {
        let step = |title: &str, text: &str, act_as: Option<&str>, link: Option<(&str, &str)>| GuideStep {
            title: title.to_owned(),
            text: text.to_owned(),
            link: link.map(|(href, text)| Link { href: href.to_owned(), text: text.to_owned() }),
            act_as: act_as.map(str::to_owned),
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
                    code: self.code(&p.email),
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
                    &format!(
                        "Dana Kim asks for {quick}, two minutes. The form says until when that would be, and who can decide."
                    ),
                    Some("dana@demo.test"),
                    Some((
                        &format!("/request?role={quick}&reason=Trying+Hallpass"),
                        "Act as Dana and open the form",
                    )),
                ),
                step(
                    "Read the mail",
                    "Each approver got one. It says who, what, where, how long and why, and holds no authority.",
                    None,
                    Some(("/demo/mail?to=ana@demo.test", "Open Ana's mails")),
                ),
                step(
                    "Approve",
                    "Follow the link in Ana Ruiz's mail as Ana, or go to her inbox; look at it, and approve.",
                    Some("ana@demo.test"),
                    Some(("/inbox", "Act as Ana and open her inbox")),
                ),
                step(
                    "Use it",
                    "Dana issues a credential and uses it. Its watch page shows its sessions as the target sees them.",
                    Some("dana@demo.test"),
                    Some(("/access", "Act as Dana and open My access")),
                ),
                step(
                    "Watch it end",
                    "After two minutes: no login, sessions dead, absent and verified, with the times measured. A mail says so too.",
                    None,
                    None,
                ),
                step(
                    "Check the evidence",
                    "Otto Lindqvist, the auditor, reads what happened; the grant has a receipt.",
                    Some("otto@demo.test"),
                    Some(("/audit", "Act as Otto and open the audit log")),
                ),
            ],
            links: self
                .facts
                .resource_servers
                .iter()
                .map(|r| {
                    let how = if r.verification == "offline" {
                        "checks signatures by itself"
                    } else {
                        "asks about every token"
                    };
                    Link {
                        href: r.url.clone(),
                        text: format!("{}, a resource server that {how}", r.client_id),
                    }
                })
                .collect(),
            commands: [
                Some(Command {
                    label: "Sign the command line in".to_owned(),
                    command: [guide::set_up(&self.facts.base_url), vec!["hallpass login".to_owned()]]
                        .concat()
                        .join("\n"),
                }),
                Some(Command {
                    label: "Ask, wait, use".to_owned(),
                    command: format!("{}\n{}", guide::ask(quick), guide::use_it(quick)),
                }),
                self.facts.look.clone().map(|command| Command {
                    label: "See what is at the target, past Hallpass".to_owned(),
                    command,
                }),
                Some(Command {
                    label: "See a crash survived, with this demo stopped".to_owned(),
                    command: guide::afterwards("demo crash", &self.data),
                }),
                Some(Command {
                    label: "See tampering found, with this demo stopped".to_owned(),
                    command: guide::afterwards("demo tamper", &self.data),
                }),
            ]
            .into_iter()
            .flatten()
            .collect(),
            missing: (!self.postgres).then(|| Command {
                label: "For a real database target, install PostgreSQL's server and start again".to_owned(),
                command: programs::INSTALL.to_owned(),
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
        super::story::open_session(&self.broker, &self.people, email, agent, origin).await
    }
}
