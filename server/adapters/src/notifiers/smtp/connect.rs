//! From a host name to a connection on which mail can be sent.
use std::net::{IpAddr, SocketAddr};

use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use secrecy::ExposeSecret;
use tokio::net::TcpStream;

use super::config::{SmtpConfig, SmtpConfigError, SmtpTls};
use super::line_stream::LineStream;
use super::outcome::{Failure, Step};
use super::within;

pub(super) struct Connector {
    config: SmtpConfig,
    hello: ClientId,
    tls: Option<TlsParameters>,
}

impl Connector {
    pub(super) fn new(config: SmtpConfig) -> Result<Self, SmtpConfigError> {
        config.check()?;
        let tls = match config.tls {
            SmtpTls::Plain => None,
            SmtpTls::Implicit | SmtpTls::Starttls => Some(tls_parameters(&config)?),
        };
        Ok(Self { hello: ClientId::Domain(config.hello.clone()), tls, config })
    }

    pub(super) const fn config(&self) -> &SmtpConfig {
        &self.config
    }

    /// A connection that was greeted, secured and authenticated.
    pub(super) async fn connect(&self) -> Result<AsyncSmtpConnection, Failure> {
        let addresses = self.resolve().await?;
        let limit = self.config.command_timeout;
        let mut connection = match (self.config.tls, &self.tls) {
            (SmtpTls::Implicit, Some(tls)) => {
                let (connect, hello) = (self.config.connect_timeout, &self.hello);
                let addresses = addresses.as_slice();
                let all =
                    connect.saturating_mul(u32::try_from(addresses.len()).unwrap_or(1)).saturating_add(limit);
                let tls = Some(tls.clone());
                let work = AsyncSmtpConnection::connect_tokio1(addresses, Some(connect), hello, tls, None);
                within(all, Step::Connect, work).await?
            }
            (_, tls) => {
                let stream = Box::new(LineStream::new(self.open(&addresses).await?));
                let work = AsyncSmtpConnection::connect_with_transport(stream, &self.hello);
                let mut connection = within(limit, Step::Hello, work).await?;
                if let Some(tls) = tls {
                    if !connection.can_starttls() {
                        return Err(Failure::server(Step::Tls, "the server does not offer STARTTLS"));
                    }
                    within(limit, Step::Tls, connection.starttls(tls.clone(), &self.hello)).await?;
                }
                connection
            }
        };
        if let Some((user, password)) = &self.config.login {
            let credentials = Credentials::new(user.clone(), password.expose_secret().to_owned());
            within(limit, Step::Login, connection.auth(DEFAULT_MECHANISMS, &credentials)).await?;
        }
        Ok(connection)
    }

    async fn resolve(&self) -> Result<Vec<SocketAddr>, Failure> {
        let look_up = tokio::net::lookup_host((self.config.host.as_str(), self.config.port));
        let found = match tokio::time::timeout(self.config.connect_timeout, look_up).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return Err(Failure::server(Step::Connect, &error.to_string())),
            Err(_) => return Err(Failure::timeout(Step::Connect, self.config.connect_timeout)),
        };
        let plain = self.config.tls == SmtpTls::Plain;
        let allowed =
            |ip: IpAddr| if plain { ip.is_loopback() } else { !hallpass_domain::address::is_forbidden(ip) };
        let addresses: Vec<SocketAddr> = found.filter(|address| allowed(address.ip())).collect();
        if addresses.is_empty() {
            return Err(Failure::server(Step::Connect, "the host has no address that may be used"));
        }
        Ok(addresses)
    }

    async fn open(&self, addresses: &[SocketAddr]) -> Result<TcpStream, Failure> {
        let mut last = Failure::server(Step::Connect, "no address");
        for address in addresses {
            match tokio::time::timeout(self.config.connect_timeout, TcpStream::connect(address)).await {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = Failure::server(Step::Connect, &error.to_string()),
                Err(_) => last = Failure::timeout(Step::Connect, self.config.connect_timeout),
            }
        }
        Err(last)
    }
}

fn tls_parameters(config: &SmtpConfig) -> Result<TlsParameters, SmtpConfigError> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(path) = &config.ca_file {
        let refused = |why: String| SmtpConfigError::CaFile(path.display().to_string(), why);
        let pem = std::fs::read(path).map_err(|error| refused(error.to_string()))?;
        if !pem.windows(27).any(|window| window == b"-----BEGIN CERTIFICATE-----") {
            return Err(refused("no certificate in it (PEM)".to_owned()));
        }
        let authority = Certificate::from_pem(&pem).map_err(|error| refused(error.to_string()))?;
        // These authorities and no others.
        builder = builder.certificate_store(CertificateStore::None).add_root_certificate(authority);
    }
    builder.build().map_err(|error| SmtpConfigError::Tls(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ca_file_that_is_none_is_refused_at_start() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = SmtpConfig::new("localhost", 465, SmtpTls::Implicit, "h");
        config.ca_file = Some(folder.path().join("ca.pem"));
        assert!(matches!(Connector::new(config.clone()), Err(SmtpConfigError::CaFile(..))));
        std::fs::write(folder.path().join("ca.pem"), "not a certificate").unwrap();
        assert!(matches!(Connector::new(config), Err(SmtpConfigError::CaFile(..))));
    }
}
