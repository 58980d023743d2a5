//! Mails about a person's own account. They carry no secret and no authority; the link leads to the account page.
use hallpass_domain::Timestamp;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::User;

use crate::caller::Origin;
use crate::mails::{mail, when_exactly};

/// What happened, in the words of the mail.
pub(super) struct Notice<'a> {
    /// Subject: `Your password was changed`.
    pub(super) subject: &'a str,
    /// First sentence.
    pub(super) headline: String,
    /// Further facts.
    pub(super) facts: Vec<(&'a str, String)>,
    /// What to do if it was not them.
    pub(super) advice: &'a str,
}

/// What to do when somebody else did it.
pub(super) const NOT_YOU: &str = "If this was not you, tell an administrator now: they can set your account back, which ends every session of it.";

/// Where something was done.
#[derive(Clone, Copy)]
pub(super) enum Place<'a> {
    /// In a browser at this address.
    At(&'a Origin),
    /// In a session that was signed in before.
    Session,
    /// By a command on the server.
    Server,
}

/// The mail to the person.
pub(super) fn notice(now: Timestamp, user: &User, place: Place<'_>, notice: Notice<'_>) -> Mail {
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let place = match place {
        Place::At(origin) => origin.address.to_string(),
        Place::Session => "a browser that was signed in before".to_owned(),
        Place::Server => "the server itself, by whoever runs it".to_owned(),
    };
    let mut facts = vec![fact("When", when_exactly(now, user.zone())), fact("From", place)];
    facts.extend(notice.facts.into_iter().map(|(label, value)| fact(label, value)));
    let model = MailModel {
        subject: notice.subject.to_owned(),
        headline: notice.headline,
        facts,
        quote: None,
        paragraphs: vec![notice.advice.to_owned()],
        link: Some(("Look at your account".to_owned(), "/account".to_owned())),
        footer: "You get this because it is about your own account.".to_owned(),
    };
    mail(now, MailKind::AccountNotice, user, (None, None), model)
}

/// The mail about a recovery code that was used.
pub(super) fn code_used(now: Timestamp, user: &User, from: &Origin, headline: &str, left: usize) -> Mail {
    notice(
        now,
        user,
        Place::At(from),
        Notice {
            subject: "A recovery code of yours was used",
            headline: headline.to_owned(),
            facts: vec![("Codes left", left.to_string())],
            advice: NOT_YOU,
        },
    )
}
