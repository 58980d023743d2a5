//! PostgreSQL: the address, TLS, and the runtime that drives connections.
use std::fmt;
use std::str::FromStr as _;
use std::sync::Arc;
use std::time::Duration;

use diesel_async::AsyncPgConnection;
use futures_util::FutureExt as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{MakeTlsConnect, TlsConnect};
use tokio_postgres::{Config, NoTls, Socket};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::open::OpenError;

/// Connections to read with, at most, where the address says nothing else.
const CONNECTIONS: usize = 32;
/// Longest wait for a connection to be made or to come free.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// Per session: no statement of ours runs long, and a row that somebody else holds must not stop the writer for good.
pub(super) const SESSION: &str =
    "-c statement_timeout=15s -c lock_timeout=5s -c idle_in_transaction_session_timeout=30s";

/// A server's address with the TLS that was asked for.
#[derive(Clone)]
pub(crate) struct Server {
    pub(super) config: Config,
    pub(super) tls: Option<MakeRustlsConnect>,
    pub(super) ca_file: Option<String>,
    /// Most connections to read with.
    pub(super) connections: usize,
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Server({}, {:?})", self.config.get_dbname().unwrap_or("?"), self.config.get_hosts())
    }
}

impl Server {
    /// Reads `postgres://user:password@host/database?sslmode=…&sslrootcert=…`. TLS with the certificate and the host
    /// name checked is the rule; `sslmode=disable` turns it off, and Unix sockets go without. `connections=N` is how many
    /// connections are made to read with, at most; besides them one writes and one listens.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        let (base, query) = url.split_once('?').unwrap_or((url, ""));
        let (mut ssl_mode, mut ca_file, mut connections, mut rest) = (None, None, CONNECTIONS, Vec::new());
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sslmode", mode)) => ssl_mode = Some(mode),
                Some(("sslrootcert", path)) => ca_file = Some(percent_decoded(path)),
                Some(("connections", number)) => {
                    connections =
                        number.parse().ok().filter(|n| (1..=1_000).contains(n)).ok_or_else(|| {
                            OpenError::Address(format!("connections={number} is not a number from 1 to 1000"))
                        })?;
                }
                _ => rest.push(pair),
            }
        }
        let plain = if rest.is_empty() { base.to_owned() } else { format!("{base}?{}", rest.join("&")) };
        let mut config = Config::from_str(&plain).map_err(|e| OpenError::Address(e.to_string()))?;
        let socket = config.get_hosts().iter().all(|host| matches!(host, Host::Unix(_)));
        let tls = match ssl_mode {
            Some("disable") => None,
            Some("require" | "verify-ca" | "verify-full") => Some(tls(ca_file.as_deref())?),
            None if socket => None,
            None => Some(tls(ca_file.as_deref())?),
            Some(other) => {
                return Err(OpenError::Address(format!(
                    "sslmode={other} could fall back to a connection without TLS; write sslmode=verify-full or sslmode=disable"
                )));
            }
        };
        config
            .ssl_mode(if tls.is_some() { SslMode::Require } else { SslMode::Disable })
            .application_name("hallpassd")
            .connect_timeout(CONNECT)
            .tcp_user_timeout(Duration::from_secs(10))
            .keepalives_idle(Duration::from_secs(10));
        let options =
            config.get_options().map_or_else(|| SESSION.to_owned(), |given| format!("{SESSION} {given}"));
        config.options(options);
        Ok(Self { config, tls, ca_file, connections })
    }

    /// The same server, whose connections say which of ours they belong to.
    pub(crate) fn named(mut self, name: &str) -> Self {
        self.config.application_name(format!("hallpassd {name}"));
        self
    }

    /// Makes a connection whose traffic is driven by `runtime`.
    pub(crate) async fn connect_on(&self, runtime: &Runtime) -> Result<AsyncPgConnection, String> {
        self.connect(runtime.handle()).await
    }

    /// Makes a connection whose traffic is driven on `on`, whoever asks for it.
    pub(crate) async fn connect(&self, on: tokio::runtime::Handle) -> Result<AsyncPgConnection, String> {
        let server = self.clone();
        let made = on.spawn(async move {
            let client = match server.tls.clone() {
                Some(tls) => server.client(tls).await,
                None => server.client(NoTls).await,
            }?;
            AsyncPgConnection::try_from(client).await.map_err(|e| e.to_string())
        });
        match tokio::time::timeout(CONNECT * 2, made).await {
            Ok(Ok(conn)) => conn,
            Ok(Err(stopped)) => Err(stopped.to_string()),
            Err(_) => Err("no connection in time".to_owned()),
        }
    }

    async fn client<T>(&self, tls: T) -> Result<tokio_postgres::Client, String>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (client, connection) = self.config.connect(tls).await.map_err(|e| words(&e))?;
        tokio::spawn(connection.map(drop));
        Ok(client)
    }

    /// As [`Self::connect`], handing notifications to `hear`; for the listener, which is driven where it runs.
    pub(crate) async fn listen(
        &self,
        hear: tokio::sync::mpsc::UnboundedSender<String>,
    ) -> Result<tokio_postgres::Client, String> {
        match self.tls.clone() {
            Some(tls) => self.listening(tls, hear).await,
            None => self.listening(NoTls, hear).await,
        }
    }

    async fn listening<T>(
        &self,
        tls: T,
        hear: tokio::sync::mpsc::UnboundedSender<String>,
    ) -> Result<tokio_postgres::Client, String>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        let (client, mut connection) = self.config.connect(tls).await.map_err(|e| words(&e))?;
        tokio::spawn(async move {
            let mut messages = futures_util::stream::poll_fn(move |cx| connection.poll_message(cx));
            while let Some(Ok(message)) = futures_util::StreamExt::next(&mut messages).await {
                if let tokio_postgres::AsyncMessage::Notification(note) = message
                    && hear.send(note.payload().to_owned()).is_err()
                {
                    return;
                }
            }
        });
        Ok(client)
    }
}

