//! PostgreSQL: a few read connections for each thread that reads, driven by that thread's own runtime: an answer that
//! arrives wakes nobody but who asked.
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use diesel::result::ConnectionError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Pool;
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use futures_util::FutureExt as _;

use super::postgres::Server;

/// Read connections of all threads together, about: PostgreSQL gives a hundred in all unless it is told otherwise.
const ALL: usize = 32;
/// Read connections of one thread at least and at most.
const EACH: (usize, usize) = (2, 16);

/// One thread's read connections of one store.
struct Kept {
    store: Weak<PgReaders>,
    pool: Pool<AsyncPgConnection>,
}

thread_local! {
    /// This thread's pools, by store. A thread serves one store, in tests a few.
    static KEPT: RefCell<HashMap<u64, Kept>> = RefCell::new(HashMap::new());
}

/// Read connections of one store, made as they are needed.
#[derive(Debug)]
pub(crate) struct PgReaders {
    id: u64,
    server: Server,
    each: usize,
}

impl PgReaders {
    pub(crate) fn new(server: Server) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let each = (ALL / threads).clamp(EACH.0, EACH.1);
        Arc::new(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), server, each })
    }

    /// This thread's connections.
    pub(crate) fn here(self: &Arc<Self>) -> Result<Pool<AsyncPgConnection>, String> {
        if let Some(pool) = KEPT.with_borrow(|map| map.get(&self.id).map(|kept| kept.pool.clone())) {
            return Ok(pool);
        }
        let pool = self.pool()?;
        KEPT.with_borrow_mut(|map| {
            map.retain(|_, kept| kept.store.strong_count() > 0);
            map.insert(self.id, Kept { store: Arc::downgrade(self), pool: pool.clone() });
        });
        Ok(pool)
    }

    /// Connections are not pinged when they are taken: a closed one is noticed without.
    fn pool(&self) -> Result<Pool<AsyncPgConnection>, String> {
        let server = self.server.clone();
        let mut config = ManagerConfig::default();
        config.recycling_method = RecyclingMethod::Fast;
        config.custom_setup = Box::new(move |_| {
            let server = server.clone();
            async move {
                let here = tokio::runtime::Handle::current();
                server.connect(here).await.map_err(ConnectionError::BadConnection)
            }
            .boxed()
        });
        let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
        Pool::builder(manager).max_size(self.each).build().map_err(|e| e.to_string())
    }
}
