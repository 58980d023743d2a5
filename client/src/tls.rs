//! TLS of the client: rustls with ring, and nothing else.
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

use crate::Error;

/// TLS settings that trust the authorities in `ca_file` (PEM) and no others, or the system's where there is none.
pub(crate) fn config(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, Error> {
    let mut roots = RootCertStore::empty();
    match ca_file {
        Some(path) => {
            let unreadable = |why: &dyn std::fmt::Display| {
                Error::Setting(format!("the authorities in {} cannot be read: {why}", path.display()))
            };
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| unreadable(&e))? {
                roots.add(certificate.map_err(|e| unreadable(&e))?).map_err(|e| unreadable(&e))?;
            }
            if roots.is_empty() {
                return Err(unreadable(&"no certificate is in it"));
            }
        }
        None => {
            // One damaged certificate of the system must not stop all others from being used.
            roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            if roots.is_empty() {
                return Err(Error::Setting("this system has no certificate authorities; install them (Debian: ca-certificates) or set HALLPASS_CA_FILE".to_owned()));
            }
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_root_certificates(roots).with_no_client_auth())
        .map_err(|error| Error::Setting(format!("TLS cannot be set up: {error}")))
}
