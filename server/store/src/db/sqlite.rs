//! SQLite: how connections are opened, the lock on the file, and one read connection for each thread.
use std::cell::RefCell;
use std::collections::HashMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use diesel::connection::SimpleConnection as _;
use diesel::{Connection as _, SqliteConnection};
use tokio::sync::{Mutex, OwnedMutexGuard};

use crate::open::OpenError;

/// Durable to the last commit: WAL with a sync at each. It is brought into the file every 16 MB: pages that every commit
/// changes are written there once for many commits. Its cache is small: what commits change is at the ends of tables and
/// indexes, and after each SQLite looks through the whole of it.
const WRITER: &str = "PRAGMA busy_timeout = 5000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                      PRAGMA wal_autocheckpoint = 4000; PRAGMA foreign_keys = ON; PRAGMA cache_size = -4000; PRAGMA trusted_schema = OFF;";
/// Readers never write, and see the last commit at each statement.
const READER: &str = "PRAGMA busy_timeout = 5000; PRAGMA query_only = ON; PRAGMA cache_size = -8000; \
                      PRAGMA mmap_size = 268435456; PRAGMA trusted_schema = OFF;";

/// Opens the connection that writes; makes the file if it is absent.
pub(crate) fn writer(path: &Path) -> Result<SqliteConnection, String> {
    private(path).map_err(|e| e.to_string())?;
    open(path, WRITER)
}

/// Whether there is a database at `path` that can be read.
pub(crate) fn answers(path: &Path) -> Result<(), String> {
    if !path.exists() {
        return Err(format!("{} does not exist", path.display()));
    }
    open(path, READER)?.batch_execute("SELECT count(*) FROM sqlite_schema").map_err(|e| e.to_string())
}

/// Makes an empty file that only its owner may read, unless there is one. SQLite gives the files beside it the same
/// mode.
pub(crate) fn private(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => made.map(drop),
    }
}

fn open(path: &Path, settings: &str) -> Result<SqliteConnection, String> {
    let name = path.to_str().ok_or("the path of the database is not UTF-8")?;
    let mut conn = SqliteConnection::establish(name).map_err(|e| e.to_string())?;
    conn.batch_execute(settings).map_err(|e| e.to_string())?;
    Ok(conn)
}

/// The lock beside the database that keeps a second server out; given back when dropped or when the process ends. A
/// server that is just stopping (or a program that it was just starting, which shares its files for a moment) is
/// waited for.
pub(crate) async fn lock(path: &Path) -> Result<File, OpenError> {
    let mut tries = 25;
    loop {
        match try_lock(path) {
            Err(OpenError::InUse(_)) if tries > 0 => tries -= 1,
            done => return done,
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn try_lock(path: &Path) -> Result<File, OpenError> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let unusable = |e: std::io::Error| OpenError::Unusable(format!("{}: {e}", name.display()));
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&name).map_err(unusable)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(OpenError::InUse(path.display().to_string())),
        Err(TryLockError::Error(e)) => Err(unusable(e)),
    }
}

/// Tells whether the file at `path` is still the one that was opened: SQLite would go on writing to a deleted file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FileId(u64, u64);

impl FileId {
    /// The file that stands at `path` now.
    pub(crate) fn of(path: &Path) -> Option<Self> {
        use std::os::unix::fs::MetadataExt as _;
        std::fs::metadata(path).ok().map(|meta| Self(meta.dev(), meta.ino()))
    }
}

/// A read connection on loan from its thread. Never held over a wait.
pub(crate) type Borrowed = OwnedMutexGuard<SqliteConnection>;

/// One thread's read connection of one store.
struct Kept {
    store: Weak<Readers>,
    conn: Arc<Mutex<SqliteConnection>>,
}

thread_local! {
    /// This thread's read connections, by store. A thread serves one store, in tests a few.
    static KEPT: RefCell<HashMap<u64, Kept>> = RefCell::new(HashMap::new());
}

/// Read connections of one store, opened by each thread at its first read.
#[derive(Debug)]
pub(crate) struct Readers {
    id: u64,
    path: PathBuf,
}

impl Readers {
    pub(crate) fn new(path: PathBuf) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), path })
    }

    /// This thread's connection.
    pub(crate) fn borrow(self: &Arc<Self>) -> Result<Borrowed, String> {
        if let Some(conn) = KEPT.with_borrow(|map| map.get(&self.id).map(|kept| Arc::clone(&kept.conn)))
            && let Ok(guard) = conn.try_lock_owned()
        {
            return Ok(guard);
        }
        let conn = Arc::new(Mutex::new(open(&self.path, READER)?));
        KEPT.with_borrow_mut(|map| {
            map.retain(|_, kept| kept.store.strong_count() > 0);
            map.insert(self.id, Kept { store: Arc::downgrade(self), conn: Arc::clone(&conn) });
        });
        conn.try_lock_owned().map_err(|e| e.to_string())
    }
}
