//! One demo at a time in a data folder.
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use crate::compose::StartError;

/// The folder is ours while this lives; the system lets it go however the process ends.
pub struct Hold(File);

impl Hold {
    /// Makes the folder (others may pass through it, as PostgreSQL's user must, not look into it) and takes it.
    ///
    /// # Errors
    /// Where it cannot be made, or another demo has it.
    pub fn take(data: &Path) -> Result<Self, StartError> {
        let failed = |e: std::io::Error| StartError::because(&data.display().to_string(), e);
        std::fs::create_dir_all(data)
            .and_then(|()| std::fs::set_permissions(data, std::fs::Permissions::from_mode(0o711)))
            .map_err(failed)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(data.join("demo.lock"))
            .map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::Error(error)) => Err(failed(error)),
            Err(TryLockError::WouldBlock) => {
                let mut says = String::new();
                let _ = file.read_to_string(&mut says);
                Err(StartError(format!(
                    "a demo is running with the data in {}{}. Stop it first (Ctrl-C in its terminal), or name another folder: --data DIR",
                    data.display(),
                    Some(says.trim())
                        .filter(|s| !s.is_empty())
                        .map(|s| format!(", at {s}"))
                        .unwrap_or_default(),
                )))
            }
        }
    }

    /// Says where the demo is, for the message to the next one.
    pub fn says(&mut self, base_url: &str) {
        let _ = self
            .0
            .set_len(0)
            .and_then(|()| self.0.rewind())
            .and_then(|()| self.0.write_all(base_url.as_bytes()));
    }
}
