//! What a failure means: try again later, or never.
use std::error::Error as _;
use std::time::Duration;

use hallpass_domain::ports::notifier::NotifyError;
use hallpass_domain::text::clean_line;
use lettre::transport::smtp::response::Response;

/// Longest text of an answer that is stored, characters.
const MAX_TEXT: usize = 300;

/// Where in the dialogue it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Connect,
    Hello,
    Tls,
    Login,
    Sender,
    Recipient,
    Data,
    Content,
}

impl Step {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Hello => "greeting",
            Self::Tls => "TLS",
            Self::Login => "login",
            Self::Sender => "sender",
            Self::Recipient => "recipient",
            Self::Data | Self::Content => "message",
        }
    }
}

/// A failed step: with the server's code where it answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    step: Step,
    code: Option<u16>,
    text: String,
}

impl Failure {
    pub(super) fn server(step: Step, text: &str) -> Self {
        Self { step, code: None, text: text.to_owned() }
    }

    pub(super) fn timeout(step: Step, limit: Duration) -> Self {
        Self { step, code: None, text: format!("no answer within {} s", limit.as_secs_f32()) }
    }

    pub(super) fn from_smtp(step: Step, error: &lettre::transport::smtp::Error) -> Self {
        let code = error.status().map(u16::from);
        let text = match code {
            // A server may repeat the command in its answer, and here that is the password.
            Some(_) if step == Step::Login => "the server refused user or password".to_owned(),
            Some(_) => error.source().map(ToString::to_string).unwrap_or_default(),
            None => error.to_string(),
        };
        Self { step, code, text }
    }

    /// True where the server answered and goes on listening: anything but 421 (RFC 5321 §3.8).
    pub(super) fn leaves_in_step(&self) -> bool {
        self.code.is_some_and(|code| code != 421)
    }

    /// Permanent are only refusals of this recipient or this message. What the server says of itself, of us or of
    /// our login, 5xx included, is an operator's to repair: the mail waits for that.
    fn is_permanent(&self) -> bool {
        match (self.step, self.code) {
            // RFC 4954 §6: login needed or wrong, at any step.
            (_, Some(530 | 534 | 535 | 538)) => false,
            // RFC 5321 §4.5.3.1.10: 552 to RCPT is an old way to say 452.
            (Step::Recipient, Some(552)) => false,
            (Step::Recipient | Step::Data | Step::Content, Some(code)) => (500..600).contains(&code),
            _ => false,
        }
    }

    pub(super) fn into_notify_error(self) -> NotifyError {
        let code = self.code.map(|code| format!("{code} ")).unwrap_or_default();
        let text = bounded(&format!("{}: {code}{}", self.step.as_str(), self.text));
        if self.is_permanent() { NotifyError::Permanent(text) } else { NotifyError::Transient(text) }
    }
}

/// The server's answer to an accepted message.
pub(super) fn accepted(response: &Response) -> String {
    bounded(&format!("{} {}", response.code(), response.message().collect::<Vec<_>>().join(" ")))
}

fn bounded(text: &str) -> String {
    clean_line(text).chars().take(MAX_TEXT).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_refusals_of_the_recipient_or_the_message_are_final() {
        let permanent = |step, code| Failure { step, code, text: String::new() }.is_permanent();
        for step in [Step::Recipient, Step::Data, Step::Content] {
            assert!(permanent(step, Some(550)) && permanent(step, Some(554)) && permanent(step, Some(571)));
            for later in [None, Some(421), Some(450), Some(451), Some(452), Some(530), Some(535)] {
                assert!(!permanent(step, later), "{step:?} {later:?}");
            }
        }
        assert!(!permanent(Step::Recipient, Some(552)) && permanent(Step::Content, Some(552)));
        for step in [Step::Connect, Step::Hello, Step::Tls, Step::Login, Step::Sender] {
            assert!(!permanent(step, Some(554)) && !permanent(step, None), "{step:?}");
        }
    }

    #[test]
    fn answers_are_stored_on_one_short_line() {
        let failure = Failure {
            step: Step::Recipient,
            code: Some(550),
            text: format!("no\r\nsuch\u{7} {}", "x".repeat(999)),
        };
        let NotifyError::Permanent(text) = failure.into_notify_error() else { panic!() };
        assert!(text.starts_with("recipient: 550 no such xxx") && text.len() <= MAX_TEXT, "{text}");
        assert!(Failure { step: Step::Data, code: Some(550), text: String::new() }.leaves_in_step());
        assert!(!Failure { step: Step::Data, code: Some(421), text: String::new() }.leaves_in_step());
        assert!(!Failure::timeout(Step::Content, Duration::from_secs(1)).leaves_in_step());
    }
}
