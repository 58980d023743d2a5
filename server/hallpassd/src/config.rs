//! Configuration: one TOML file; the environment overrides it, flags override both.
//!
//! A setting `[mail] host` is `HALLPASSD_MAIL_HOST` in the environment. Mistakes are told with file and line.
use std::path::{Path, PathBuf};

use serde::Deserialize;

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Config {
    /// Listening and external address.
    pub server: Server,
    /// Where state is kept.
    pub database: Database,
    /// The master key.
    pub keys: Keys,
    /// Mail.
    pub mail: Mail,
    /// Audit log.
    pub audit: Audit,
    /// Logging.
    pub log: Log,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    /// Address and port to listen on.
    pub listen: String,
    /// External base URL, without a trailing slash; https, or http on loopback.
    pub base_url: String,
    /// Certificate chain (PEM); with `tls_key_file` the server speaks TLS itself.
    pub tls_certificate_file: Option<PathBuf>,
    /// Private key (PEM).
    pub tls_key_file: Option<PathBuf>,
    /// Addresses or networks of proxies whose `X-Forwarded-For` is believed.
    pub trusted_proxies: Vec<String>,
    /// Worker threads; 0 takes one per processor.
    pub workers: usize,
    /// True where several servers share the PostgreSQL database.
    pub replicated: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8420".to_owned(),
            base_url: String::new(),
            tls_certificate_file: None,
            tls_key_file: None,
            trusted_proxies: Vec::new(),
            workers: 0,
            replicated: false,
        }
    }
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// `sqlite:PATH` or `postgres://…`.
    pub url: String,
    /// File (1 MiB) that notes removals made while the database cannot be written. Beside the file with SQLite; set it
    /// on a local disk with PostgreSQL.
    pub journal_file: Option<PathBuf>,
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:hallpass.db".to_owned(), journal_file: None }
    }
}

/// `[keys]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Keys {
    /// File with the master key (0600), outside the data folder's backup. The variable `HALLPASS_MASTER_KEY` is used where it is set.
    pub master_key_file: PathBuf,
}

impl Default for Keys {
    fn default() -> Self {
        Self { master_key_file: PathBuf::from("hallpass-master.key") }
    }
}

/// How mails leave.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTransport {
    /// To a mail server.
    Smtp,
    /// Into a folder, a file each.
    #[default]
    File,
}

/// How the connection to the mail server is secured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// STARTTLS, required (port 587).
    #[default]
    Starttls,
    /// TLS from the first byte (port 465).
    Implicit,
    /// None: loopback only.
    None,
}

/// `[mail]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Mail {
    /// `smtp` or `file`.
    pub transport: MailTransport,
    /// Folder for `file`.
    pub directory: PathBuf,
    /// Mail server.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// `starttls`, `implicit` or `none`.
    pub tls: MailTls,
    /// PEM file with the authority that signed the mail server's certificate; the system's otherwise.
    pub ca_file: Option<PathBuf>,
    /// User name there.
    pub user: Option<String>,
    /// File with the password (0600). The variable `HALLPASS_SMTP_PASSWORD` is used where it is set.
    pub password_file: Option<PathBuf>,
    /// Sender, `Hallpass <hallpass@example.org>`.
    pub from: String,
    /// Where replies go; nothing that arrives there ever decides.
    pub reply_to: Option<String>,
}

impl Default for Mail {
    fn default() -> Self {
        Self {
            transport: MailTransport::File,
            directory: PathBuf::from("mail"),
            host: "localhost".to_owned(),
            port: 587,
            tls: MailTls::Starttls,
            ca_file: None,
            user: None,
            password_file: None,
            from: "Hallpass <hallpass@localhost>".to_owned(),
            reply_to: None,
        }
    }
}

/// `[audit]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Audit {
    /// Origin of the log: a name without spaces, such as `access.example.org/hallpass`. Fixed at first start.
    pub origin: Option<String>,
    /// File to which signed checkpoints go. Put it where the database's administrators cannot write.
    pub checkpoint_file: Option<PathBuf>,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// Filter, as `info` or `hallpass=debug,info`.
    pub filter: String,
    /// JSON lines; false for text in a terminal.
    pub json: bool,
}

