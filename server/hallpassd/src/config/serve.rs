//! What `serve` needs beyond values that agree: keys and certificates that can be read, addresses, places to write to.
//! `check-config` tells it before; the database itself is looked at when the server starts.
use std::path::Path;

use hallpass_adapters::sealing;
use hallpass_http::HttpConfig;
use hallpass_http::address::Network;

use super::load::{ConfigMistake, Override, read};
use super::{Config, MailTransport};
use crate::compose::{keys, mail, tls};

/// Every mistake that `serve` would refuse, with its place.
pub fn mistakes(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Override],
) -> Vec<ConfigMistake> {
    let read = match read(path, environment, flags) {
        Ok(read) => read,
        Err(all) => return all,
    };
    let mut all = read.mistakes.clone();
    let mut found = super::check::check(&read.config);
    let known: Vec<&str> = found.iter().map(|(key, _)| *key).collect();
    let more: Vec<_> = missing(&read.config).into_iter().filter(|(key, _)| !known.contains(key)).collect();
    found.extend(more);
    all.extend(read.placed(found));
    all
}

/// What is missing or cannot be read: key and explanation.
pub fn missing(config: &Config) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    for (key, networks) in [
        ("server.trusted_proxies", &config.server.trusted_proxies),
        ("metrics.allow_from", &config.metrics.allow_from),
    ] {
        out.extend(networks.iter().filter_map(|n| n.parse::<Network>().err()).map(|why| (key, why)));
    }
    if let (Some(certificate), Some(key)) = (&config.server.tls_certificate_file, &config.server.tls_key_file)
        && let Err(error) = tls::server_config(certificate, key)
    {
        out.push(("server.tls_certificate_file", error.0));
    }
    if let Ok(listen) = config.server.listen.parse()
        && let Some(mistake) = HttpConfig::new(&super::base_url(config, listen)).mistake()
    {
        out.push(("server.base_url", mistake));
    }
    let key = if std::env::var_os(keys::MASTER_KEY_VARIABLE).is_some() {
        sealing::from_environment(keys::MASTER_KEY_VARIABLE)
    } else {
        sealing::from_file(&config.keys.master_key_file)
    };
    if let Err(error) = key {
        out.push(("keys.master_key_file", error.to_string()));
    }
    if let Err(error) = crate::logging::filter(&config.log.filter) {
        out.push(("log.filter", error));
    }
    if let Err(error) = mail::sender(&config.mail) {
        out.push(("mail.from", error.0));
    } else if config.mail.transport == MailTransport::Smtp
        // A file that is not there is told of already.
        && [&config.mail.ca_file, &config.mail.password_file].into_iter().flatten().all(|file| file.is_file())
        && let Err(error) = mail::notifier(&config.mail, "localhost")
    {
        out.push(("mail.host", error.0));
    }
    out.extend(places(config));
    out
}

/// Folders in which something is to be written.
fn places(config: &Config) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let sqlite = config.database.url.strip_prefix("sqlite:");
    let file = sqlite.map(|p| p.strip_prefix("//").unwrap_or(p)).map(Path::new);
    for (key, file) in [
        ("database.url", file),
        ("database.journal_file", config.database.journal_file.as_deref()),
        ("audit.checkpoint_file", config.audit.checkpoint_file.as_deref()),
    ] {
        let folder = file.and_then(Path::parent).filter(|f| !f.as_os_str().is_empty());
        if let Some(folder) = folder.filter(|f| !f.is_dir()) {
            out.push((key, format!("{} is not a folder: make it first", folder.display())));
        }
    }
    if config.audit.checkpoint_file.is_none() && !config.audit.no_checkpoint_file {
        out.push((
            "audit.checkpoint_file",
            "is needed: without a place outside the database nobody can tell whether the database is its newest state. Set it, or set no_checkpoint_file = true to go without".to_owned(),
        ));
    }
    if config.database.journal_file.is_none()
        && !config.database.no_journal_file
        && !config.database.is_sqlite()
    {
        out.push((
            "database.journal_file",
            "is needed with a database server: while that is away, what is due is removed and noted there. Set it on a local disk, or set no_journal_file = true to go without".to_owned(),
        ));
    }
    out
}
