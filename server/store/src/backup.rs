//! A consistent copy of the SQLite file, made while serving, by the server itself or by another process.
use std::path::{Path, PathBuf};

use diesel::RunQueryDsl as _;
use diesel::sql_types::Text;

use crate::db::sqlite;

/// Why no copy was made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BackupError {
    /// The store is on PostgreSQL.
    #[error("the store is on PostgreSQL, of which pg_dump makes the copy: run hallpassd backup")]
    Server,
    /// There is nothing to copy.
    #[error("{0} does not exist: there is nothing to copy")]
    Missing(String),
    /// There is a file of that name.
    #[error("{0} exists already; name a new file")]
    Exists(String),
    /// The copy failed; what was written of it is removed.
    #[error("the copy failed: {0}")]
    Failed(String),
}

/// `VACUUM INTO` beside the final name, synced, then renamed: what bears the name is whole.
pub(crate) async fn copy(from: PathBuf, to: PathBuf) -> Result<(), BackupError> {
    let failed = |e: &dyn std::fmt::Display| BackupError::Failed(e.to_string());
    tokio::task::spawn_blocking(move || {
        if !from.exists() {
            return Err(BackupError::Missing(from.display().to_string()));
        }
        if to.exists() {
            return Err(BackupError::Exists(to.display().to_string()));
        }
        let mut part = to.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let made = write(&from, &part).and_then(|()| std::fs::rename(&part, &to).map_err(|e| failed(&e)));
        if made.is_err() {
            drop(std::fs::remove_file(&part));
        }
        made
    })
    .await
    .map_err(|e| failed(&e))?
}

fn write(from: &Path, part: &Path) -> Result<(), BackupError> {
    let failed = |e: &dyn std::fmt::Display| BackupError::Failed(e.to_string());
    let name = part.to_str().ok_or_else(|| failed(&"the name is not UTF-8"))?;
    sqlite::private(part).map_err(|e| failed(&e))?; // it holds what the original holds
    let mut conn = sqlite::writer(from).map_err(|e| failed(&e))?;
    diesel::sql_query("VACUUM INTO ?").bind::<Text, _>(name).execute(&mut conn).map_err(|e| failed(&e))?;
    std::fs::File::open(part).and_then(|file| file.sync_all()).map_err(|e| failed(&e))
}