impl Default for Log {
    fn default() -> Self {
        Self { filter: "info".to_owned(), json: true }
    }
}

/// A mistake in the configuration, with its place and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct ConfigMistake {
    /// `hallpass.toml:12`, or where else the value came from.
    pub place: String,
    /// What is wrong and what to do.
    pub what: String,
}

/// A setting from a flag, `("server.listen", "127.0.0.1:0")`.
pub type Override = (&'static str, String);

/// Prefix of settings in the environment.
const PREFIX: &str = "HALLPASSD_";

/// Reads file, environment and flags; every mistake there is.
pub fn load(
    path: Option<&Path>,
    environment: impl IntoIterator<Item = (String, String)>,
    flags: &[Override],
) -> Result<Config, Vec<ConfigMistake>> {
    let (text, name) = match path {
        None => (String::new(), "configuration".to_owned()),
        Some(path) => match std::fs::read_to_string(path) {
            Ok(text) => (text, path.display().to_string()),
            Err(error) => {
                return Err(vec![ConfigMistake {
                    place: path.display().to_string(),
                    what: format!("cannot be read: {error}"),
                }]);
            }
        },
    };
    // The file alone first: its mistakes have lines.
    if let Err(error) = toml::from_str::<Config>(&text) {
        return Err(vec![at_line(&name, &text, &error)]);
    }
    let mut table: toml::Table = toml::from_str(&text).map_err(|e| vec![at_line(&name, &text, &e)])?;
    let mut origin = std::collections::BTreeMap::new();
    for (variable, value) in environment {
        if let Some(key) = variable.strip_prefix(PREFIX) {
            let key = key.to_ascii_lowercase().replacen('_', ".", 1);
            set(&mut table, &key, &value);
            origin.insert(key, format!("environment variable {variable}"));
        }
    }
    for (key, value) in flags {
        set(&mut table, key, value);
        origin.insert(
            (*key).to_owned(),
            format!("flag --{}", key.rsplit('.').next().unwrap_or(key).replace('_', "-")),
        );
    }
    let config: Config = table.try_into().map_err(|e: toml::de::Error| {
        let place = origin.values().cloned().collect::<Vec<_>>().join(", ");
        vec![ConfigMistake { place, what: e.message().to_owned() }]
    })?;
    let mistakes: Vec<ConfigMistake> = check(&config)
        .into_iter()
        .map(|(key, what)| ConfigMistake {
            place: origin.get(key).cloned().unwrap_or_else(|| line_of(&name, &text, key)),
            what,
        })
        .collect();
    if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
}

fn set(table: &mut toml::Table, key: &str, value: &str) {
    let Some((section, name)) = key.split_once('.') else { return };
    let entry = table.entry(section.to_owned()).or_insert_with(|| toml::Value::Table(toml::Table::new()));
    if let toml::Value::Table(section) = entry {
        // Numbers, booleans and lists as TOML writes them; anything else is text.
        let parsed =
            toml::from_str::<toml::Table>(&format!("v = {value}")).ok().and_then(|mut t| t.remove("v"));
        let parsed = parsed.filter(|v| {
            matches!(v, toml::Value::Integer(_) | toml::Value::Boolean(_) | toml::Value::Array(_))
        });
        section.insert(name.to_owned(), parsed.unwrap_or_else(|| toml::Value::String(value.to_owned())));
    }
}

fn at_line(name: &str, text: &str, error: &toml::de::Error) -> ConfigMistake {
    let line = error.span().map_or(1, |s| text.get(..s.start).map_or(1, |t| t.matches('\n').count() + 1));
    ConfigMistake { place: format!("{name}:{line}"), what: error.message().to_owned() }
}

/// The line of `section.key` in the file, or the file alone where it is not written there.
fn line_of(name: &str, text: &str, key: &str) -> String {
    let Some((section, field)) = key.split_once('.') else { return name.to_owned() };
    let mut current = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            current = header.trim().to_owned();
        } else if current == section && line.split('=').next().is_some_and(|f| f.trim() == field) {
            return format!("{name}:{}", index + 1);
        }
    }
    format!("{name} [{section}] {field}")
}

