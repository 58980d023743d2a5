//! Connections to read with from PostgreSQL.
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use deadpool::managed::{PoolError, QueueMode, Timeouts};
use diesel::result::ConnectionError;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::{Object, Pool};
use diesel_async::pooled_connection::{AsyncDieselConnectionManager, ManagerConfig, RecyclingMethod};
use futures_util::FutureExt as _;
use tokio::runtime::{Handle, Id, RuntimeFlavor};

use super::postgres::{CONNECT, Runtime, Server};
use crate::open::OpenError;

/// The read connections of one store: half of them shared, half of them of all threads together. They close with it.
pub(crate) struct Pools {
    server: Server,
    /// Connections that a thread may have to itself; none where there are fewer than threads.
    each: usize,
    /// Driven by the store's own runtime, for whoever asks.
    shared: Pool<AsyncPgConnection>,
    /// Of threads that have a runtime to themselves, as the workers of the HTTP server do: a connection that is driven by the
    /// thread that asks spares it two hand-overs to another thread for each read, which cost more than the read. Kept here
    /// and not by the thread, which may outlive the store.
    own: RwLock<HashMap<Id, Pool<AsyncPgConnection>>>,
}

impl Pools {
    pub(crate) fn new(server: Server, runtime: &Runtime) -> Result<Self, OpenError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        let each = server.connections / 2 / threads;
        let shared = pool(&server, runtime.handle(), server.connections - each * threads)?;
        Ok(Self { server, each, shared, own: RwLock::default() })
    }

    /// A connection: one of this thread's own where one is free at once, else one of the shared, which is waited for.
    pub(crate) async fn get(&self) -> Result<Object<AsyncPgConnection>, String> {
        let at_once = Timeouts { wait: Some(Duration::ZERO), ..Timeouts::default() };
        let taken = async {
            // One that cannot be made is not tried twice: the same server would not answer the second either.
            if let Some(own) = self.own() {
                match own.timeout_get(&at_once).await {
                    Err(PoolError::Timeout(_)) => {}
                    taken => return taken,
                }
            }
            self.shared.get().await
        };
        match tokio::time::timeout(CONNECT, taken).await {
            Ok(taken) => taken.map_err(|e| e.to_string()),
            Err(_) => Err("no connection came free in time".to_owned()),
        }
    }

    /// The pool of this thread, made at its first read; none where its runtime has several threads.
    fn own(&self) -> Option<Pool<AsyncPgConnection>> {
        if self.each == 0 {
            return None;
        }
        let here = Handle::try_current().ok()?;
        if here.runtime_flavor() != RuntimeFlavor::CurrentThread {
            return None;
        }
        let id = here.id();
        if let Some(pool) = self.own.read().unwrap_or_else(PoisonError::into_inner).get(&id) {
            return Some(pool.clone());
        }
        let pool = pool(&self.server, here, self.each).ok()?;
        self.own.write().unwrap_or_else(PoisonError::into_inner).insert(id, pool.clone());
        Some(pool)
    }
}

/// A pool whose connections are driven on `on`. They are not pinged when they are taken: a closed one is noticed without. The
/// one that came back last is taken first: its statements are prepared and the server's caches for it are warm, which each
/// other would have to be for itself.
fn pool(server: &Server, on: Handle, size: usize) -> Result<Pool<AsyncPgConnection>, OpenError> {
    let server = server.clone();
    let mut config = ManagerConfig::default();
    config.recycling_method = RecyclingMethod::Fast;
    config.custom_setup = Box::new(move |_| {
        let (server, on) = (server.clone(), on.clone());
        async move { server.connect(on).await.map_err(ConnectionError::BadConnection) }.boxed()
    });
    let manager = AsyncDieselConnectionManager::new_with_config(String::new(), config);
    Pool::builder(manager)
        .max_size(size)
        .queue_mode(QueueMode::Lifo)
        .build()
        .map_err(|e| OpenError::Unusable(e.to_string()))
}
