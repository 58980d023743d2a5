//! The store: what the composition root holds and the use cases see as [`Store`].
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use diesel::prelude::*;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::store::{CommitError, Read, ReadError, Store};
use hallpass_domain::transition::{Idempotency, Transition};
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::backup::{self, BackupError};
use crate::commit::writer::{Source, Writer};
use crate::commit::{Done, Job, Waiting};
use crate::db::conn::{Conn, Reader, on_db};
use crate::db::fail::unread;
use crate::db::migrations::prepare;
use crate::db::particular;
use crate::db::pools::Pools;
use crate::db::postgres::{Runtime, Server};
use crate::db::sqlite::{self, FileId, Readers};
use crate::db::types::Ts;
use crate::notices::{Notices, StoreNotice};
use crate::open::{OpenError, Place, Schema};
use crate::queries::{Cache, Gates, limit};
use crate::schema::{idempotency_keys, meta};

/// What a store that is away says.
const AWAY: &str = "the database is away";
/// Jobs that may wait for the writer; beyond it callers wait for a place.
const QUEUE: usize = 4_096;

/// An open store. Clones share it; it is closed with the last of them.
#[derive(Clone)]
pub struct StoreHandle(Arc<Inner>);

struct Inner {
    // Dropped in this order: the writer finishes what waits, then reads and connections end.
    writer: WriterEnd,
    back: Back,
    cache: Cache,
    notices: Arc<Notices>,
}

enum Back {
    File { readers: Arc<Readers>, path: PathBuf },
    Server { pools: Box<Pools>, gates: Gates, _runtime: Runtime },
    Away,
}

/// Our end of the writer's queue. Dropping it lets the writer finish; on SQLite it is waited for, so that the file
/// and its lock are free afterwards.
struct WriterEnd {
    queue: Option<mpsc::Sender<Waiting>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for WriterEnd {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

impl std::fmt::Debug for StoreHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self.0.back {
            Back::File { .. } => "StoreHandle(SQLite)",
            Back::Server { .. } => "StoreHandle(PostgreSQL)",
            Back::Away => "StoreHandle(away)",
        })
    }
}

impl StoreHandle {
    pub(crate) async fn open_file(path: PathBuf, schema: Schema) -> Result<Self, OpenError> {
        if schema == Schema::Expect && !path.exists() {
            return Err(OpenError::Unusable(format!(
                "{} does not exist; run `hallpassd migrate`",
                path.display()
            )));
        }
        prepare(Place::File(path.clone()), schema).await?;
        let lock = sqlite::lock(&path).await?;
        let conn = sqlite::writer(&path).map_err(OpenError::Unusable)?;
        let gone = || OpenError::Unusable(format!("{} is gone", path.display()));
        let source = Source::File(path.clone(), FileId::of(&path).ok_or_else(gone)?);
        let notices = Notices::new();
        let writer = Writer::new(source, Conn::Lite(Box::new(conn)), Arc::clone(&notices));
        let (queue, waiting) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .map_err(|e| OpenError::Unusable(e.to_string()))?;
        let thread = std::thread::Builder::new()
            .name("hallpass-writer".to_owned())
            .spawn(move || {
                runtime.block_on(writer.run(waiting));
                drop(lock); // after the connection is closed
            })
            .map_err(|e| OpenError::Unusable(e.to_string()))?;
        Ok(Self(Arc::new(Inner {
            writer: WriterEnd { queue: Some(queue), thread: Some(thread) },
            back: Back::File { readers: Readers::new(path.clone()), path },
            cache: Cache::default(),
            notices,
        })))
    }

    pub(crate) async fn open_server(server: Server, schema: Schema) -> Result<Self, OpenError> {
        prepare(Place::Server(Box::new(server.clone())), schema).await?;
        let notices = Notices::new();
        let server = server.named(&notices.origin);
        let runtime = Runtime::start()?;
        let conn = server.connect_on(&runtime).await.map_err(OpenError::Unusable)?;
        let pools = Box::new(Pools::new(server.clone(), &runtime)?);
        let source = Source::Server(Box::new(server.clone()));
        let writer = Writer::new(source, Conn::Pg(Box::new(conn)), Arc::clone(&notices));
        let (queue, waiting) = mpsc::channel(QUEUE);
        runtime.handle().spawn(writer.run(waiting));
        runtime.handle().spawn(Arc::clone(&notices).listen(server));
        Ok(Self(Arc::new(Inner {
            writer: WriterEnd { queue: Some(queue), thread: None },
            back: Back::Server { pools, gates: Gates::default(), _runtime: runtime },
            cache: Cache::default(),
            notices,
        })))
    }

    /// A store that is not there: nothing can be read from it, and nothing written. For a start without the database.
    pub fn away() -> Self {
        Self(Arc::new(Inner {
            writer: WriterEnd { queue: None, thread: None },
            back: Back::Away,
            cache: Cache::default(),
            notices: Notices::new(),
        }))
    }

