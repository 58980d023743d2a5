//! Delivery of one mail.
use async_trait::async_trait;

/// A rendered mail.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RenderedMail {
    /// Stable across attempts: `<id>@<host>` without brackets.
    pub message_id: String,
    /// Message-ID of the thread's first mail, for References and In-Reply-To.
    pub thread_id: Option<String>,
    /// Address.
    pub to_email: String,
    /// Name of the addressee.
    pub to_name: String,
    /// Subject, one line.
    pub subject: String,
    /// Complete plain text.
    pub text: String,
    /// HTML.
    pub html: String,
    /// Date header.
    pub date: crate::Timestamp,
}

/// Why a delivery failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotifyError {
    /// Try again later: no connection, time-out, 4xx.
    #[error("not delivered yet: {0}")]
    Transient(String),
    /// Never will be: 5xx for this message or address.
    #[error("refused for good: {0}")]
    Permanent(String),
}

/// Delivers mails. At least once: a crash between the server's reply and our commit sends again, with the same Message-ID.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// What it is, for reports (`smtp mail.example.org:587`), without secrets.
    fn describe(&self) -> String;
    /// Hands the mail over; the answer is the server's reply line.
    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError>;
}

/// Turns a stored mail into its subject and bodies.
pub trait MailRenderer: Send + Sync {
    /// Renders; deterministic, so that a second delivery is the same message.
    fn render(&self, mail: &crate::mail::Mail) -> Result<RenderedMail, String>;
}
