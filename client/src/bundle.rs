//! The authorities that the system trusts, as a file: for programs of others (libpq) that must be told where it is.
use std::path::{Path, PathBuf};

/// Where systems keep them: Debian, Fedora, SUSE, and Alpine, BSD and macOS.
pub const BUNDLES: [&str; 4] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// The one of this system, if it has one.
pub fn system_bundle() -> Option<PathBuf> {
    BUNDLES.iter().map(Path::new).find(|path| path.exists()).map(Path::to_owned)
}
