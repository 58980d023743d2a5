//! Configuration: one TOML file; the environment overrides it, flags override both.
//!
//! A setting `[mail] host` is `HALLPASSD_MAIL_HOST` in the environment. Mistakes are told with file and line.
//!
//! | file | what changes it |
//! |---|---|
//! | `mod.rs` | which settings there are |
//! | `load.rs` | where they come from |
//! | `check.rs` | what values together can get wrong |
//! | `serve.rs` | what else `serve` needs: files that can be read, places that can be written |
mod check;
mod load;
pub mod serve;

use std::path::PathBuf;

use serde::Deserialize;

pub use self::load::{ConfigMistake, Override, load};

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
    /// Metrics.
    pub metrics: Metrics,
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
    /// File (1 MiB) on a local disk that notes removals made while the database cannot be written; beside it stands what is
    /// due soon, sealed. Where it is not set: beside the database with SQLite, else `journal` in systemd's folder for what a
    /// service keeps (`StateDirectory=`).
    pub journal_file: Option<PathBuf>,
    /// True to serve without such files: what is due is not removed by a server that starts while the database is away, and
    /// what is removed meanwhile is recorded only if the server lives until it is back.
    pub no_journal_file: bool,
}

impl Database {
    /// Whether it is an SQLite file.
    pub fn is_sqlite(&self) -> bool {
        self.url.starts_with("sqlite:")
    }
}

impl Default for Database {
    fn default() -> Self {
        Self { url: "sqlite:hallpass.db".to_owned(), journal_file: None, no_journal_file: false }
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
    /// File to which signed checkpoints go. Put it where the database's administrators cannot write, and where a restore
    /// of the database does not reach it. Where it is not set: `checkpoints.txt` in systemd's log folder
    /// (`LogsDirectory=`), else beside the folder of an SQLite database, never inside it.
    pub checkpoint_file: Option<PathBuf>,
    /// True to serve without such a file: checkpoints go to the log alone, and a restored backup is noticed at its
    /// targets only.
    pub no_checkpoint_file: bool,
}

/// `[metrics]`
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Metrics {
    /// Addresses or networks that may read `/metrics`, besides loopback, which always may.
    pub allow_from: Vec<String>,
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

/// The external base URL: as set, or from the address listened on.
pub fn base_url(config: &Config, bound: std::net::SocketAddr) -> String {
    if config.server.base_url.is_empty() {
        let scheme = if config.server.tls_certificate_file.is_some() { "https" } else { "http" };
        format!("{scheme}://{bound}")
    } else {
        config.server.base_url.clone()
    }
}
