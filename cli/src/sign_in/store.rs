//! Stored sign-ins: a file per server, readable only by its owner, in the configuration folder of the profile.
use std::fs;
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use hallpass_client::BaseUrl;
use serde::{Deserialize, Serialize};

use crate::failure::Failure;
use crate::settings::Settings;

/// A stored sign-in.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum SignIn {
    /// A person's token.
    Person {
        /// Who.
        handle: String,
        /// The token.
        token: String,
        /// When it stops working.
        expires_at: DateTime<Utc>,
    },
    /// A workload; its secret stays in its own file.
    Workload {
        /// `client_id`.
        client_id: String,
        /// File with the secret.
        secret_file: PathBuf,
    },
}

fn folder(settings: &Settings) -> Option<PathBuf> {
    Some(settings.config_dir.as_ref()?.join(&settings.profile))
}

/// File name of a server: its address with everything else than letters, digits and dots made `_`.
fn file_stem(base: &BaseUrl) -> String {
    base.as_str()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || c == '.' || c == '-' { c } else { '_' })
        .collect()
}

fn file(settings: &Settings, base: &BaseUrl, ending: &str) -> Option<PathBuf> {
    Some(folder(settings)?.join(format!("{}.{ending}", file_stem(base))))
}

/// The stored sign-in of a server. A file that others can read is refused: its token may have been read.
pub(crate) fn read(settings: &Settings, base: &BaseUrl) -> Result<Option<SignIn>, Failure> {
    let Some(path) = file(settings, base, "json") else { return Ok(None) };
    let unreadable = |error: &std::io::Error| {
        Failure::local(&format!("The sign-in in {} cannot be read", path.display()), error)
    };
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(unreadable(&error)),
    };
    let mode = fs::metadata(&path).map_err(|error| unreadable(&error))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(Failure::usage("sign_in_file", format!("{} can be read by others", path.display()))
            .next("hallpass logout, then hallpass login"));
    }
    serde_json::from_str(&text).map(Some).map_err(|_| {
        Failure::usage("sign_in_file", format!("{} is damaged", path.display())).next("hallpass login")
    })
}

/// Stores a sign-in and remembers its server; the path of the file.
pub(crate) fn write(settings: &Settings, base: &BaseUrl, sign_in: &SignIn) -> Result<PathBuf, Failure> {
    let path = file(settings, base, "json").ok_or_else(|| {
        Failure::usage(
            "no_home",
            "There is no place to keep a sign-in: neither HALLPASS_CONFIG_DIR nor HOME is set",
        )
    })?;
    let text = serde_json::to_string(sign_in).unwrap_or_default();
    let failed = |error: std::io::Error| {
        Failure::local(&format!("The sign-in cannot be kept in {}", path.display()), &error)
    };
    write_private(&path, text.as_bytes()).map_err(failed)?;
    write_private(&path.with_file_name("server"), base.as_str().as_bytes()).map_err(failed)?;
    Ok(path)
}

/// Forgets a sign-in; whether there was one.
pub(crate) fn erase(settings: &Settings, base: &BaseUrl) -> Result<bool, Failure> {
    let Some(path) = file(settings, base, "json") else { return Ok(false) };
    match fs::remove_file(&path) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => {
            Err(Failure::local(&format!("The sign-in in {} cannot be removed", path.display()), &error))
        }
    }
}

/// The server of the last sign-in.
pub(crate) fn last_server(settings: &Settings) -> Option<String> {
    let text = fs::read_to_string(folder(settings)?.join("server")).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Remembers the verifier key of a server's audit log, the first time that it is seen. A different one later is not taken over.
pub(crate) fn pin_vkey(settings: &Settings, base: &BaseUrl, vkey: &str) {
    if let Some(path) = file(settings, base, "vkey").filter(|path| !path.exists()) {
        // Only a convenience: without it, `audit verify --receipt` asks for --vkey.
        drop(write_private(&path, vkey.trim().as_bytes()));
    }
}

/// The remembered verifier key of a server.
pub(crate) fn pinned_vkey(settings: &Settings, base: &BaseUrl) -> Option<String> {
    fs::read_to_string(file(settings, base, "vkey")?).ok()
}

/// Writes a file that only its owner can read, whole or not at all.
fn write_private(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let new = path.with_extension(format!("new-{}", std::process::id()));
    drop(fs::remove_file(&new));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)
}
