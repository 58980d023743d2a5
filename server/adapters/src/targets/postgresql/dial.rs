//! Connections to the target: address, TLS, and session settings that nothing configured there can change.
use std::time::Duration;

use hallpass_domain::ports::target::TargetError;
use hallpass_domain::target::{PgTls, PostgresqlTarget};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use secrecy::{ExposeSecret, SecretString};
use tokio_postgres::config::SslMode;
use tokio_postgres::{Client, Config, NoTls};
use tokio_postgres_rustls::MakeRustlsConnect;

use super::errors::target_error;

/// Longest wait for a connection, from the first packet to the end of authentication.
const CONNECT: Duration = Duration::from_secs(3);

/// Opens connections to one target.
pub(super) struct Dialer {
    config: Config,
    tls: Option<MakeRustlsConnect>,
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
        if settings.host.starts_with('/') {
            config.host_path(&settings.host);
        } else {
            config.host(&settings.host);
        }
        config
            .port(settings.port)
            .application_name(format!("hallpass {instance}"))
            .connect_timeout(CONNECT)
            .keepalives_idle(Duration::from_secs(10))
            .tcp_user_timeout(Duration::from_secs(10));
        let tls = match settings.tls {
            PgTls::VerifyFull if settings.host.starts_with('/') => {
                return Err(TargetError::Refused(
                    "a Unix socket carries no TLS: set tls = \"disable\"".into(),
                ));
            }
            PgTls::VerifyFull => {
                config.ssl_mode(SslMode::Require);
                Some(MakeRustlsConnect::new(tls_config(settings.ca_file.as_deref())?))
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
        Ok(Self { config, tls, password, options })
    }

    /// A session of our administrator in `database`.
    pub(super) async fn administrator(&self, user: &str, database: &str) -> Result<Connection, TargetError> {
        let mut config = self.config.clone();
        config.user(user).dbname(database).options(&self.options);
        if let Some(password) = &self.password {
            config.password(password.expose_secret());
        }
        self.open(config).await
    }

    /// A session of an issued login, without any of our settings: as its holder would.
    pub(super) async fn holder(
        &self,
        user: &str,
        password: &SecretString,
        database: &str,
    ) -> Result<Connection, TargetError> {
        let mut config = self.config.clone();
        config.user(user).dbname(database).password(password.expose_secret());
        self.open(config).await
    }

    async fn open(&self, config: Config) -> Result<Connection, TargetError> {
        let connecting = async {
            match &self.tls {
                Some(tls) => {
                    let (client, connection) =
                        config.connect(tls.clone()).await.map_err(|e| target_error(&e))?;
                    Ok(Connection { client, driver: tokio::spawn(drive(connection)) })
                }
                None => {
                    let (client, connection) = config.connect(NoTls).await.map_err(|e| target_error(&e))?;
                    Ok(Connection { client, driver: tokio::spawn(drive(connection)) })
                }
            }
        };
        tokio::time::timeout(CONNECT, connecting)
            .await
            .unwrap_or_else(|_| Err(TargetError::Down("timed out while connecting".into())))
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

fn tls_config(ca_file: Option<&str>) -> Result<rustls::ClientConfig, TargetError> {
    let refused = |what: String| TargetError::Refused(what);
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .map_err(|e| refused(format!("ca_file {path} cannot be read: {e}")))?;
            for certificate in certificates {
                let certificate =
                    certificate.map_err(|e| refused(format!("ca_file {path} cannot be read: {e}")))?;
                roots.add(certificate).map_err(|e| refused(format!("ca_file {path}: {e}")))?;
            }
        }
        None => {
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    if roots.is_empty() {
        return Err(refused("no certificate authority is known: set ca_file".into()));
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| refused(format!("TLS cannot be set up: {e}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(config)
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
