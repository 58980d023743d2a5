//! What only values together can get wrong.
use super::{Config, Mail, MailTls, MailTransport};

/// What only values together can get wrong: key and explanation.
pub(super) fn check(config: &Config) -> Vec<(&'static str, String)> {
    let mut out = Vec::new();
    let listen: Result<std::net::SocketAddr, _> = config.server.listen.parse();
    let loopback = listen.as_ref().is_ok_and(|a| a.ip().is_loopback());
    if listen.is_err() {
        out.push((
            "server.listen",
            format!(
                "“{}” is not an address and port; write 127.0.0.1:8420 or [::]:8420",
                config.server.listen
            ),
        ));
    }
    let base = &config.server.base_url;
    if !base.is_empty() {
        if base.ends_with('/') {
            out.push(("server.base_url", "must not end with a slash".to_owned()));
        }
        if !["https://", "http://127.0.0.1", "http://localhost", "http://[::1]"]
            .iter()
            .any(|p| base.starts_with(p))
        {
            out.push((
                "server.base_url",
                "must begin with https://; plain http is accepted on loopback only".to_owned(),
            ));
        }
    } else if !loopback {
        out.push((
            "server.base_url",
            "is needed where the server does not listen on loopback: mails and tokens name it".to_owned(),
        ));
    }
    match (&config.server.tls_certificate_file, &config.server.tls_key_file) {
        (Some(_), None) => out.push(("server.tls_certificate_file", "needs tls_key_file too".to_owned())),
        (None, Some(_)) => out.push(("server.tls_key_file", "needs tls_certificate_file too".to_owned())),
        (None, None) if listen.is_ok() && !loopback && config.server.trusted_proxies.is_empty() => {
            out.push(("server.listen", "listens beyond loopback without TLS: set tls_certificate_file and tls_key_file, or name the proxy that ends TLS in trusted_proxies".to_owned()));
        }
        (None, None) if base.starts_with("https://") && config.server.trusted_proxies.is_empty() => {
            out.push(("server.trusted_proxies", "is needed: base_url is https and this server speaks no TLS itself, so a proxy stands before it. Without its address (127.0.0.1 for one on this machine) every caller would count as that proxy, in limits and in the audit log. Or set tls_certificate_file and tls_key_file".to_owned()));
        }
        _ => {}
    }
    for (key, file) in [
        ("server.tls_certificate_file", &config.server.tls_certificate_file),
        ("server.tls_key_file", &config.server.tls_key_file),
        ("mail.ca_file", &config.mail.ca_file),
        ("mail.password_file", &config.mail.password_file),
    ] {
        if let Some(path) = file.as_ref().filter(|p| !p.is_file()) {
            out.push((key, format!("{} is not a file that can be read", path.display())));
        }
    }
    if !(config.database.is_sqlite()
        || config.database.url.starts_with("postgres://")
        || config.database.url.starts_with("postgresql://"))
    {
        out.push(("database.url", "must be sqlite:PATH or postgres://user@host/database".to_owned()));
    }
    if config.server.replicated && config.database.is_sqlite() {
        out.push(("server.replicated", "needs PostgreSQL: an SQLite file belongs to one server".to_owned()));
    }
    if config.mail.transport == MailTransport::Smtp
        && config.mail.tls == MailTls::None
        && !matches!(config.mail.host.as_str(), "localhost" | "127.0.0.1" | "::1")
    {
        out.push(("mail.tls", "may be none on loopback only".to_owned()));
    }
    // Whoever names a mail server wants mails to go there, not into a folder unseen.
    if config.mail.transport == MailTransport::File && config.mail.host != Mail::default().host {
        let what = "is set, and mails go into a folder: add transport = \"smtp\", or leave host out";
        out.push(("mail.host", what.to_owned()));
    }
    if config.audit.no_checkpoint_file && config.audit.checkpoint_file.is_some() {
        out.push((
            "audit.no_checkpoint_file",
            "is set, and so is checkpoint_file: leave one of the two out".to_owned(),
        ));
    }
    if config.database.no_journal_file && config.database.journal_file.is_some() {
        out.push((
            "database.no_journal_file",
            "is set, and so is journal_file: leave one of the two out".to_owned(),
        ));
    }
    if !config.mail.from.contains('@') {
        out.push(("mail.from", "must be a mail address, such as Hallpass <hallpass@example.org>".to_owned()));
    }
    out
}
