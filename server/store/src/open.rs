//! Opening a store: `sqlite:PATH` or `postgres://…`.
use std::path::PathBuf;

use crate::backup::BackupError;
use crate::db::migrations::{self, Standing};
use crate::db::postgres::{Runtime, Server};
use crate::db::sqlite;
use crate::handle::StoreHandle;

/// Why a store was not opened, in words for the person who started the server. Never holds the password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The address is not understood.
    #[error(
        "the database address is not understood: {0}. Write sqlite:/path/to/hallpass.db or postgres://user@host/database"
    )]
    Address(String),
    /// Another server holds the file.
    #[error("{0} is in use by another hallpassd. Stop it first, or use PostgreSQL for several servers")]
    InUse(String),
    /// The file or server cannot be used.
    #[error("the database cannot be used: {0}")]
    Unusable(String),
    /// The schema is older than this program.
    #[error("the database needs {0} more migration(s). Make a backup and run `hallpassd migrate`")]
    Pending(usize),
    /// The schema is newer than this program.
    #[error(
        "the database was migrated by a newer version (it has {0}, unknown here). Start that version; this one would misread its data"
    )]
    Newer(String),
    /// A migration failed; it left nothing behind.
    #[error("the migration failed and left nothing behind: {0}")]
    Migration(String),
}

/// What to do with a schema that is not current.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Run what is pending, then open.
    Migrate,
    /// Refuse to open unless it is current.
    Expect,
}

/// Where the data is.
#[derive(Debug, Clone)]
pub(crate) enum Place {
    File(PathBuf),
    Server(Box<Server>),
}

impl Place {
    /// Reads an address.
    pub(crate) fn parse(url: &str) -> Result<Self, OpenError> {
        if let Some(path) = url.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() || path.starts_with(':') {
                return Err(OpenError::Address("sqlite: needs the path of a file".to_owned()));
            }
            return Ok(Self::File(PathBuf::from(path)));
        }
        if url.starts_with("postgres://") || url.starts_with("postgresql://") {
            return Server::parse(url).map(|server| Self::Server(Box::new(server)));
        }
        // Not repeated: it may hold a password.
        Err(OpenError::Address("it begins with neither sqlite: nor postgres:".to_owned()))
    }
}

/// Opens the store at `url`. Must be called inside a tokio runtime.
///
/// # Errors
/// [`OpenError`], in words for the person who started the server.
pub async fn open(url: &str, schema: Schema) -> Result<StoreHandle, OpenError> {
    match Place::parse(url)? {
        Place::File(path) => StoreHandle::open_file(path, schema).await,
        Place::Server(server) => StoreHandle::open_server(*server, schema).await,
    }
}

/// Runs the pending migrations; their names.
///
/// # Errors
/// [`OpenError`]; [`OpenError::InUse`] while a server has the SQLite file open.
pub async fn migrate(url: &str) -> Result<Vec<String>, OpenError> {
    migrations::work(Place::parse(url)?, migrations::Work::Up).await
}

/// Whether the database answers now; nothing is made or changed.
///
/// # Errors
/// [`OpenError::Unusable`] where it does not.
pub async fn reachable(url: &str) -> Result<(), OpenError> {
    match Place::parse(url)? {
        Place::File(path) => sqlite::answers(&path).map_err(OpenError::Unusable),
        Place::Server(server) => {
            let runtime = Runtime::start()?;
            server.connect_on(&runtime).await.map(drop).map_err(OpenError::Unusable)
        }
    }
}

/// Makes a consistent copy of the SQLite database at `url` while a server may have it open: the copy holds what was
/// committed when it began.
///
/// # Errors
/// [`BackupError`]; PostgreSQL has a program of its own for it ([`libpq_variables`]).
pub async fn backup(url: &str, to: &std::path::Path) -> Result<(), BackupError> {
    match Place::parse(url).map_err(|e| BackupError::Failed(e.to_string()))? {
        Place::File(path) => crate::backup::copy(path, to.to_owned()).await,
        Place::Server(_) => Err(BackupError::Server),
    }
}

/// Where the PostgreSQL database at `url` is, as libpq's variables, the password among them; none for SQLite. A certificate
/// is checked in full; without `PGSSLROOTCERT` among them it is by the system's authorities.
///
/// # Errors
/// [`OpenError::Address`].
pub fn libpq_variables(url: &str) -> Result<Option<Vec<(&'static str, String)>>, OpenError> {
    Ok(match Place::parse(url)? {
        Place::File(_) => None,
        Place::Server(server) => Some(server.variables()),
    })
}

/// Reverts the newest `count` migrations, or all; their names. Destroys the data that they hold.
///
/// # Errors
/// As [`migrate`].
pub async fn revert(url: &str, count: Option<usize>) -> Result<Vec<String>, OpenError> {
    migrations::work(Place::parse(url)?, migrations::Work::Down(count)).await
}

/// Names of migrations that are pending; nothing is changed.
///
/// # Errors
/// As [`migrate`].
pub async fn pending(url: &str) -> Result<Vec<String>, OpenError> {
    migrations::work(Place::parse(url)?, migrations::Work::Look).await
}

/// Refuses a schema that is not current.
pub(crate) fn expect_current(standing: &Standing) -> Result<(), OpenError> {
    match standing.pending.len() {
        0 => Ok(()),
        count => Err(OpenError::Pending(count)),
    }
}
