//! A fresh store for one test.
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use hallpass_store::{Schema, StoreHandle, open};
use hallpass_tests::pg::Cluster;

/// A store of its own for one test, gone with it.
pub(crate) struct Bed {
    /// The store.
    pub(crate) store: StoreHandle,
    /// Its address, for a second server.
    pub(crate) url: String,
    pub(crate) _dir: Option<tempfile::TempDir>,
}

/// One cluster for the whole run; each test has a database in it.
fn cluster() -> &'static Cluster {
    static CLUSTER: OnceLock<Cluster> = OnceLock::new();
    CLUSTER.get_or_init(Cluster::start)
}

/// A new, empty database on the shared cluster: its name and address.
pub(crate) async fn database() -> (String, String) {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let cluster = tokio::task::spawn_blocking(cluster).await.unwrap();
    let name = format!("store_{}", NEXT.fetch_add(1, Ordering::Relaxed));
    cluster.databases(&[&name]).await;
    let url = format!("{}?sslmode=disable", cluster.url(&name));
    (name, url)
}

/// A superuser's connection to a database of the shared cluster: what is not Hallpass.
pub(crate) async fn outsider(database: &str) -> tokio_postgres::Client {
    cluster().superuser(database).await
}

/// Runs SQL on a SQLite file as something that is not Hallpass; its output, or its error.
pub(crate) fn sqlite3(file: &Path, sql: &str) -> Result<String, String> {
    let output =
        Command::new("sqlite3").arg("-bail").arg(file).arg(sql).output().expect("apt-get install sqlite3");
    let text = |bytes| String::from_utf8(bytes).unwrap();
    if output.status.success() { Ok(text(output.stdout)) } else { Err(text(output.stderr)) }
}

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite:{}", dir.path().join("hallpass.db").display());
        let store = open(&url, Schema::Migrate).await.unwrap();
        Self { store, url, _dir: Some(dir) }
    }

    pub(crate) async fn postgres() -> Self {
        let (_, url) = database().await;
        let store = open(&url, Schema::Migrate).await.unwrap();
        Self { store, url, _dir: None }
    }

    /// Runs SQL as something that is not Hallpass: the first on SQLite, the second on PostgreSQL.
    pub(crate) async fn outside(&self, sqlite: &str, postgres: &str) -> Result<(), String> {
        match self.url.strip_prefix("sqlite:") {
            Some(file) => sqlite3(file.as_ref(), sqlite).map(drop),
            None => {
                let done = outsider(&self.database()).await.batch_execute(postgres).await;
                done.map_err(|e| e.as_db_error().map_or_else(|| e.to_string(), |e| e.message().to_owned()))
            }
        }
    }

    /// The name of the PostgreSQL database.
    pub(crate) fn database(&self) -> String {
        let (_, tail) = self.url.rsplit_once('/').unwrap();
        tail.split('?').next().unwrap().to_owned()
    }
}
