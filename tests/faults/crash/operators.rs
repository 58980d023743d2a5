//! The server's own program, killed in what operators do: a first run, a restored backup and its confirmation, and the reset of
//! a clock that had jumped. Run again, each comes to its end, and nothing was lost.
use hallpass_tests::outsider::Outsider;
use hallpass_tests::wait::eventually_within;

use crate::bed::{Store, started};
use crate::operators::{Installed, PASSWORD};
use crate::operators_dump::on;
use crate::parts::SOON;

/// How often a program is killed at each.
const TIMES: usize = 3;

/// An installation.
struct Kept {
    new: Installed,
    cluster: Option<hallpass_tests::pg::Cluster>,
}

impl Kept {
    async fn new(store: Store) -> Self {
        match store {
            Store::Sqlite => Self { new: Installed::new(), cluster: None },
            Store::Postgres | Store::PostgresTwo => {
                let cluster = started(&[]).await;
                cluster.databases(&["ours"]).await;
                Self { new: on(&cluster, "ours"), cluster: Some(cluster) }
            }
        }
    }

    fn database(&self) -> String {
        let file = || format!("sqlite:{}", self.new.path("data/hallpass.db").display());
        self.new.database.clone().unwrap_or_else(file)
    }

    async fn outsider(&self) -> Outsider {
        Outsider::connect(&self.database()).await
    }

    async fn copy(&self) {
        match &self.cluster {
            None => {
                let copy = self.new.path("copy.db");
                let _ = std::fs::remove_file(&copy);
                self.new.ok(&["backup", &copy.display().to_string()]).await;
            }
            Some(cluster) => {
                let superuser = cluster.superuser("postgres").await;
                superuser.batch_execute("CREATE DATABASE copy TEMPLATE ours").await.expect("a copy");
            }
        }
    }

    async fn put_back(&self) {
        match &self.cluster {
            None => {
                for beside in ["-wal", "-shm"] {
                    let _ = std::fs::remove_file(self.new.path(&format!("data/hallpass.db{beside}")));
                }
                std::fs::copy(self.new.path("copy.db"), self.new.path("data/hallpass.db")).expect("restored");
            }
            Some(cluster) => {
                let superuser = cluster.superuser("postgres").await;
                for sql in ["DROP DATABASE ours WITH (FORCE)", "ALTER DATABASE copy RENAME TO ours"] {
                    superuser.batch_execute(sql).await.expect("restored");
                }
            }
        }
    }

    /// A page that only somebody signed in sees.
    async fn ada_signs_in(&self) {
        let browser = self.new.browser();
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let _ =
            browser.send(&form.with("email", "ada@ops.test").with("password", PASSWORD)).await.expect(303);
        let _ = browser.get("/account").await.expect(200);
    }

    /// How many events of a kind there are.
    async fn count(&self, kind: &str) -> i64 {
        let sql = format!("SELECT count(*) FROM audit_events WHERE kind = '{kind}'");
        self.outsider().await.number(&sql).await
    }

    fn published(&self) -> u64 {
        let name = if self.cluster.is_some() { "checkpoints.txt" } else { "data-checkpoints.txt" };
        std::fs::metadata(self.new.path(name)).map_or(0, |file| file.len())
    }
}

/// Nobody administers it: the claim and the first administrator.
async fn first_run(kept: &Kept) {
    let new = &kept.new;
    new.ok(&["init"]).await;
    new.killed_at(&["serve"], "store.first_run.opened.before").await;
    new.killed_at(&["serve"], "store.first_run.opened.after").await;
    let password = new.private("password", PASSWORD);
    let init = ["init", "--admin-email", "ada@ops.test", "--admin-password-file", &password];
    new.killed_at(&init, "store.first_run.claimed.before").await;
    assert_eq!(kept.count("first_run.claimed").await, 0);
    new.killed_at(&init, "store.first_run.claimed.after").await;
    assert_eq!(kept.count("first_run.claimed").await, 1);
    // What was committed holds, though nobody was told: she is there, and no second one is made.
    assert!(new.refused(&init).await.contains("administrator"), "a second first run");
    let server = new.serve().await;
    kept.ada_signs_in().await;
    server.stop().await;
}

/// A copy is put back: noticed at the start, at the next one where that was cut off, and confirmed once.
async fn restored(kept: &Kept) {
    let new = &kept.new;
    kept.copy().await;
    let before = kept.published();
    let server = new.serve().await;
    kept.ada_signs_in().await;
    eventually_within(SOON, "a newer checkpoint", || async { (kept.published() > before).then_some(()) })
        .await;
    server.stop().await;
    kept.put_back().await;
    let noticed = kept.count("log.restored").await;
    new.killed_at(&["serve"], "store.log.restored.before").await;
    assert_eq!(kept.count("log.restored").await, noticed);
    new.killed_at(&["serve"], "store.log.restored.after").await;
    assert_eq!(kept.count("log.restored").await, noticed + 1);
    let server = new.serve().await;
    kept.ada_signs_in().await;
    server.stop().await;
    assert_eq!(kept.count("log.restored").await, noticed + 1, "recorded once");
    let confirmed = kept.count("restored.confirmed").await;
    new.killed_at(&["restored", "confirm"], "store.restored.confirmed.before").await;
    assert_eq!(kept.count("restored.confirmed").await, confirmed);
    new.killed_at(&["restored", "confirm"], "store.restored.confirmed.after").await;
    assert_eq!(kept.count("restored.confirmed").await, confirmed + 1);
    assert!(new.ok(&["restored", "status"]).await.contains("nothing waits"), "it is over");
}

/// The mark of a clock that jumped and was put right.
async fn clock_reset(kept: &Kept) {
    let ahead = "INSERT INTO meta (key, value) VALUES ('clock.high_water', '2099-01-01T00:00:00+00:00')
        ON CONFLICT (key) DO UPDATE SET value = excluded.value";
    let (new, resets) = (&kept.new, kept.count("clock.reset").await);
    let mut outsider = kept.outsider().await;
    outsider.sql(ahead).await;
    new.killed_at(&["clock", "reset"], "store.clock.reset.before").await;
    assert_eq!(kept.count("clock.reset").await, resets);
    new.killed_at(&["clock", "reset"], "store.clock.reset.after").await;
    assert_eq!(kept.count("clock.reset").await, resets + 1);
    assert!(new.ok(&["clock", "reset"]).await.contains("nothing to reset"));
    let server = new.serve().await;
    kept.ada_signs_in().await;
    server.stop().await;
}

async fn killed_in_what_operators_do(store: Store) {
    for _ in 0..TIMES {
        let kept = Kept::new(store).await;
        first_run(&kept).await;
        clock_reset(&kept).await;
        restored(&kept).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_do_on_sqlite() {
    killed_in_what_operators_do(Store::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_operators_do_on_postgres() {
    killed_in_what_operators_do(Store::Postgres).await;
}
