//! By whose word a target's certificate is believed: ours when we connect, and what holders are told of it.
use hallpass_domain::ports::target::TargetError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;

/// The certificates in `ca_file`, or none where the system's authorities are meant.
pub(super) fn authorities(
    ca_file: Option<&str>,
) -> Result<Option<Vec<CertificateDer<'static>>>, TargetError> {
    let Some(path) = ca_file else { return Ok(None) };
    CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map(Some)
        .map_err(|e| TargetError::Refused(format!("ca_file {path} cannot be read: {e}")))
}

/// Certificates as clients take them. What else stands in the file that they were read from (somebody may have left a key
/// there) goes to nobody.
pub(super) fn pem(certificates: &[CertificateDer<'_>]) -> String {
    let mut out = String::new();
    for certificate in certificates {
        out.push_str("-----BEGIN CERTIFICATE-----\n");
        for line in data_encoding::BASE64.encode(certificate).as_bytes().chunks(64) {
            out.push_str(&String::from_utf8_lossy(line));
            out.push('\n');
        }
        out.push_str("-----END CERTIFICATE-----\n");
    }
    out
}

/// TLS that believes these authorities, or the system's.
pub(super) fn tls_config(
    authorities: Option<&[CertificateDer<'static>]>,
    ca_file: Option<&str>,
) -> Result<rustls::ClientConfig, TargetError> {
    let refused = |what: String| TargetError::Refused(what);
    let mut roots = rustls::RootCertStore::empty();
    match authorities {
        Some(certificates) => {
            for certificate in certificates {
                roots
                    .add(certificate.clone())
                    .map_err(|e| refused(format!("ca_file {}: {e}", ca_file.unwrap_or_default())))?;
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