    /// Notices of commits, from now on. Local ones come before their commit is answered. A receiver that lags must
    /// take it as [`StoreNotice::Missed`].
    pub fn changes(&self) -> broadcast::Receiver<StoreNotice> {
        self.0.notices.subscribe()
    }

    /// An instant up to which every other server's commits have been heard: when the newest sign of life that came
    /// back from the database's listener was *sent*. None before the first. On SQLite, which has no other server,
    /// always now.
    pub fn last_heard(&self) -> Option<Instant> {
        match self.0.back {
            Back::File { .. } => Some(Instant::now()),
            Back::Server { .. } => self.0.notices.heard(),
            Back::Away => None,
        }
    }

    /// Name of this server among those that share the database: what its leases are claimed with, and how its
    /// connections are recognised.
    pub fn name(&self) -> &str {
        &self.0.notices.origin
    }

    /// Whether other servers may write to the same store.
    pub fn is_shared(&self) -> bool {
        matches!(self.0.back, Back::Server { .. })
    }

    /// Makes a consistent copy of the database at `to`, which must not exist yet. SQLite only, while serving.
    ///
    /// # Errors
    /// [`BackupError`]; for PostgreSQL it says that `pg_dump` is the way.
    pub async fn backup(&self, to: &Path) -> Result<(), BackupError> {
        match &self.0.back {
            Back::File { path, .. } => backup::copy(path.clone(), to.to_owned()).await,
            Back::Server { .. } => Err(BackupError::Server),
            Back::Away => Err(BackupError::Failed(AWAY.to_owned())),
        }
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.0.cache
    }

    /// Where presented tokens are asked for together; none where a read is cheaper than that.
    pub(crate) fn gates(&self) -> Option<&Gates> {
        match &self.0.back {
            Back::Server { gates, .. } => Some(gates),
            Back::File { .. } | Back::Away => None,
        }
    }

    /// A connection to read with.
    pub(crate) async fn reader(&self) -> Read<Reader> {
        match &self.0.back {
            Back::File { readers, .. } => readers.borrow().map(Reader::Lite).map_err(unread),
            Back::Away => Err(unread(AWAY)),
            Back::Server { pools, .. } => {
                pools.get().await.map(|conn| Reader::Pg(Box::new(conn))).map_err(unread)
            }
        }
    }

    /// Hands a job to the writer and waits for its COMMIT.
    pub(crate) async fn write(&self, job: Job) -> Result<Done, CommitError> {
        let stopped = || CommitError::Unavailable("the writer has stopped".to_owned());
        let (tell, told) = oneshot::channel();
        let queue = self.0.writer.queue.as_ref().ok_or_else(stopped)?;
        queue.send(Waiting { job, tell }).await.map_err(|_| stopped())?;
        told.await.map_err(|_| stopped())?
    }

    /// As [`Self::write`], for ports that answer as a read.
    pub(crate) async fn claim(&self, job: Job) -> Read<Done> {
        self.write(job).await.map_err(|error| ReadError(error.to_string()))
    }
}

#[async_trait]
impl Store for StoreHandle {
    async fn commit(&self, transition: Transition) -> Result<(), CommitError> {
        self.write(Job::Commit(Box::new(transition))).await.map(drop)
    }

    async fn meta(&self, key: &str) -> Read<Option<String>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let query = meta::table.find(key).select(meta::value);
        on_db!(&mut db, first_row, query).optional().map_err(unread)
    }

    async fn idempotent_answer(&self, scope: &str, key: &str) -> Read<Option<Idempotency>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let query = idempotency_keys::table.find((scope, key)).select((
            idempotency_keys::body_hash,
            idempotency_keys::answer,
            idempotency_keys::expires_at,
        ));
        let row: Option<(String, String, Ts)> =
            on_db!(&mut db, first_row, query).optional().map_err(unread)?;
        Ok(row.map(|(body_hash, answer, expires_at)| Idempotency {
            scope: scope.to_owned(),
            key: key.to_owned(),
            body_hash,
            answer,
            expires_at: expires_at.0,
            replaces: None,
        }))
    }

    async fn sweep(&self, now: Timestamp, rows: u32) -> Read<u64> {
        match self.claim(Job::Sweep(now, limit(rows))).await? {
            Done::Count(gone) => Ok(gone),
            _ => Ok(0),
        }
    }

    async fn database_time(&self) -> Read<Timestamp> {
        let mut reader = self.reader().await?;
        particular::now(&mut reader.db()).await.map_err(|fail| unread(CommitError::from(fail)))
    }

    fn has_company(&self) -> bool {
        self.is_shared() && self.0.notices.has_company()
    }

    async fn live_servers(&self) -> Read<Vec<String>> {
        let mut reader = self.reader().await?;
        particular::live_servers(&mut reader.db()).await.map_err(|fail| unread(CommitError::from(fail)))
    }

    async fn probe(&self) -> Read<()> {
        self.claim(Job::Probe).await.map(drop)
    }
}
