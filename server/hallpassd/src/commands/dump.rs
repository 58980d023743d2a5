//! A copy of a PostgreSQL database, by PostgreSQL's own program: consistent while servers run, and read by `pg_restore`.
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::compose::StartError;

/// What is copied, and where to.
pub(super) struct Dump {
    /// libpq's variables. The password is among them and in no argument, which others could read.
    pub(super) variables: Vec<(&'static str, String)>,
    /// The file, which must not exist.
    pub(super) to: PathBuf,
}

/// Makes it beside its final name, synced, then renamed: what bears the name is whole.
pub(super) fn dump(wanted: &Dump) -> Result<(), StartError> {
    let to = &wanted.to;
    if to.exists() {
        return Err(StartError(format!("{} exists already; name a new file", to.display())));
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let made = write(wanted, &part).and_then(|()| std::fs::rename(&part, to).map_err(|e| at(to, e)));
    if made.is_err() {
        drop(std::fs::remove_file(&part));
    }
    made
}

fn at(path: &Path, error: std::io::Error) -> StartError {
    StartError::because(&path.display().to_string(), error)
}

fn write(wanted: &Dump, part: &Path) -> Result<(), StartError> {
    let file = private(part).map_err(|e| at(part, e))?;
    let out = file.try_clone().map_err(|e| at(part, e))?;
    let mut command = Command::new("pg_dump");
    command.args(["--format=custom", "--no-password"]);
    // Each of these could lead it to another server, and its words are read below.
    for name in ["PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR"] {
        command.env_remove(name);
    }
    command.envs(wanted.variables.iter().map(|(name, value)| (name, value))).env("LC_ALL", "C");
    let ended = command.stdin(Stdio::null()).stdout(out).stderr(Stdio::piped()).output().map_err(missing)?;
    if !ended.status.success() {
        return Err(refused(String::from_utf8_lossy(&ended.stderr).trim()));
    }
    file.sync_all().map_err(|e| at(part, e))
}

/// For its owner alone: it holds what the database holds.
fn private(path: &Path) -> std::io::Result<File> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

fn missing(error: std::io::Error) -> StartError {
    match error.kind() {
        ErrorKind::NotFound => StartError(
            "the database is on PostgreSQL, and its program pg_dump, which makes the copy, is not here. Install the client programs of the server's version or a later one (Debian: apt-get install postgresql-client)".to_owned(),
        ),
        _ => StartError::because("pg_dump", error),
    }
}

fn refused(said: &str) -> StartError {
    if said.contains("server version mismatch") {
        return StartError(format!(
            "pg_dump is older than the database's server, and copies none that is newer than itself. Install the client programs of the server's version or a later one. It said: {said}"
        ));
    }
    StartError(format!("the copy failed: {said}"))
}
