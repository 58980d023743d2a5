//! Connections to the target: address, TLS, and session settings that nothing configured there can change.
use std::net::IpAddr;
use std::time::Duration;

use hallpass_domain::address::is_forbidden;
use hallpass_domain::ports::target::TargetError;
use hallpass_domain::target::{PgTls, PostgresqlTarget};
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::{ChannelBinding, SslMode};
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::{Trouble, connect_trouble, root_cause, target_error};
use super::trust::{authorities, pem, tls_config};

/// Longest wait for a connection, from the first packet to the end of authentication.
const CONNECT: Duration = Duration::from_secs(3);

/// Opens connections to one target.
pub(super) struct Dialer {
    /// Everything but the host, which is resolved anew for each connection.
    config: Config,
    host: String,
    tls: Option<MakeRustlsConnect>,
    /// The authorities that the server is checked by, where they are not the system's.
    pub(super) ca_pem: Option<String>,
    password: Option<SecretString>,
    options: String,
}

/// A connection and the task that drives it; dropping it closes both.
pub(super) struct Connection {
    /// The driver's handle.
    pub(super) client: Client,
    driver: tokio::task::JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Dialer {
    /// Reads certificates; connects to nothing.
    pub(super) fn new(
        settings: &PostgresqlTarget,
        instance: &str,
        password: Option<SecretString>,
    ) -> Result<Self, TargetError> {
        let mut config = Config::new();
        config
            .port(settings.port)
            .application_name(format!("hallpass {instance}"))
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(Duration::from_secs(10));
        let mut ca_pem = None;
        let tls = match settings.tls {
            PgTls::VerifyFull if settings.host.starts_with('/') => {
                return Err(TargetError::Refused(
                    "a Unix socket carries no TLS: set tls = \"disable\"".into(),
                ));
            }
            PgTls::VerifyFull => {
                config.ssl_mode(SslMode::Require);
                let known = authorities(settings.ca_file.as_deref())?;
                ca_pem = known.as_deref().map(pem);
                Some(MakeRustlsConnect::new(tls_config(known.as_deref(), settings.ca_file.as_deref())?))
            }
            PgTls::Disable if is_local(&settings.host) => {
                config.ssl_mode(SslMode::Disable);
                None
            }
            PgTls::Disable => {
                return Err(TargetError::Refused(
                    "tls = \"disable\" is allowed for loopback addresses and Unix sockets only".into(),
                ));
            }
        };
        let statement = settings.statement_timeout_ms.max(100);
        // In the start-up packet these outrank what the role or the database has set. Comments:
        // search_path: nobody's operators but PostgreSQL's (CVE-2018-1058). synchronous_commit: a revocation that the
        // target forgets in a crash was none. lock_timeout: a lock held by someone else is an error, not a wait.
        let options = format!(
            "-c search_path=pg_catalog,pg_temp -c role=none -c statement_timeout={statement} -c lock_timeout={} \
             -c idle_in_transaction_session_timeout={statement} -c synchronous_commit=on \
             -c default_transaction_read_only=off -c default_transaction_isolation=read\\ committed \
             -c client_min_messages=error -c standard_conforming_strings=on -c DateStyle=ISO -c TimeZone=UTC",
            (statement / 2).min(2_000)
        );
        Ok(Self { config, host: settings.host.clone(), tls, ca_pem, password, options })
    }

    /// A session of our administrator in `database`; a `holding` one may be idle in its transaction for as long as it likes.
    pub(super) async fn administrator(
        &self,
        user: &str,
        database: &str,
        holding: bool,
    ) -> Result<Connection, Trouble> {
        let mut config = self.config.clone();
        let idle = if holding { " -c idle_in_transaction_session_timeout=0" } else { "" };
        config.user(user).dbname(database).options(format!("{}{idle}", self.options));
        if let Some(password) = &self.password {
            config.password(password.expose_secret()).channel_binding(self.binding());
        }
        self.open(config).await.map_err(|e| e.of_administrator())
    }

    /// A session of an issued login, without any of our settings: as its holder would.
    pub(super) async fn holder(
        &self,
        user: &str,
        password: &SecretString,
        database: &str,
    ) -> Result<Connection, DialError> {
        let mut config = self.config.clone();
        config.user(user).dbname(database).password(password.expose_secret()).channel_binding(self.binding());
        self.open(config).await
    }

    /// Whether a login is let in with a password that is not its own. That one may go out in clear.
    pub(super) async fn lets_in_anybody(&self, user: &str, wrong: &SecretString, database: &str) -> bool {
        let mut config = self.config.clone();
        config.user(user).dbname(database).password(wrong.expose_secret());
        self.open(config).await.is_ok()
    }

    /// Over TLS a password is proved, never told: with SCRAM bound to the server's certificate, whoever answers at the
    /// address cannot ask for it in clear, nor pass the proof on (RFC 5802, RFC 5929). Without TLS the other end is on
    /// this machine.
    fn binding(&self) -> ChannelBinding {
        if self.tls.is_some() { ChannelBinding::Require } else { ChannelBinding::Prefer }
    }

    async fn open(&self, mut config: Config) -> Result<Connection, DialError> {
        let connecting = async {
            if self.host.starts_with('/') {
                config.host_path(&self.host);
            } else {
                for address in self.resolve().await? {
                    config.host(&self.host).hostaddr(address);
                }
            }
            match &self.tls {
                Some(tls) => {
                    let (client, connection) = config.connect(tls.clone()).await?;
                    Ok(Connection { client, driver: tokio::spawn(drive(connection)) })
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await?;
                    Ok(Connection { client, driver: tokio::spawn(drive(connection)) })
                }
            }
        };
        tokio::time::timeout(CONNECT, connecting)
            .await
            .unwrap_or_else(|_| Err(TargetError::Down("timed out while connecting".into()).into()))
    }

    /// Where the host's name leads now. What the catalogue may not name, a name must not lead to; and without TLS it
    /// must lead to this machine.
    async fn resolve(&self) -> Result<Vec<IpAddr>, TargetError> {
        let found = tokio::net::lookup_host((self.host.as_str(), 0))
            .await
            .map_err(|e| TargetError::Down(format!("the host's name cannot be resolved: {e}")))?;
        let allowed = |ip: &IpAddr| {
            if self.tls.is_none() { ip.to_canonical().is_loopback() } else { !is_forbidden(*ip) }
        };
        let mut addresses: Vec<IpAddr> = found.map(|a| a.ip()).filter(allowed).collect();
        addresses.dedup();
        if addresses.is_empty() {
            return Err(TargetError::Refused(
                "the host's name leads to no address that Hallpass may connect to (not link-local, not a metadata \
                 service; without TLS only this machine)"
                    .into(),
            ));
        }
        Ok(addresses)
    }
}

/// Why a connection did not come about.
#[derive(Debug)]
pub(super) enum DialError {
    /// The server answered so.
    Server(Box<tokio_postgres::error::DbError>),
    /// We ended it, or nobody answered.
    Other(TargetError),
}

impl From<TargetError> for DialError {
    fn from(error: TargetError) -> Self {
        Self::Other(error)
    }
}

impl From<tokio_postgres::Error> for DialError {
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(db) = error.as_db_error() {
            return Self::Server(Box::new(db.clone()));
        }
        let cause = root_cause(&error);
        // The driver has no kinds for these: its words are all there is.
        let unproven = ["channel binding", "unsupported SASL", "unsupported authentication"];
        Self::Other(if unproven.iter().any(|words| cause.contains(words)) {
            TargetError::Refused(format!(
                "the server does not ask for a password by scram-sha-256 bound to its certificate, so none was told to it \
                 ({cause}): set scram-sha-256 in pg_hba.conf and password_encryption, and set our password again"
            ))
        } else {
            target_error(&error)
        })
    }
}

impl std::fmt::Display for DialError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Server(db) => write!(f, "{} ({})", db.message(), db.code().code()),
            Self::Other(error) => error.fmt(f),
        }
    }
}

impl DialError {
    /// As an error of a session of ours.
    fn of_administrator(self) -> Trouble {
        match self {
            Self::Server(db) => connect_trouble(&db),
            Self::Other(error) => Trouble { lost: true, ..Trouble::from(error) },
        }
    }
}

async fn drive<S, T>(connection: tokio_postgres::Connection<S, T>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    // Its error reaches whoever waits for an answer; there is nobody else to tell.
    if let Err(error) = connection.await {
        tracing::debug!(error = %target_error(&error), "connection to a PostgreSQL target ended");
    }
}

/// A loopback address or a Unix socket: nothing on a wire.
fn is_local(host: &str) -> bool {
    host.starts_with('/')
        || host == "localhost"
        || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::is_local;

    #[test]
    fn local_hosts() {
        for host in ["/run/postgresql", "localhost", "127.0.0.1", "127.9.9.9", "::1"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["localhost.example.org", "10.0.0.1", "db", "127.0.0.1.example.org", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
