//! The private folder of one run: 0700, in memory where the system has such a place, removed at the end; what a killed run left
//! is swept by the next one.
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::failure::Failure;
use crate::settings::path_var;

const LOCK: &str = "lock";

/// The folder of one run. Held locked while the run lives, so that a sweep leaves it alone.
pub(super) struct Folder {
    path: PathBuf,
    /// Released by the system however the process ends.
    _lock: File,
}

impl Folder {
    /// Makes a folder.
    pub(super) fn new() -> Result<Self, Failure> {
        let nowhere = || std::io::Error::other("neither XDG_RUNTIME_DIR nor a temporary folder can be used");
        let base = base().ok_or_else(|| Failure::local("No private folder can be made", &nowhere()))?;
        Self::within(&base)
    }

    fn within(base: &Path) -> Result<Self, Failure> {
        let name = format!("{}-{}", std::process::id(), uuid::Uuid::new_v4().simple());
        let (new, path) = (base.join(format!("new-{name}")), base.join(format!("run-{name}")));
        let made = (|| {
            DirBuilder::new().mode(0o700).create(&new)?;
            let lock = OpenOptions::new().write(true).create_new(true).mode(0o600).open(new.join(LOCK))?;
            lock.lock()?;
            // Only locked folders ever have the name that a sweep looks at.
            fs::rename(&new, &path)?;
            Ok(lock)
        })();
        match made {
            Ok(lock) => Ok(Self { path, _lock: lock }),
            Err(error) => {
                drop(fs::remove_dir_all(&new));
                Err(Failure::local("No private folder can be made", &error))
            }
        }
    }

    /// Writes a file that only its owner can read, whole or not at all; its path.
    pub(super) fn write(&self, name: &str, text: &str) -> Result<PathBuf, Failure> {
        let (path, new) = (self.path.join(name), self.path.join(format!(".{name}")));
        let written = (|| {
            let mut file =
                OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(text.as_bytes())?;
            fs::rename(&new, &path)
        })();
        written.map(|()| path).map_err(|error| Failure::local("A private file cannot be written", &error))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.path));
    }
}

/// The folder of folders: the first of these that is ours alone.
fn base() -> Option<PathBuf> {
    let user = nix::unistd::geteuid().as_raw();
    let own = format!("hallpass-{user}");
    let runtime =
        path_var("XDG_RUNTIME_DIR").filter(|path| path.is_absolute()).map(|path| path.join("hallpass"));
    let shared = [PathBuf::from("/dev/shm"), std::env::temp_dir()].map(|path| path.join(&own));
    runtime.into_iter().chain(shared).find(|path| is_private(path, user))
}

/// Makes the folder where it is not there; whether it is a folder, ours, and closed to others. A link is none of these.
fn is_private(path: &Path, user: u32) -> bool {
    // An existing one fails here and is looked at below.
    drop(DirBuilder::new().mode(0o700).create(path));
    fs::symlink_metadata(path)
        .is_ok_and(|meta| meta.is_dir() && meta.uid() == user && meta.mode() & 0o077 == 0)
}

/// Removes what killed runs left: folders whose lock nobody holds.
pub(super) fn sweep() {
    if let Some(base) = base() {
        sweep_within(&base);
    }
}

fn sweep_within(base: &Path) {
    let Ok(entries) = fs::read_dir(base) else { return };
    for entry in entries.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let name = name.to_string_lossy();
        let is_left = if name.starts_with("run-") {
            File::open(path.join(LOCK)).map_or(true, |lock| lock.try_lock().is_ok())
        } else {
            let age = entry.metadata().and_then(|meta| meta.modified()).ok().and_then(|at| at.elapsed().ok());
            name.starts_with("new-") && age.is_some_and(|age| age > Duration::from_secs(3_600))
        };
        if is_left {
            drop(fs::remove_dir_all(&path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_private_and_go_away_and_sweeping_spares_the_living() {
        let temp = tempfile::tempdir().unwrap();
        let folder = Folder::within(temp.path()).unwrap();
        let file = folder.write("pgpass", "secret").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
        assert_eq!(fs::metadata(&folder.path).unwrap().mode() & 0o777, 0o700);
        let left = folder.path.with_file_name("run-0-left");
        DirBuilder::new().mode(0o700).create(&left).unwrap();
        fs::write(left.join(LOCK), "").unwrap();
        fs::write(left.join("pgpass"), "secret").unwrap();
        sweep_within(temp.path());
        assert!(!left.exists(), "nobody holds it");
        assert!(file.exists(), "it is held");
        folder.write("pgpass", "fresh").unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "fresh");
        drop(folder);
        assert!(!file.exists());
    }

    #[test]
    fn links_and_open_folders_are_not_private() {
        let temp = tempfile::tempdir().unwrap();
        let user = nix::unistd::geteuid().as_raw();
        let (good, link, open) =
            (temp.path().join("good"), temp.path().join("link"), temp.path().join("open"));
        assert!(is_private(&good, user));
        std::os::unix::fs::symlink(&good, &link).unwrap();
        assert!(!is_private(&link, user));
        DirBuilder::new().mode(0o755).create(&open).unwrap();
        assert!(!is_private(&open, user) && !is_private(&good, user + 1));
    }
}
