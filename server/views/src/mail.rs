//! Mails: from the stored model to subject, complete plain text, and HTML that mail clients render.
//!
//! Both bodies come from the same model through `templates/email/`; a message that needs a body of its own gets a
//! folder `templates/email/<kind>/`. Nothing remote is loaded and nothing is counted: no images, no pixel, no fonts.
//! Rendering reads no clock, so a second delivery is the same message.

mod text;

#[cfg(test)]
mod tests;

use askama::Template;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::ports::notifier::{MailRenderer, RenderedMail};
use hallpass_domain::text::{clean_line, clean_multiline};

/// Largest HTML, bytes: beyond about 100 KB clients cut, and some scanners do far earlier.
const MAX_HTML: usize = 30 * 1024;
/// Longest subject, characters.
const MAX_SUBJECT: usize = 200;

/// Renders mails with links below one base URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Renderer {
    base_url: String,
    mail_host: String,
    subject_prefix: String,
}

impl Renderer {
    /// `base_url` as people reach the portal; `mail_host`, the domain in Message-IDs; `subject_prefix`, such as
    /// `[Access]`, or empty.
    ///
    /// # Errors
    /// A base URL that is not http(s), or a host that is not a domain.
    pub fn new(base_url: &str, mail_host: &str, subject_prefix: &str) -> Result<Self, String> {
        let base = base_url.trim_end_matches('/');
        let rest = base.strip_prefix("https://").or_else(|| base.strip_prefix("http://"));
        if !rest.is_some_and(|rest| !rest.is_empty() && is_url_text(rest)) {
            return Err(format!("{base_url:?} is not an http(s) URL"));
        }
        let domain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-');
        if mail_host.is_empty() || mail_host.len() > 150 || !mail_host.bytes().all(domain) {
            return Err(format!("{mail_host:?} is not a domain for Message-IDs"));
        }
        Ok(Self {
            base_url: base.to_owned(),
            mail_host: mail_host.to_owned(),
            subject_prefix: clean_line(subject_prefix),
        })
    }

    fn subject(&self, model: &MailModel) -> String {
        let subject = clean_line(&format!("{} {}", self.subject_prefix, model.subject));
        match subject.char_indices().nth(MAX_SUBJECT) {
            Some((at, _)) => format!("{}…", subject.get(..at).unwrap_or_default().trim_end()),
            None => subject,
        }
    }

    fn link(&self, model: &MailModel) -> Result<Option<Link>, String> {
        let Some((label, path)) = &model.link else { return Ok(None) };
        // Below the base URL, and nowhere else: `//host` and `@host` lead away.
        if !path.starts_with('/') || path.starts_with("//") || !is_url_text(path) {
            return Err(format!("the link {path:?} is not a path"));
        }
        Ok(Some(Link { label: clean_line(label), url: format!("{}{path}", self.base_url) }))
    }
}

impl MailRenderer for Renderer {
    fn render(&self, mail: &Mail) -> Result<RenderedMail, String> {
        let link = self.link(&mail.model)?;
        let subject = self.subject(&mail.model);
        let model = clean(&mail.model);
        // Mails of one request hang together by a root of which no mail exists: each person gets other ones.
        let root = mail.request_id.map(|id| format!("request.{id}"));
        let root = root.or_else(|| mail.grant_id.map(|id| format!("grant.{id}")));
        Ok(RenderedMail {
            message_id: format!("{}@{}", mail.id, self.mail_host),
            thread_id: root.map(|root| format!("{root}@{}", self.mail_host)),
            to_email: mail.to_email.clone(),
            to_name: clean_line(&mail.to_name),
            text: render_text(mail.kind, &model, link.as_ref())?,
            html: render_html(mail.kind, &subject, &model, link.as_ref())?,
            subject,
            date: mail.queued_at,
        })
    }
}

/// Printable ASCII without white space, quotes, angle brackets and backslashes.
fn is_url_text(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'"' | b'\'' | b'<' | b'>' | b'\\' | b'`'))
}

/// Control and bidi characters were dropped when people typed; here they are dropped once more.
fn clean(model: &MailModel) -> MailModel {
    let fact = |fact: &Fact| Fact { label: clean_line(&fact.label), value: clean_line(&fact.value) };
    MailModel {
        subject: clean_line(&model.subject),
        headline: clean_line(&model.headline),
        facts: model.facts.iter().map(fact).collect(),
        quote: model.quote.as_deref().map(clean_multiline).filter(|quote| !quote.is_empty()),
        paragraphs: model.paragraphs.iter().map(|text| clean_multiline(text)).collect(),
        link: model.link.clone(),
        footer: clean_line(&model.footer),
    }
}

struct Link {
    label: String,
    url: String,
}

/// Colours of the label above the headline; its class gives those of the dark scheme.
struct Tone {
    name: &'static str,
    ink: &'static str,
    paper: &'static str,
}

const GOOD: Tone = Tone { name: "good", ink: "#14613a", paper: "#e0f1e6" };
const INFO: Tone = Tone { name: "info", ink: "#1d4f86", paper: "#e3edf8" };
const WAIT: Tone = Tone { name: "wait", ink: "#7a4a00", paper: "#fdf0d2" };
const BAD: Tone = Tone { name: "bad", ink: "#9c1f2c", paper: "#fbe6e6" };
const PLAIN: Tone = Tone { name: "plain", ink: "#47554e", paper: "#e9ede8" };