/// What went wrong, with the server's own words where it said some.
fn words(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => db.message().to_owned(),
        None => {
            let cause = std::error::Error::source(error).map(|c| format!(": {c}")).unwrap_or_default();
            format!("{error}{cause}")
        }
    }
}

fn tls(ca_file: Option<&str>) -> Result<MakeRustlsConnect, OpenError> {
    let unusable = |why: String| OpenError::Unusable(format!("TLS to the database: {why}"));
    let mut roots = rustls::RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let found = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .map_err(|e| unusable(format!("{path}: {e}")))?;
            for certificate in found {
                roots.add(certificate).map_err(|e| unusable(format!("{path}: {e}")))?;
            }
        }
        None => drop(roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs)),
    }
    if roots.is_empty() {
        return Err(unusable("no certificate authority is known; name one with sslrootcert=FILE".to_owned()));
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| unusable(e.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}

fn percent_decoded(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = match (byte, ahead.next(), ahead.next()) {
            (b'%', Some(high), Some(low)) => {
                char::from(high).to_digit(16).zip(char::from(low).to_digit(16)).map(|(h, l)| h * 16 + l)
            }
            _ => None,
        };
        match digits.and_then(|value| u8::try_from(value).ok()) {
            Some(value) => {
                out.push(value);
                bytes = ahead;
            }
            None => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// The threads that drive every connection to the server, whichever thread asks: web workers come and go, and
/// connections are shared between them.
#[derive(Debug)]
pub(crate) struct Runtime(Option<tokio::runtime::Runtime>, tokio::runtime::Handle);

impl Runtime {
    pub(crate) fn start() -> Result<Self, OpenError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("hallpass-pg")
            .enable_all()
            .build()
            .map_err(|e| OpenError::Unusable(e.to_string()))?;
        let handle = runtime.handle().clone();
        Ok(Self(Some(runtime), handle))
    }

    pub(crate) fn handle(&self) -> tokio::runtime::Handle {
        self.1.clone()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            // Not waited for: this may run inside another runtime.
            runtime.shutdown_background();
        }
    }
}
