//! What is told of an audit log that is behind, and what is kept of what was told.
use hallpass_domain::Timestamp;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::User;

use crate::mails::{mail, when_exactly};

/// What can be behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    /// Events that wait for their seal.
    Seal,
    /// Checkpoints that do not get out.
    Publish,
}

impl Part {
    /// As events have it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Seal => "seal",
            Self::Publish => "publish",
        }
    }
    /// Meta key of what was told last.
    pub(super) fn key(self) -> &'static str {
        match self {
            Self::Seal => "audit.told.seal",
            Self::Publish => "audit.told.publish",
        }
    }
}

/// What was told last of one part: `behind`, or `good`; when, since when it had been behind, and by which server.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) is_behind: bool,
    pub(super) at: Timestamp,
    pub(super) since: Timestamp,
    pub(super) by: String,
}

impl Told {
    /// Reads what [`std::fmt::Display`] wrote; nothing was told where it is something else.
    pub(super) fn read(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ' ');
        let is_behind = match parts.next()? {
            "behind" => true,
            "good" => false,
            _ => return None,
        };
        let (at, since) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some(Self { is_behind, at, since, by: parts.next()?.to_owned() })
    }
}

impl std::fmt::Display for Told {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = if self.is_behind { "behind" } else { "good" };
        write!(f, "{word} {} {} {}", self.at.to_rfc3339(), self.since.to_rfc3339(), self.by)
    }
}

/// The mail to one administrator or auditor: why it is behind, or, without a reason, that it is over.
pub(super) fn notice(user: &User, part: Part, since: Timestamp, why: Option<&str>, at: Timestamp) -> Mail {
    let (subject, headline, paragraphs): (_, _, &[&str]) = match (part, why) {
        (Part::Seal, Some(_)) => (
            "Nothing is issued: the audit log is not sealed",
            "Audit events wait for their seal, so nothing is issued.",
            &[
                "Access that ends still ends, and what happens is still recorded. No signed checkpoint covers it yet, so a change of it could not be shown.",
                "Look at what keeps Hallpass from writing the tables of its audit log. Issuing goes on by itself once everything is sealed, and you get a mail.",
            ],
        ),
        (Part::Seal, None) => (
            "Issuing goes on: the audit log is sealed again",
            "All audit events are sealed again, and issuing goes on.",
            &["What was recorded meanwhile is covered by a signed checkpoint from now on."],
        ),
        (Part::Publish, Some(_)) => (
            "Checkpoints of the audit log do not get out",
            "The newest checkpoint of the audit log is missing at a place that keeps them outside the database.",
            &[
                "Issuing goes on: what happens is recorded, sealed and signed. But that place has nothing by which a change of what happens now could be shown.",
                "Make room there, or let the server write there. It is tried again every second; the newest checkpoint then covers everything before it, and you get a mail.",
            ],
        ),
        (Part::Publish, None) => (
            "Checkpoints of the audit log get out again",
            "The newest checkpoint of the audit log is at every place that keeps them outside the database.",
            &["It covers everything that happened meanwhile."],
        ),
    };
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let mut facts = vec![fact("Behind since", when_exactly(since, user.zone()))];
    facts.push(match why {
        Some(why) => fact("What is wrong", why.to_owned()),
        None => fact("Until", when_exactly(at, user.zone())),
    });
    let model = MailModel {
        subject: subject.to_owned(),
        headline: headline.to_owned(),
        facts,
        quote: None,
        paragraphs: paragraphs.iter().map(|p| (*p).to_owned()).collect(),
        link: Some(("See the reports".to_owned(), "/reports".to_owned())),
        footer: "You get this because you administer or audit Hallpass. You are told once when it has lasted a minute, and once when it is over."
            .to_owned(),
    };
    mail(at, MailKind::OperatorNotice, user, (None, None), model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_told_is_read_again() {
        let at: Timestamp = "2026-11-23T09:01:00.25Z".parse().unwrap();
        let since: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        for is_behind in [true, false] {
            let told = Told { is_behind, at, since, by: "one".to_owned() };
            assert_eq!(Told::read(&told.to_string()), Some(told));
        }
        for other in
            ["", "behind", "behind now then one", "better 2026-11-23T09:01:00Z 2026-11-23T09:01:00Z one"]
        {
            assert_eq!(Told::read(other), None, "{other}");
        }
    }
}
