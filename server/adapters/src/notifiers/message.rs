//! The message on the wire (RFC 5322, RFC 2045): `multipart/alternative` of plain text and HTML.
//!
//! The same mail always gives the same bytes, so that a second delivery is the same message.
use data_encoding::HEXLOWER;
use hallpass_domain::ports::notifier::{NotifyError, RenderedMail};
use hallpass_domain::text::{Email, clean_line};
use lettre::address::Address;
use lettre::message::header::{Date, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MultiPart, SinglePart};
use ring::digest::{SHA256, digest};

/// Whom mails come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sender {
    /// Name in `From`, such as `Hallpass`.
    pub name: String,
    /// Address in `From`.
    pub from: Email,
    /// Monitored address for replies; replies never decide anything.
    pub reply_to: Option<Email>,
    /// Envelope sender, to which bounces go; `from` otherwise.
    pub bounces: Option<Email>,
}

/// A message that cannot be built, now or later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the mail cannot be made into a message: {0}")]
pub struct MessageError(String);

impl From<MessageError> for NotifyError {
    fn from(error: MessageError) -> Self {
        Self::Permanent(error.to_string())
    }
}

/// A message with its envelope.
#[derive(Clone, Debug)]
pub struct Outgoing {
    /// Envelope sender.
    pub from: Address,
    /// Envelope recipient.
    pub to: Address,
    /// Header and body, lines ended by CR LF, ASCII.
    pub bytes: Vec<u8>,
}

/// Headers that a message may have: more would have been smuggled in.
const HEADERS: [&str; 13] = [
    "Message-ID",
    "In-Reply-To",
    "References",
    "Date",
    "From",
    "Reply-To",
    "To",
    "Subject",
    "Auto-Submitted",
    "X-Auto-Response-Suppress",
    "MIME-Version",
    "Content-Type",
    "Content-Transfer-Encoding",
];

impl Outgoing {
    /// Builds the message.
    ///
    /// # Errors
    /// [`MessageError`]: an address or id that is none. Names and subjects are cleaned instead.
    pub fn build(sender: &Sender, mail: &RenderedMail) -> Result<Self, MessageError> {
        let to = address(&parse_email(&mail.to_email)?)?;
        let mut message = Message::builder()
            .message_id(Some(msg_id(&mail.message_id)?))
            .header(Date::from(std::time::SystemTime::from(mail.date)))
            .from(mailbox(&sender.name, address(&sender.from)?))
            .to(mailbox(&mail.to_name, to.clone()))
            .subject(clean_line(&mail.subject))
            // RFC 3834 §5: answering machines stay silent.
            .raw_header(header("Auto-Submitted", "auto-generated"))
            .raw_header(header("X-Auto-Response-Suppress", "OOF, AutoReply"));
        if let Some(reply_to) = &sender.reply_to {
            message = message.reply_to(Mailbox::new(None, address(reply_to)?));
        }
        if let Some(thread) = mail.thread_id.as_deref().filter(|thread| *thread != mail.message_id) {
            let thread = msg_id(thread)?;
            message = message.in_reply_to(thread.clone()).references(thread);
        }
        let body = MultiPart::alternative()
            .boundary(boundary(&mail.message_id))
            .singlepart(SinglePart::plain(mail.text.clone()))
            .singlepart(SinglePart::html(mail.html.clone()));
        let message = message.multipart(body).map_err(|error| MessageError(error.to_string()))?;
        let bytes = message.formatted();
        refuse_foreign_headers(&bytes)?;
        let from = sender.bounces.as_ref().map_or_else(|| address(&sender.from), address)?;
        Ok(Self { from, to, bytes })
    }
}

fn parse_email(text: &str) -> Result<Email, MessageError> {
    Email::parse(text).map_err(|error| MessageError(error.to_string()))
}

fn address(email: &Email) -> Result<Address, MessageError> {
    email.as_str().parse().map_err(|_| MessageError(format!("{email} is not a mail address")))
}

fn mailbox(name: &str, address: Address) -> Mailbox {
    Mailbox::new(Some(clean_line(name)).filter(|name| !name.is_empty()), address)
}

