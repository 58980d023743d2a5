//! SMTP submission (RFC 5321, RFC 6409, RFC 8314) by lettre's client.
//!
//! lettre's own pool is not used: a delivery that was given up in the middle of a command would go back into it, and
//! the next mail would read the answers meant for the one before. Here a connection is kept only after its last
//! answer was read.
//!
//! | file | what changes it |
//! |---|---|
//! | `config.rs` | settings and what is refused of them |
//! | `connect.rs` | from a host name to a secured, authenticated connection |
//! | `line_stream.rs` | nothing said before TLS is heard after it |
//! | `outcome.rs` | which failures are tried again |

mod config;
mod connect;
mod line_stream;
mod outcome;

use std::future::Future;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};
use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::commands::{Data, Mail, Noop, Rcpt, Rset};
use lettre::transport::smtp::response::Response;

pub use self::config::{SmtpConfig, SmtpConfigError, SmtpTls};
use self::connect::Connector;
use self::outcome::{Failure, Step};
use super::message::{Outgoing, Sender};

/// Connections kept open between mails.
const IDLE: usize = 2;

/// Hands mails to a mail server.
pub struct SmtpNotifier {
    connector: Connector,
    sender: Sender,
    idle: Mutex<Vec<AsyncSmtpConnection>>,
}

impl std::fmt::Debug for SmtpNotifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SmtpNotifier({})", self.describe())
    }
}

/// Waits for an answer no longer than `limit`. Who gives up drops the connection: its answers would be out of step.
async fn within<T>(
    limit: Duration,
    step: Step,
    work: impl Future<Output = Result<T, lettre::transport::smtp::Error>> + Send,
) -> Result<T, Failure> {
    match tokio::time::timeout(limit, work).await {
        Ok(answer) => answer.map_err(|error| Failure::from_smtp(step, &error)),
        Err(_) => Err(Failure::timeout(step, limit)),
    }
}

impl SmtpNotifier {
    /// Checks the settings and reads the authority's certificates. Connects when there is a mail.
    ///
    /// # Errors
    /// [`SmtpConfigError`].
    pub fn new(config: SmtpConfig, sender: Sender) -> Result<Self, SmtpConfigError> {
        Ok(Self { connector: Connector::new(config)?, sender, idle: Mutex::new(Vec::new()) })
    }

    /// Connects, secures and authenticates, and sends nothing: for `check-config`.
    ///
    /// # Errors
    /// What a delivery would answer.
    pub async fn check(&self) -> Result<(), NotifyError> {
        let connection = self.connector.connect().await.map_err(Failure::into_notify_error)?;
        self.keep(connection);
        Ok(())
    }

    async fn connection(&self) -> Result<AsyncSmtpConnection, Failure> {
        let config = self.connector.config();
        loop {
            let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
            let Some(mut connection) = idle else { return self.connector.connect().await };
            // The server may have closed it meanwhile; then there is a new one, and no failed attempt.
            if within(config.command_timeout, Step::Hello, connection.command(Noop)).await.is_ok() {
                return Ok(connection);
            }
        }
    }

    fn keep(&self, connection: AsyncSmtpConnection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
    }

    async fn send(
        &self,
        connection: &mut AsyncSmtpConnection,
        message: &Outgoing,
    ) -> Result<Response, Failure> {
        let config = self.connector.config();
        let limit = config.command_timeout;
        let sender = Mail::new(Some(message.from.clone()), Vec::new());
        within(limit, Step::Sender, connection.command(sender)).await?;
        within(limit, Step::Recipient, connection.command(Rcpt::new(message.to.clone(), Vec::new()))).await?;
        within(limit, Step::Data, connection.command(Data)).await?;
        within(config.content_timeout, Step::Content, connection.message(&message.bytes)).await
    }
}

#[async_trait]
impl Notifier for SmtpNotifier {
    fn describe(&self) -> String {
        let config = self.connector.config();
        format!("smtp {}:{} ({})", config.host, config.port, config.tls.as_str())
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        let message = Outgoing::build(&self.sender, mail)?;
        let mut connection = self.connection().await.map_err(Failure::into_notify_error)?;
        match self.send(&mut connection, &message).await {
            Ok(response) => {
                self.keep(connection);
                Ok(outcome::accepted(&response))
            }
            Err(failure) => {
                // A refusal is an answer like any other: the connection is in step and can be used again.
                let limit = self.connector.config().command_timeout;
                if failure.leaves_in_step()
                    && within(limit, Step::Hello, connection.command(Rset)).await.is_ok()
                {
                    self.keep(connection);
                }
                Err(failure.into_notify_error())
            }
        }
    }
}
