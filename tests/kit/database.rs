//! Where a test server keeps its data: a file of its own, or a database of its own in the cluster of this process.
use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::pg::Cluster;

/// What a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// One server on SQLite.
    Sqlite,
    /// One server on PostgreSQL.
    Postgres,
    /// Two servers on one PostgreSQL database, behind alternating requests.
    PostgresTwo,
}

/// The cluster that all tests of this process share, each with databases of its own. It is a target, too.
pub async fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    tokio::task::spawn_blocking(|| CLUSTER.get_or_init(Cluster::start)).await.expect("the cluster starts")
}

/// A database, and the way to look at it past Hallpass.
#[derive(Clone, Debug)]
pub enum Database {
    /// A file.
    File(PathBuf),
    /// A database of the shared cluster.
    Server(String),
}

impl Database {
    /// A new, empty one.
    pub async fn new(backend: Backend, folder: &std::path::Path) -> Self {
        match backend {
            Backend::Sqlite => Self::File(folder.join("hallpass.db")),
            Backend::Postgres | Backend::PostgresTwo => Self::Server(fresh().await),
        }
    }

    /// Its address.
    pub async fn url(&self) -> String {
        match self {
            Self::File(path) => format!("sqlite:{}", path.display()),
            Self::Server(name) => format!("{}?sslmode=disable&connections=6", cluster().await.url(name)),
        }
    }

    /// Everything in it: the file's bytes, or every row of every table as text.
    pub async fn bytes(&self) -> Vec<u8> {
        match self {
            Self::File(path) => {
                let mut out = Vec::new();
                for end in ["", "-wal", "-shm"] {
                    out.extend(std::fs::read(format!("{}{end}", path.display())).unwrap_or_default());
                }
                out
            }
            Self::Server(name) => rows(name).await.into_bytes(),
        }
    }
}

/// Every row of every table.
async fn rows(database: &str) -> String {
    let client = cluster().await.superuser(database).await;
    let tables = "SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' ORDER BY 1";
    let mut out = String::new();
    for table in client.query(tables, &[]).await.expect("the tables") {
        let table: String = table.get(0);
        for row in client.query(&format!("SELECT t::text FROM {table} t"), &[]).await.expect("the rows") {
            out.push_str(&table);
            out.push_str(row.get(0));
            out.push('\n');
        }
    }
    out
}

/// A database with the schema.
async fn fresh() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let name = format!("hallpass_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    cluster().await.store(&name).await;
    name
}

/// Makes a cluster a target, once: our administrator (no superuser), group roles, the quarantine, sample data.
///
/// # Panics
/// Where that does not work.
pub async fn make_target(cluster: &Cluster) {
    let client = cluster.superuser("postgres").await;
    client
        .batch_execute(&format!(
            "CREATE ROLE hallpass_admin LOGIN CREATEROLE PASSWORD '{TARGET_PASSWORD}';
             CREATE ROLE orders_read NOLOGIN; CREATE ROLE hallpass_quarantine NOLOGIN;
             GRANT pg_signal_backend, pg_read_all_stats TO hallpass_admin;
             GRANT hallpass_quarantine, orders_read TO hallpass_admin WITH ADMIN OPTION;"
        ))
        .await
        .expect("the target's roles");
    cluster.databases(&["orders"]).await;
    let orders = cluster.superuser("orders").await;
    orders
        .batch_execute(
            "CREATE TABLE orders (id bigint PRIMARY KEY, item text NOT NULL);
             INSERT INTO orders SELECT g, 'item ' || g FROM generate_series(1, 40) g;
             GRANT SELECT ON orders TO orders_read; GRANT CONNECT ON DATABASE orders TO hallpass_admin;",
        )
        .await
        .expect("the target's data");
}

/// A cluster of its own as a target, for tests that change or stop it; it stays for the rest of the process.
///
/// # Panics
/// Where it does not start.
pub async fn spare_target() -> &'static Cluster {
    let start = || Box::leak(Box::new(Cluster::start()));
    let cluster: &'static Cluster = tokio::task::spawn_blocking(start).await.expect("a cluster");
    make_target(cluster).await;
    cluster
}

/// Our password at targets.
pub const TARGET_PASSWORD: &str = "TargetPasswordOfHallpass1";

/// The shared cluster as a target.
pub async fn target() -> &'static Cluster {
    static MADE: OnceCell<()> = OnceCell::const_new();
    let cluster = cluster().await;
    MADE.get_or_init(|| make_target(cluster)).await;
    cluster
}
