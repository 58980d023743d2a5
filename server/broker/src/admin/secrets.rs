//! Where the server reads its own passwords at targets. The catalogue file names the place, never the password.
use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use secrecy::SecretString;

/// Largest password in bytes.
const MAX_BYTES: u64 = 4_096;

/// Environment variables that a catalogue may name begin so: an administrator of the catalogue must not be able to
/// send the server's other secrets to a host of his choice.
pub const ENV_PREFIX: &str = "HALLPASS_SECRET_";

/// A place that a catalogue file names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SecretRef {
    /// `secret_env`: an environment variable.
    Env(String),
    /// `secret_file`: a file, relative to the server's secrets folder.
    File(String),
}

/// Reads passwords when a catalogue is applied.
pub trait SecretSource: Send + Sync {
    /// The password at `from`; the error says for people what is wrong and never holds the password.
    fn read(&self, from: &SecretRef) -> Result<SecretString, String>;
}

/// The process's environment and one folder.
#[derive(Clone, Debug, Default)]
pub struct ServerSecrets {
    /// Folder below which `secret_file` is looked up; none refuses every file.
    pub folder: Option<PathBuf>,
}

impl SecretSource for ServerSecrets {
    fn read(&self, from: &SecretRef) -> Result<SecretString, String> {
        match from {
            SecretRef::Env(name) if !name.starts_with(ENV_PREFIX) => {
                Err(format!("Only variables whose names begin with {ENV_PREFIX} can be named here."))
            }
            SecretRef::Env(name) => match std::env::var(name) {
                Ok(value) if !value.is_empty() => Ok(SecretString::from(value)),
                Ok(_) => Err(format!("The server's environment variable {name} is empty.")),
                Err(std::env::VarError::NotPresent) => Err(format!(
                    "The server has no environment variable {name}; it reads the environment when it starts."
                )),
                Err(std::env::VarError::NotUnicode(_)) => {
                    Err(format!("The server's environment variable {name} is not text."))
                }
            },
            SecretRef::File(name) => self.read_file(name),
        }
    }
}

impl ServerSecrets {
    fn read_file(&self, name: &str) -> Result<SecretString, String> {
        let Some(folder) = &self.folder else {
            return Err(
                "This server has no secrets folder; set one in its configuration, or use secret_env."
                    .to_owned(),
            );
        };
        let relative = Path::new(name);
        if name.is_empty() || !relative.components().all(|c| matches!(c, Component::Normal(_))) {
            return Err("secret_file is a path inside the server's secrets folder, without a leading slash and without “..”.".to_owned());
        }
        let unreadable =
            |error: std::io::Error| format!("The server cannot read {name} in its secrets folder: {error}.");
        // Links are followed (mounted secrets are made of them), but not out of the folder.
        let root = folder.canonicalize().map_err(unreadable)?;
        let path = root.join(relative).canonicalize().map_err(unreadable)?;
        if !path.starts_with(&root) {
            return Err(format!("{name} leads out of the server's secrets folder."));
        }
        let about = std::fs::metadata(&path).map_err(unreadable)?;
        if !about.is_file() || about.len() > MAX_BYTES {
            return Err(format!("{name} is not a file of at most {MAX_BYTES} bytes."));
        }
        let text = std::fs::read_to_string(&path).map_err(unreadable)?;
        let text = text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t));
        if text.is_empty() {
            Err(format!("{name} is empty."))
        } else {
            Ok(SecretString::from(text.to_owned()))
        }
    }
}

/// Passwords that the caller holds: the demo makes its own.
#[derive(Clone, Debug, Default)]
pub struct MemorySecrets(pub BTreeMap<SecretRef, SecretString>);

impl SecretSource for MemorySecrets {
    fn read(&self, from: &SecretRef) -> Result<SecretString, String> {
        self.0.get(from).cloned().ok_or_else(|| "There is no such secret here.".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn files_are_read_inside_the_folder_only() {
        let dir = std::env::temp_dir().join(format!("hallpass-secrets-{}", std::process::id()));
        let folder = dir.join("secrets");
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("db"), "pass word\n").unwrap();
        std::fs::write(folder.join("empty"), "\n").unwrap();
        std::fs::write(dir.join("master.key"), "outside").unwrap();
        std::os::unix::fs::symlink(dir.join("master.key"), folder.join("link")).unwrap();
        let source = ServerSecrets { folder: Some(folder) };
        let file = |name: &str| source.read(&SecretRef::File(name.to_owned()));
        assert_eq!(file("db").unwrap().expose_secret(), "pass word");
        for bad in ["../master.key", "/etc/passwd", "link", "absent", "empty", "", "."] {
            let error = file(bad).unwrap_err();
            assert!(!error.contains("outside"), "{bad}: {error}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn only_variables_meant_for_it_are_read() {
        let source = ServerSecrets::default();
        assert!(source.read(&SecretRef::Env("PATH".to_owned())).unwrap_err().contains(ENV_PREFIX));
        assert!(source.read(&SecretRef::File("x".to_owned())).is_err(), "no folder, no file");
    }
}
