//! Settings of the mail server.
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// How the connection is secured. Certificates and host names are always checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTls {
    /// TLS from the first byte, usually port 465 (RFC 8314 §3.3).
    Implicit,
    /// `STARTTLS`, usually port 587; a server that does not offer it is not used.
    Starttls,
    /// No TLS: loopback only.
    Plain,
}

impl SmtpTls {
    /// The word in the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Implicit => "implicit",
            Self::Starttls => "starttls",
            Self::Plain => "plain",
        }
    }
}

/// Settings of the mail server.
#[derive(Clone, Debug)]
pub struct SmtpConfig {
    /// Host name or address; the certificate must be for it.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is secured.
    pub tls: SmtpTls,
    /// PEM file with the authorities that may sign the server's certificate; the system's otherwise.
    pub ca_file: Option<PathBuf>,
    /// User and password for AUTH.
    pub login: Option<(String, SecretString)>,
    /// Our name in EHLO (RFC 5321 §4.1.1.1).
    pub hello: String,
    /// Limit for name look-up and connecting, for each address.
    pub connect_timeout: Duration,
    /// Limit for the TLS handshake and for each command.
    pub command_timeout: Duration,
    /// Limit from the first byte of a message to the server's answer. Longer than the others: giving up here may
    /// deliver a mail twice (RFC 5321 §4.5.3.2.6).
    pub content_timeout: Duration,
}

impl SmtpConfig {
    /// A server with limits of 10 s, 30 s and 120 s, without login.
    pub fn new(host: impl Into<String>, port: u16, tls: SmtpTls, hello: impl Into<String>) -> Self {
        Self {
            host: host.into(),
            port,
            tls,
            ca_file: None,
            login: None,
            hello: hello.into(),
            connect_timeout: Duration::from_secs(10),
            command_timeout: Duration::from_secs(30),
            content_timeout: Duration::from_secs(120),
        }
    }
}

/// Settings that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SmtpConfigError {
    /// Not a host name or address.
    #[error("mail server {0:?} is not a host name or address")]
    Host(String),
    /// Not a domain.
    #[error("the name for EHLO {0:?} is not a domain")]
    Hello(String),
    /// Plain SMTP to another machine.
    #[error("mail server {0}: `plain` is for loopback only; use `starttls` or `implicit`")]
    PlainOffLoopback(String),
    /// Empty user or password.
    #[error("the mail server's user and password must not be empty")]
    EmptyLogin,
    /// The authority's file.
    #[error("the mail server's ca_file {0}: {1}")]
    CaFile(String, String),
    /// The TLS stack refused.
    #[error("TLS for the mail server: {0}")]
    Tls(String),
}

impl SmtpConfig {
    pub(super) fn check(&self) -> Result<(), SmtpConfigError> {
        use secrecy::ExposeSecret;
        if self.host.parse::<IpAddr>().is_err() && !is_domain(&self.host) {
            return Err(SmtpConfigError::Host(self.host.clone()));
        }
        if !is_domain(&self.hello) {
            return Err(SmtpConfigError::Hello(self.hello.clone()));
        }
        let loopback = self.host.parse::<IpAddr>().map_or(self.host == "localhost", |ip| ip.is_loopback());
        if self.tls == SmtpTls::Plain && !loopback {
            return Err(SmtpConfigError::PlainOffLoopback(self.host.clone()));
        }
        match &self.login {
            Some((user, password)) if user.is_empty() || password.expose_secret().is_empty() => {
                Err(SmtpConfigError::EmptyLogin)
            }
            _ => Ok(()),
        }
    }
}

/// Letters, digits, `-` and `.`, not at either end.
fn is_domain(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 253
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'))
        && !text.starts_with(['-', '.'])
        && !text.ends_with(['-', '.'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_is_for_loopback_and_nothing_gets_into_a_command() {
        let check = |host: &str, tls, hello: &str| SmtpConfig::new(host, 25, tls, hello).check();
        for host in ["localhost", "127.0.0.1", "127.8.8.8", "::1"] {
            assert_eq!(check(host, SmtpTls::Plain, "hallpass.example"), Ok(()));
        }
        for host in ["mail.example.org", "10.0.0.1", "localhost.example.org", "0.0.0.0"] {
            assert!(matches!(check(host, SmtpTls::Plain, "h"), Err(SmtpConfigError::PlainOffLoopback(_))));
            assert_eq!(check(host, SmtpTls::Starttls, "h"), Ok(()));
        }
        for bad in ["", "a b", "a\r\nMAIL", "-a", "a.", "a;b"] {
            assert!(check(bad, SmtpTls::Implicit, "h").is_err());
            assert!(check("localhost", SmtpTls::Implicit, bad).is_err());
        }
        let mut config = SmtpConfig::new("localhost", 25, SmtpTls::Plain, "h");
        config.login = Some(("user".to_owned(), SecretString::from("")));
        assert_eq!(config.check(), Err(SmtpConfigError::EmptyLogin));
        config.login = Some(("user".to_owned(), SecretString::from("hunter2")));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
