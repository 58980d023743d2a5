//! Holders of logins who do not want to leave: idle in a transaction with locks, with something of their own, in a long
//! statement of `psql`, and coming back as often as they are thrown out.
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use hallpass_tests::pg::programs;
use hallpass_tests::wait::eventually;
use hallpass_tests::world::DATABASE;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_postgres::{Config, NoTls};

use super::habits::Habit;

/// Time between two tries to come in while that works, and the longest after many refusals: each try costs the target a
/// process, and hundreds try.
const AGAIN: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(8));

/// One login's sessions.
struct Holder {
    config: Config,
    idle: JoinHandle<()>,
    returning: JoinHandle<()>,
    psql: Option<tokio::process::Child>,
    habit: Option<JoinHandle<()>>,
    stop: watch::Sender<bool>,
}

pub(crate) struct Clients {
    port: u16,
    holders: Vec<Holder>,
    entered: Arc<AtomicUsize>,
    /// What those do besides who open sessions from now on.
    pub(super) habit: Habit,
}

impl Clients {
    pub(crate) fn new(port: u16) -> Self {
        Self { port, holders: Vec::new(), entered: Arc::default(), habit: Habit::Usual }
    }

    /// How many sessions there ever were.
    pub(crate) fn entered(&self) -> usize {
        self.entered.load(Ordering::SeqCst)
    }

    /// Opens sessions as a login that was just handed out.
    pub(crate) fn open(&mut self, name: &str, password: &str) {
        let mut config = Config::new();
        config.host("127.0.0.1").port(self.port).user(name).password(password).dbname(DATABASE);
        let (stop, stopped) = watch::channel(false);
        // Every second one leaves something that must be handed over.
        let owns = self.holders.len().is_multiple_of(2);
        let idle = tokio::spawn(idle(config.clone(), owns, Arc::clone(&self.entered)));
        let returning = tokio::spawn(returning(config.clone(), stopped, Arc::clone(&self.entered)));
        // A process each for one in four is enough.
        let psql = self.holders.len().is_multiple_of(4).then(|| {
            // Itself: Debian's command of that name is a Perl program that looks for it.
            tokio::process::Command::new(programs().join("psql"))
                .args([
                    "-X",
                    "-q",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    &self.port.to_string(),
                    "-U",
                    name,
                    "-d",
                    DATABASE,
                ])
                .args([
                    "-c",
                    "BEGIN",
                    "-c",
                    "LOCK TABLE orders IN ACCESS SHARE MODE",
                    "-c",
                    "SELECT pg_sleep(600)",
                ])
                .env("PGPASSWORD", password)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .kill_on_drop(true)
                .spawn()
                .expect("psql")
        });
        let habit = self.habit.begin(config.clone());
        self.holders.push(Holder { config, idle, returning, psql, habit, stop });
    }

    /// Who fills the table of locks leaves: a server that starts meanwhile cannot come in, as docs/targets/postgresql.md says.
    pub(crate) fn make_room(&self) {
        if self.habit == Habit::Fills {
            self.holders.iter().filter_map(|h| h.habit.as_ref()).for_each(JoinHandle::abort);
        }
    }

    /// Nobody is in, and nobody comes in.
    pub(crate) async fn all_out(&mut self, after: &str) {
        for holder in &self.holders {
            assert!(
                holder.config.connect(NoTls).await.is_err(),
                "after {after}: {:?} still logs in",
                holder.config.get_user()
            );
            holder.stop.send_replace(true);
        }
        for mut holder in self.holders.drain(..) {
            // The server's end is gone; that the client's has heard of it takes a moment.
            eventually("holders to notice that they are out", || {
                let out = holder.idle.is_finished()
                    && holder.returning.is_finished()
                    && holder.habit.as_ref().is_none_or(JoinHandle::is_finished);
                let psql = holder
                    .psql
                    .as_mut()
                    .is_none_or(|p| p.try_wait().is_ok_and(|status| status.is_some_and(|s| !s.success())));
                async move { (out && psql).then_some(()) }
            })
            .await;
            if let Some(habit) = holder.habit {
                let ended = habit.await;
                assert!(ended.is_ok() || ended.is_err_and(|e| e.is_cancelled()), "after {after}");
            }
        }
    }
}

/// Idle in a transaction that holds a lock, until the connection is closed.
async fn idle(config: Config, owns: bool, entered: Arc<AtomicUsize>) {
    let Ok((client, connection)) = config.connect(NoTls).await else { return };
    let driver = tokio::spawn(connection);
    if owns {
        let _ = client.simple_query("SELECT lo_create(0)").await;
    }
    if client
        .batch_execute("BEGIN; LOCK TABLE orders IN ACCESS SHARE MODE; SELECT * FROM orders")
        .await
        .is_ok()
    {
        entered.fetch_add(1, Ordering::SeqCst);
    }
    let _ = driver.await;
}

/// Comes in again and again, and keeps the last session that worked.
async fn returning(config: Config, mut stopped: watch::Receiver<bool>, entered: Arc<AtomicUsize>) {
    let mut kept = None;
    let mut wait = AGAIN.0;
    while tokio::time::timeout(wait, stopped.wait_for(|stop| *stop)).await.is_err() {
        if let Ok((client, connection)) = config.connect(NoTls).await {
            wait = AGAIN.0;
            let driver = tokio::spawn(connection);
            if client.simple_query("SELECT 1").await.is_ok() {
                entered.fetch_add(1, Ordering::SeqCst);
            }
            kept = Some((client, driver));
        } else {
            wait = (wait * 4).min(AGAIN.1);
        }
    }
    if let Some((client, driver)) = kept {
        assert!(client.simple_query("SELECT 1").await.is_err(), "a session outlived its login");
        let _ = driver.await;
    }
}
