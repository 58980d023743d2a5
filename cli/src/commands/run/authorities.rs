//! By whose word a database's certificate is believed: libpq's `sslrootcert`.
use std::ffi::OsString;
use std::path::PathBuf;

use hallpass_client::bundle::system_bundle;
use hallpass_client::wire::credentials::IssuedLogin;

use super::files::Folder;
use crate::failure::Failure;
use crate::settings::path_var;

/// Value of `PGSSLROOTCERT` for the command, where it is not to be as it is: the authorities of the target where it has its
/// own; else the caller's, in the variable or where libpq looks by itself; else the system's. libpq trusts nobody unless it is
/// told whom, and its word for the system's (`system`) is unknown before version 16.
pub(super) fn of(login: &IssuedLogin, folder: &Folder) -> Result<Option<OsString>, Failure> {
    if let Some(pem) = &login.ca_pem {
        return Ok(Some(folder.write("root.crt", pem)?.into()));
    }
    let own = path_var("HOME").map(|home| home.join(".postgresql/root.crt"));
    let has_own = path_var("PGSSLROOTCERT").is_some() || own.is_some_and(|file| file.exists());
    Ok(systems(&login.sslmode, has_own, system_bundle).map(PathBuf::into_os_string))
}

/// The system's bundle, where the certificate is checked and the caller names nobody.
fn systems(sslmode: &str, has_own: bool, bundle: impl Fn() -> Option<PathBuf>) -> Option<PathBuf> {
    if has_own || !sslmode.starts_with("verify-") { None } else { bundle() }
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::systems;

    #[test]
    fn the_systems_bundle_where_the_caller_names_none() {
        let bundle = || Some(PathBuf::from("/etc/ssl/cert.pem"));
        assert_eq!(systems("verify-full", false, bundle), bundle());
        assert_eq!(systems("verify-full", false, || None), None);
        assert_eq!(systems("verify-full", true, bundle), None, "the caller's own stays");
        assert_eq!(systems("disable", false, bundle), None, "no certificate is looked at");
    }
}