/// The label above the headline, and its tone. What it says stands in the headline too.
const fn label(kind: MailKind) -> (&'static str, Tone) {
    match kind {
        MailKind::ApprovalAsked => ("Your decision is asked", WAIT),
        MailKind::NoActionNeeded => ("No action needed", PLAIN),
        MailKind::RequestReceived => ("Request received", INFO),
        MailKind::RequestApproved => ("Request approved", GOOD),
        MailKind::RequestDenied => ("Request denied", BAD),
        MailKind::RequestLapsed => ("Request lapsed", PLAIN),
        MailKind::RequestWithdrawn => ("Request withdrawn", PLAIN),
        MailKind::GrantEnded => ("Access ended and checked", GOOD),
        MailKind::GrantRevoked => ("Access revoked", BAD),
        MailKind::RevocationOverdue => ("Removal overdue", BAD),
        MailKind::RevocationRecovered => ("Removal completed", GOOD),
        MailKind::TargetDiffers => ("Accounts differ from our records", BAD),
        MailKind::IssuingFailed => ("Logins cannot be made", BAD),
        MailKind::CatalogueChanged => ("Catalogue changed", INFO),
        MailKind::AccountNotice => ("About your account", INFO),
        MailKind::OperatorNotice => ("About this installation", WAIT),
    }
}

/// What the quoted text is.
const fn quote_label(kind: MailKind) -> &'static str {
    match kind {
        MailKind::ApprovalAsked | MailKind::RequestReceived | MailKind::RequestLapsed => "Why",
        MailKind::GrantRevoked => "Reason",
        _ => "Comment",
    }
}

#[derive(Template)]
#[template(path = "email/layout.txt")]
struct TextLayout<'a> {
    headline: String,
    blocks: &'a [String],
    footer: String,
}

fn render_text(kind: MailKind, model: &MailModel, link: Option<&Link>) -> Result<String, String> {
    let mut blocks = Vec::new();
    let facts = text::facts(&model.facts, model.quote.as_deref().map(|quote| (quote_label(kind), quote)));
    blocks.extend(Some(facts).filter(|facts| !facts.is_empty()));
    blocks.extend(model.paragraphs.iter().map(|paragraph| text::wrap(paragraph)));
    blocks.extend(link.map(|link| format!("{}:\n  {}", link.label, link.url)));
    let (headline, footer) = (text::wrap(&model.headline), text::wrap(&model.footer));
    let text =
        TextLayout { headline, blocks: &blocks, footer }.render().map_err(|error| error.to_string())?;
    Ok(text + "\n")
}

#[derive(Template)]
#[template(path = "email/layout.html")]
struct HtmlLayout<'a> {
    subject: &'a str,
    label: &'a str,
    tone: Tone,
    headline: &'a str,
    facts: &'a [Fact],
    quote_label: &'a str,
    quote: Vec<&'a str>,
    paragraphs: Vec<Vec<&'a str>>,
    link: Option<&'a Link>,
    footer: &'a str,
}

fn render_html(
    kind: MailKind,
    subject: &str,
    model: &MailModel,
    link: Option<&Link>,
) -> Result<String, String> {
    let html = html_of(kind, subject, model, link)?;
    if html.len() <= MAX_HTML {
        return Ok(html);
    }
    // Rare: a long diff. The plain part has all of it, and so has the page.
    for budget in [12_000, 6_000, 3_000, 1_000] {
        let html = html_of(kind, subject, &shorten(model, budget), link)?;
        if html.len() <= MAX_HTML {
            return Ok(html);
        }
    }
    Err("the mail's HTML is too large".to_owned())
}

fn html_of(kind: MailKind, subject: &str, model: &MailModel, link: Option<&Link>) -> Result<String, String> {
    let (label, tone) = label(kind);
    let layout = HtmlLayout {
        subject,
        label,
        tone,
        headline: &model.headline,
        facts: &model.facts,
        quote_label: quote_label(kind),
        quote: model.quote.as_deref().map(|quote| quote.lines().collect()).unwrap_or_default(),
        paragraphs: model.paragraphs.iter().map(|paragraph| paragraph.lines().collect()).collect(),
        link,
        footer: &model.footer,
    };
    layout.render().map_err(|error| error.to_string())
}

/// The first `budget` characters of what a mail says, in order, and a word about the rest. A row costs about as
/// much markup as 100 characters.
fn shorten(model: &MailModel, budget: usize) -> MailModel {
    const ROW: usize = 100;
    let mut left = budget;
    let mut take = |text: &str| -> Option<String> {
        left = left.checked_sub(ROW)?;
        let taken: String = text.chars().take(left).collect();
        left -= taken.chars().count();
        Some(if taken.len() < text.len() { taken + "…" } else { taken })
    };
    let mut short = MailModel {
        headline: take(&model.headline).unwrap_or_default(),
        footer: take(&model.footer).unwrap_or_default(),
        ..model.clone()
    };
    short.quote = model.quote.as_deref().and_then(&mut take);
    short.facts = model
        .facts
        .iter()
        .map_while(|fact| Some(Fact { label: take(&fact.label)?, value: take(&fact.value)? }))
        .collect();
    short.paragraphs = model.paragraphs.iter().map_while(|paragraph| take(paragraph)).collect();
    short
        .paragraphs
        .push("This is shortened: the page, and this mail's plain text, have all of it.".to_owned());
    short
}
