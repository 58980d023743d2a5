//! The server's own program, killed in what operators do: a first run, a restored backup and its confirmation, the reset of
//! a clock that had jumped, and a new key of the audit log. Run again, each comes to its end, and nothing was lost.
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

/// The audit log's key: announced once, rotated once, and brought to its end wherever it was cut off.
async fn log_key(kept: &Kept) {
    let (new, rotate) = (&kept.new, ["keys", "rotate-log"]);
    let (announced, rotated) = (kept.count("key.log_announced").await, kept.count("key.log_rotated").await);
    let so_far = async || {
        (kept.count("key.log_announced").await - announced, kept.count("key.log_rotated").await - rotated)
    };
    new.killed_at(&rotate, "store.key.log_announced.before").await;
    assert_eq!(so_far().await, (0, 0));
    new.killed_at(&rotate, "store.key.log_announced.after").await;
    new.killed_at(&rotate, "audit.seal.before").await;
    new.killed_at(&rotate, "audit.seal.after").await;
    new.killed_at(&rotate, "audit.publish.before").await;
    new.killed_at(&rotate, "store.key.log_rotated.before").await;
    assert_eq!(so_far().await, (1, 0), "announced once");
    // Between the two the old key signs on.
    let server = new.serve().await;
    kept.ada_signs_in().await;
    server.stop().await;
    new.killed_at(&rotate, "store.key.log_rotated.after").await;
    new.killed_at(&rotate, "audit.seal.before").await;
    assert_eq!(so_far().await, (1, 1));
    let said = new.ok(&rotate).await;
    assert_eq!(so_far().await, (1, 1), "rotated once, and brought to its end: {said}");
    let server = new.serve().await;
    kept.ada_signs_in().await;
    server.stop().await;
    assert!(new.ok(&["restored", "status"]).await.contains("nothing waits"), "what is outside fits");
}

async fn killed_in_what_operators_do(store: Store) {
    for _ in 0..TIMES {
        let kept = Kept::new(store).await;
        first_run(&kept).await;
        clock_reset(&kept).await;
        log_key(&kept).await;
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
