//! Mail over a real SMTP server: how it is secured, what a message looks like to a mail program, and what a failure
//! means. Nothing here sleeps: the server is told when to wait and when to go on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on says so by a panic"
)]

mod failures;
mod messages;
mod outbox;
mod security;

use std::time::Duration;

use hallpass_adapters::notifiers::{Sender, SmtpConfig, SmtpNotifier, SmtpTls};
use hallpass_domain::ports::notifier::RenderedMail;
use hallpass_domain::text::Email;

fn sender() -> Sender {
    Sender {
        name: "Hallpass".to_owned(),
        from: Email::parse("access@hallpass.test").unwrap(),
        reply_to: Some(Email::parse("help@hallpass.test").unwrap()),
        bounces: Some(Email::parse("bounces@hallpass.test").unwrap()),
    }
}

fn mail(id: &str) -> RenderedMail {
    RenderedMail {
        message_id: format!("{id}@hallpass.test"),
        thread_id: Some("request.1@hallpass.test".to_owned()),
        to_email: "ana@example.org".to_owned(),
        to_name: "Ana Ruiz".to_owned(),
        subject: "[Access] Approve? Dana Kim → db-admin@prod, 2 h (R-4821)".to_owned(),
        text: "Dana Kim asks for db-admin.\n\nReview:\n  https://access.example.org/r/R-4821\n".to_owned(),
        html: "<p>Dana Kim asks for <b>db-admin</b>.</p>".to_owned(),
        date: chrono::DateTime::from_timestamp(1_800_000_000, 0).unwrap(),
    }
}

fn config(port: u16, tls: SmtpTls) -> SmtpConfig {
    SmtpConfig {
        connect_timeout: Duration::from_secs(10),
        command_timeout: Duration::from_secs(10),
        content_timeout: Duration::from_secs(10),
        ..SmtpConfig::new("localhost", port, tls, "hallpass.test")
    }
}

fn plain(port: u16) -> SmtpNotifier {
    SmtpNotifier::new(config(port, SmtpTls::Plain), sender()).unwrap()
}