/// What only values together can get wrong: key and explanation.
fn check(config: &Config) -> Vec<(&'static str, String)> {
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
    if !(config.database.url.starts_with("sqlite:")
        || config.database.url.starts_with("postgres://")
        || config.database.url.starts_with("postgresql://"))
    {
        out.push(("database.url", "must be sqlite:PATH or postgres://user@host/database".to_owned()));
    }
    if config.server.replicated && config.database.url.starts_with("sqlite:") {
        out.push(("server.replicated", "needs PostgreSQL: an SQLite file belongs to one server".to_owned()));
    }
    if config.mail.transport == MailTransport::Smtp
        && config.mail.tls == MailTls::None
        && !matches!(config.mail.host.as_str(), "localhost" | "127.0.0.1" | "::1")
    {
        out.push(("mail.tls", "may be none on loopback only".to_owned()));
    }
    if !config.mail.from.contains('@') {
        out.push(("mail.from", "must be a mail address, such as Hallpass <hallpass@example.org>".to_owned()));
    }
    out
}

/// The external base URL: as set, or from the address listened on.
pub fn base_url(config: &Config, bound: std::net::SocketAddr) -> String {
    if config.server.base_url.is_empty() {
        let scheme = if config.server.tls_certificate_file.is_some() { "https" } else { "http" };
        format!("{scheme}://{bound}")
    } else {
        config.server.base_url.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load_text(text: &str, env: &[(&str, &str)], flags: &[Override]) -> Result<Config, Vec<ConfigMistake>> {
        let file = std::env::temp_dir().join(format!("hallpass-config-{}.toml", uuid::Uuid::new_v4()));
        std::fs::write(&file, text).unwrap();
        let out = load(Some(&file), env.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())), flags);
        std::fs::remove_file(&file).unwrap();
        out
    }

    #[test]
    fn flags_override_environment_overrides_file() {
        let text = "[server]\nlisten = \"127.0.0.1:1\"\nworkers = 1\n[mail]\nhost = \"a\"\n";
        let config = load_text(
            text,
            &[
                ("HALLPASSD_SERVER_LISTEN", "127.0.0.1:2"),
                ("HALLPASSD_SERVER_WORKERS", "2"),
                ("HALLPASSD_MAIL_HOST", "b"),
            ],
            &[("server.listen", "127.0.0.1:3".to_owned())],
        )
        .unwrap();
        assert_eq!(
            (config.server.listen.as_str(), config.server.workers, config.mail.host.as_str()),
            ("127.0.0.1:3", 2, "b")
        );
    }

    #[test]
    fn mistakes_name_file_and_line() {
        for (text, line, word) in [
            ("[server]\nlisten = 5\n", ":2", "string"),
            ("[server]\n\nlistne = \"x\"\n", ":3", "unknown field"),
            ("[server\n", ":1", ""),
            ("[server]\nlisten = \"nonsense\"\n", ":2", "not an address"),
            ("\n[database]\nurl = \"mysql://x\"\n", ":3", "sqlite:PATH"),
            ("[server]\nlisten = \"127.0.0.1:1\"\nbase_url = \"http://example.org\"\n", ":3", "https"),
        ] {
            let mistakes = load_text(text, &[], &[]).unwrap_err();
            assert!(
                mistakes.iter().any(|m| m.place.ends_with(line) && m.what.contains(word)),
                "{text:?}: {mistakes:?}"
            );
        }
    }

    #[test]
    fn beyond_loopback_needs_tls_and_a_name() {
        let mistakes = load_text("[server]\nlisten = \"0.0.0.0:443\"\n", &[], &[]).unwrap_err();
        assert_eq!(mistakes.len(), 2, "{mistakes:?}");
    }
}
