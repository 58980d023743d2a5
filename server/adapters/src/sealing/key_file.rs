//! Where master keys come from. Loading never makes a key; making one is a call of its own.
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

use zeroize::Zeroizing;

use super::master_key::{MasterKeyError, MasterKeys, generate};

/// Larger than any sensible number of keys, bytes.
const MAX_FILE: u64 = 64 * 1024;

/// Reads the keys of a file that only its owner may read (0600 or less).
///
/// # Errors
/// [`MasterKeyError`]; a missing file is [`MasterKeyError::Missing`] and nothing is made.
pub fn from_file(path: &Path) -> Result<MasterKeys, MasterKeyError> {
    let place = path.display().to_string();
    let text = read_private(path, &place)?;
    MasterKeys::parse(&place, &text)
}

/// Reads the keys of an environment variable; several stand apart by white space, newest first.
///
/// # Errors
/// [`MasterKeyError`].
pub fn from_environment(name: &str) -> Result<MasterKeys, MasterKeyError> {
    let place = format!("environment variable {name}");
    let Some(text) = std::env::var(name).ok().map(Zeroizing::new) else {
        return Err(MasterKeyError::Missing(place));
    };
    let lines = Zeroizing::new(text.split_whitespace().collect::<Vec<_>>().join("\n"));
    MasterKeys::parse(&place, &lines)
}

/// Makes a key and its file (0600), for `init` and `demo` alone. Durable when it returns.
///
/// # Errors
/// [`MasterKeyError::Exists`] where the file is already there; [`MasterKeyError::Io`].
pub fn create_file(path: &Path) -> Result<MasterKeys, MasterKeyError> {
    let place = path.display().to_string();
    let key = generate()?;
    match write_whole(path, &format_file(&key, "")) {
        Ok(()) => MasterKeys::parse(&place, &key),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(MasterKeyError::Exists(place)),
        Err(error) => Err(MasterKeyError::Io(place, error)),
    }
}

/// Puts a new key in front of those in a file, by an atomic replace: the first step of a rotation. The older
/// ones stay until every stored value has been sealed again.
///
/// # Errors
/// [`MasterKeyError`].
pub fn add_to_file(path: &Path) -> Result<MasterKeys, MasterKeyError> {
    let place = path.display().to_string();
    let old = read_private(path, &place)?;
    MasterKeys::parse(&place, &old)?;
    let new = format_file(&generate()?, &old);
    replace(path, &new).map_err(|error| MasterKeyError::Io(place.clone(), error))?;
    MasterKeys::parse(&place, &new)
}

/// Leaves only the newest key in a file, by an atomic replace: the last step of a rotation.
///
/// # Errors
/// [`MasterKeyError`].
pub fn keep_newest(path: &Path) -> Result<MasterKeys, MasterKeyError> {
    let place = path.display().to_string();
    let text = read_private(path, &place)?;
    MasterKeys::parse(&place, &text)?;
    let newest = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    let new = format_file(newest.unwrap_or_default(), "");
    replace(path, &new).map_err(|error| MasterKeyError::Io(place.clone(), error))?;
    MasterKeys::parse(&place, &new)
}

/// Writes beside and renames; owner and mode of the file stay as they are.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let about = std::fs::metadata(path)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    // What a crash left there was never in use.
    let _ = std::fs::remove_file(beside);
    write_new(beside, text)?;
    if std::fs::metadata(beside)?.uid() != about.uid() || std::fs::metadata(beside)?.gid() != about.gid() {
        std::os::unix::fs::chown(beside, Some(about.uid()), Some(about.gid()))?;
    }
    std::fs::rename(beside, path)?;
    sync_folder(path)
}

fn format_file(key: &str, older: &str) -> Zeroizing<String> {
    const HEAD: &str =
        "# Hallpass master keys, newest first. Keep a copy apart from the data and its backup.\n";
    Zeroizing::new(format!("{HEAD}{key}\n{}", older.strip_prefix(HEAD).unwrap_or(older)))
}

fn read_private(path: &Path, place: &str) -> Result<Zeroizing<String>, MasterKeyError> {
    let io = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => MasterKeyError::Missing(place.to_owned()),
        _ => MasterKeyError::Io(place.to_owned(), error),
    };
    let file = File::open(path).map_err(io)?;
    // Of the open file, not of the path, which could be exchanged in between.
    let about = file.metadata().map_err(io)?;
    if !about.is_file() {
        return Err(MasterKeyError::NotAFile(place.to_owned()));
    }
    let mode = about.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(MasterKeyError::Permissions(place.to_owned(), mode));
    }
    let mut text = Zeroizing::new(String::with_capacity(4096));
    file.take(MAX_FILE).read_to_string(&mut text).map_err(io)?;
    Ok(text)
}

/// Writes a file that is either there whole or not at all, also for who reads it meanwhile, and never in place of another.
fn write_whole(path: &Path, text: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", uuid::Uuid::new_v4().simple()));
    let beside = Path::new(&beside);
    write_new(beside, text)?;
    let linked = std::fs::hard_link(beside, path);
    std::fs::remove_file(beside)?;
    linked?;
    sync_folder(path)
}

fn write_new(path: &Path, text: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    sync_folder(path)
}

/// Makes a name durable: the folder's entry, not only the file's content.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loading_never_makes_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        assert!(matches!(from_file(&path), Err(MasterKeyError::Missing(_))));
        assert!(!path.exists());
        assert!(matches!(from_environment("HALLPASS_NO_SUCH_VARIABLE"), Err(MasterKeyError::Missing(_))));
        // An emptied file is not a first start either.
        write_new(&path, "").unwrap();
        assert!(matches!(from_file(&path), Err(MasterKeyError::Missing(_))));
        assert!(matches!(create_file(&path), Err(MasterKeyError::Exists(_))));
    }

    #[test]
    fn made_private_and_refused_when_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let made = create_file(&path).unwrap();
        assert_eq!(from_file(&path).unwrap().newest().id(), made.newest().id());
        let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&path), 0o600);
        for open in [0o640, 0o604, 0o660, 0o601] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(open)).unwrap();
            assert!(matches!(from_file(&path), Err(MasterKeyError::Permissions(_, m)) if m == open));
        }
        assert!(matches!(from_file(folder.path()), Err(MasterKeyError::NotAFile(_))));
    }

    #[test]
    fn rotation_keeps_the_older_keys() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("master.key");
        let first = create_file(&path).unwrap();
        let second = add_to_file(&path).unwrap();
        assert_ne!(first.newest().id(), second.newest().id());
        let read = from_file(&path).unwrap();
        assert_eq!(read.newest().id(), second.newest().id());
        assert!(!read.verify(&first.check_value()).unwrap());
        assert_eq!(std::fs::read_to_string(&path).unwrap().matches('#').count(), 1);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
