//! TLS of our own listener, from certificate files.
use std::path::Path;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::StartError;

/// The one crypto provider of the build; first thing in every program. A second call does nothing.
pub fn install_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// A server configuration from a certificate chain and its key.
pub fn server_config(certificate: &Path, key: &Path) -> Result<ServerConfig, StartError> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(certificate)
        .and_then(Iterator::collect)
        .map_err(|e| StartError(format!("{}: {e}", certificate.display())))?;
    if chain.is_empty() {
        return Err(StartError(format!("{}: holds no certificate", certificate.display())));
    }
    let key = PrivateKeyDer::from_pem_file(key).map_err(|e| StartError(format!("{}: {e}", key.display())))?;
    ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|e| StartError(format!("the certificate and its key: {e}")))
}
