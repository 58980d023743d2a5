//! The mail transport from its settings.
use std::sync::Arc;

use hallpass_adapters::notifiers::{FolderNotifier, Sender, SmtpConfig, SmtpNotifier, SmtpTls};
use hallpass_domain::ports::notifier::Notifier;
use hallpass_domain::text::Email;
use secrecy::SecretString;

use super::StartError;
use crate::config::{Mail, MailTls, MailTransport};

/// Where the SMTP password may stand in the environment.
pub const PASSWORD_VARIABLE: &str = "HALLPASS_SMTP_PASSWORD";

/// The sender from `Name <address>`.
pub fn sender(mail: &Mail) -> Result<Sender, StartError> {
    let parse =
        |text: &str| Email::parse(text).map_err(|e| StartError::because("mail.from and mail.reply_to", e));
    let (name, address) = match mail.from.split_once('<') {
        Some((name, rest)) => (name.trim().to_owned(), rest.trim_end().trim_end_matches('>').to_owned()),
        None => ("Hallpass".to_owned(), mail.from.clone()),
    };
    let reply_to = mail.reply_to.as_deref().map(parse).transpose()?;
    Ok(Sender { name, from: parse(&address)?, reply_to, bounces: None })
}

/// The transport.
pub fn notifier(mail: &Mail, hello: &str) -> Result<Arc<dyn Notifier>, StartError> {
    let sender = sender(mail)?;
    match mail.transport {
        MailTransport::File => Ok(Arc::new(
            FolderNotifier::new(&mail.directory, sender)
                .map_err(|e| StartError::because("mail.directory", e))?,
        )),
        MailTransport::Smtp => {
            let tls = match mail.tls {
                MailTls::Starttls => SmtpTls::Starttls,
                MailTls::Implicit => SmtpTls::Implicit,
                MailTls::None => SmtpTls::Plain,
            };
            let mut config = SmtpConfig::new(mail.host.clone(), mail.port, tls, hello);
            config.ca_file.clone_from(&mail.ca_file);
            if let Some(user) = &mail.user {
                config.login = Some((user.clone(), password(mail)?));
            }
            Ok(Arc::new(SmtpNotifier::new(config, sender).map_err(|e| StartError::because("[mail]", e))?))
        }
    }
}

fn password(mail: &Mail) -> Result<SecretString, StartError> {
    if let Ok(password) = std::env::var(PASSWORD_VARIABLE) {
        return Ok(SecretString::from(password));
    }
    let path = mail.password_file.as_ref().ok_or_else(|| {
        StartError(format!(
            "mail.user is set, so mail.password_file or the variable {PASSWORD_VARIABLE} is needed"
        ))
    })?;
    let text = std::fs::read_to_string(path).map_err(|e| StartError::because("mail.password_file", e))?;
    Ok(SecretString::from(text.trim_end().to_owned()))
}