fn header(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

/// `<left@right>` of RFC 5322 §3.6.4, from a narrow alphabet.
fn msg_id(id: &str) -> Result<String, MessageError> {
    let plain = |part: &str| {
        !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_'))
    };
    match id.split_once('@') {
        Some((left, right)) if plain(left) && plain(right) && id.len() <= 200 => Ok(format!("<{id}>")),
        _ => Err(MessageError("the message id is not of the form left@right".to_owned())),
    }
}

/// Of the id, so that it is the same at each attempt; no line of a body can be it by chance.
fn boundary(message_id: &str) -> String {
    let hash = HEXLOWER.encode(digest(&SHA256, message_id.as_bytes()).as_ref());
    format!("hallpass-{}", hash.get(..40).unwrap_or(&hash))
}

/// What a header field holds was cleaned and encoded before; this is the second look, at the result.
fn refuse_foreign_headers(bytes: &[u8]) -> Result<(), MessageError> {
    let wrong = || MessageError("a header is not as it should be".to_owned());
    let text = std::str::from_utf8(bytes).map_err(|_| wrong())?;
    let (head, _) = text.split_once("\r\n\r\n").ok_or_else(wrong)?;
    let mut seen: Vec<&str> = Vec::with_capacity(HEADERS.len());
    for line in head.split("\r\n") {
        if line.contains(['\r', '\n']) || line.len() > 998 {
            return Err(wrong());
        }
        if line.starts_with([' ', '\t']) {
            continue; // folded
        }
        let (name, _) = line.split_once(": ").ok_or_else(wrong)?;
        let known = HEADERS.into_iter().find(|known| *known == name).ok_or_else(wrong)?;
        if seen.contains(&known) {
            return Err(wrong());
        }
        seen.push(known);
    }
    Ok(())
}

#[cfg(test)]
pub(super) mod tests {
    use chrono::DateTime;

    use super::*;

    pub(in crate::notifiers) fn sender() -> Sender {
        Sender {
            name: "Hallpass".to_owned(),
            from: Email::parse("access@hallpass.example").unwrap(),
            reply_to: Some(Email::parse("help@hallpass.example").unwrap()),
            bounces: Some(Email::parse("bounces@hallpass.example").unwrap()),
        }
    }

    pub(in crate::notifiers) fn mail(id: &str) -> RenderedMail {
        RenderedMail {
            message_id: format!("{id}@hallpass.example"),
            thread_id: Some("r.1@hallpass.example".to_owned()),
            to_email: "ana.ruiz@example.org".to_owned(),
            to_name: "Ana Ruiz".to_owned(),
            subject: "[Access] Approve? Dana Kim → db-admin@prod, 2 h (R-4821)".to_owned(),
            text: "Dana Kim asks.\n.\nReview:\n  https://access.example.org/r/R-4821\n".to_owned(),
            html: "<p>Dana Kim asks. <a href=\"https://access.example.org/r/R-4821?a&#38;b\">Review</a></p>"
                .to_owned(),
            date: DateTime::from_timestamp(1_800_000_000, 123_456_000).unwrap(),
        }
    }

    fn head(mail: &RenderedMail) -> String {
        let text = String::from_utf8(Outgoing::build(&sender(), mail).unwrap().bytes).unwrap();
        text.split_once("\r\n\r\n").unwrap().0.to_owned()
    }

    #[test]
    fn headers_and_parts() {
        let built = Outgoing::build(&sender(), &mail("1")).unwrap();
        assert_eq!(built.from.to_string(), "bounces@hallpass.example");
        assert_eq!(built.to.to_string(), "ana.ruiz@example.org");
        assert_eq!(
            built.bytes,
            Outgoing::build(&sender(), &mail("1")).unwrap().bytes,
            "always the same bytes"
        );
        assert!(built.bytes.is_ascii());
        let text = String::from_utf8(built.bytes).unwrap();
        for line in [
            "Message-ID: <1@hallpass.example>",
            "In-Reply-To: <r.1@hallpass.example>",
            "References: <r.1@hallpass.example>",
            "Date: Fri, 15 Jan 2027 08:00:00 +0000",
            "From: Hallpass <access@hallpass.example>",
            "Reply-To: help@hallpass.example",
            "To: \"Ana Ruiz\" <ana.ruiz@example.org>",
            "Auto-Submitted: auto-generated",
            "X-Auto-Response-Suppress: OOF, AutoReply",
            "MIME-Version: 1.0",
        ] {
            assert!(text.contains(&format!("{line}\r\n")), "{line}\n{text}");
        }
        assert!(text.contains("Content-Type: multipart/alternative;"));
        let (plain, html) =
            (text.find("text/plain; charset=utf-8").unwrap(), text.find("text/html; charset=utf-8").unwrap());
        assert!(plain < html, "the last part is the preferred one (RFC 2046 §5.1.4)");
    }

    #[test]
    fn nothing_gets_into_the_header() {
        for trick in [
            "x\r\nBcc: eve@example.org",
            "x\nBcc: eve@example.org",
            "x\rBcc: eve@example.org",
            "x\r\n\r\nBody",
            "\u{2028}Bcc: eve@example.org",
            "\"<eve@example.org>, \"",
            "a\0b\u{b}c\u{c}\u{85}Bcc: e",
            "=?utf-8?q?=0D=0ABcc:_eve@example.org?=",
        ] {
            let head =
                head(&RenderedMail { subject: trick.to_owned(), to_name: trick.to_owned(), ..mail("1") });
            for line in head.split("\r\n") {
                assert!(!line.to_lowercase().starts_with("bcc"), "{head}");
            }
            assert_eq!(head.matches("\r\nTo: ").count(), 1);
        }
        for (field, bad) in [
            ("to", "a@b\r\nBcc: e@x"),
            ("to", "a@b, e@x"),
            ("id", "a@b>\r\nBcc: e"),
            ("id", "a"),
            ("id", "a@b@c"),
        ] {
            let mut mail = mail("1");
            match field {
                "to" => mail.to_email = bad.to_owned(),
                _ => mail.message_id = bad.to_owned(),
            }
            assert!(Outgoing::build(&sender(), &mail).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_second_look_sees_what_the_first_would_miss() {
        for bad in [
            "Subject: a\r\nBcc: b\r\n\r\n",
            "Subject: a\nBcc: b\r\n\r\n",
            "Subject: a\r\nSubject: b\r\n\r\n",
            "Subject\r\n\r\n",
            "Subject: a",
        ] {
            assert!(refuse_foreign_headers(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(refuse_foreign_headers(b"Subject: a\r\n b\r\n\r\nBcc: c").is_ok());
    }

    #[test]
    fn long_and_foreign_text_is_folded_and_encoded() {
        let head = head(&RenderedMail {
            subject: "→ Zugriff ".repeat(40),
            to_name: "Ана Ruïz".to_owned(),
            ..mail("1")
        });
        assert!(head.split("\r\n").all(|line| line.len() <= 78), "{head}");
        assert!(head.is_ascii());
    }
}
