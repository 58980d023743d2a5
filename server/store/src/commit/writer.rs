//! The one writer: everything that waits joins the next durable transaction; answers go out after its COMMIT.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hallpass_domain::ports::store::CommitError;
use tokio::sync::mpsc;

use super::transact::{Broken, Outcome, tell_here, transact};
use super::{Done, Job, Waiting};
use crate::db::conn::Conn;
use crate::db::fail::Fail;
use crate::db::particular;
use crate::db::postgres::Server;
use crate::db::sqlite::{self, FileId};
use crate::db::types::Uid;
use crate::notices::{Committed, Notices};

/// Most jobs in one transaction.
const BATCH: usize = 256;
/// Longest wait for callers of the last batch to come back and join the next: one sync for twice as many, and about as long as
/// a sync takes. Only where several were waiting; who comes alone never waits.
const GATHER: Duration = Duration::from_millis(2);
/// Tries of a batch that met another transaction or a lost connection before its COMMIT.
const TRIES: u32 = 5;
/// Waits between tries to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Where the writer's connection comes from.
pub(crate) enum Source {
    /// The file, as it was when the store was opened.
    File(PathBuf, FileId),
    Server(Box<Server>),
}

/// The writer.
pub(crate) struct Writer {
    source: Source,
    conn: Option<Conn>,
    notices: Arc<Notices>,
    /// No connecting before this instant, and the wait after the next failure.
    rest: Option<(Instant, Duration)>,
}

impl Writer {
    pub(crate) fn new(source: Source, conn: Conn, notices: Arc<Notices>) -> Self {
        Self { source, conn: Some(conn), notices, rest: None }
    }

    /// Serves until every sender is gone.
    pub(crate) async fn run(mut self, mut queue: mpsc::Receiver<Waiting>) {
        let mut last = 1;
        loop {
            let mut batch = Vec::new();
            take_waiting(&mut batch, &mut queue);
            // Who waits already came while the last batch was written, and its callers may come back yet.
            let goal = (batch.len() + last).min(BATCH);
            if batch.is_empty() {
                let Some(first) = queue.recv().await else { return };
                batch.push(first);
            }
            if last > 1 {
                let gathered = tokio::time::timeout(GATHER, async {
                    while batch.len() < goal
                        && let Some(next) = queue.recv().await
                    {
                        batch.push(next);
                    }
                });
                drop(gathered.await);
                take_waiting(&mut batch, &mut queue);
            }
            last = batch.len();
            // A panic below would be a bug in a library; the writer must outlive it.
            let served = std::panic::AssertUnwindSafe(self.serve(batch, &mut queue)).catch_unwind().await;
            if served.is_err() {
                tracing::error!("a batch stopped the writer; it goes on with a new connection");
                self.conn = None;
            }
        }
    }

    async fn serve(&mut self, batch: Vec<Waiting>, queue: &mut mpsc::Receiver<Waiting>) {
        let mut why = Fail::Again("other servers were always first".to_owned());
        for attempt in 0..TRIES {
            if let Err(fail) = self.connected().await {
                why = fail;
                break;
            }
            let Some(conn) = &mut self.conn else { break };
            match transact(conn, &batch, attempt, &self.notices).await {
                Ok(outcomes) => return answer(batch, outcomes),
                Err(Broken::Unknown(reason)) => {
                    tracing::warn!(%reason, "a COMMIT was not answered; looking it up");
                    self.conn = None;
                    let recorded = self.look_up(&batch, queue).await;
                    return answer_recorded(batch, &recorded, &reason, &self.notices);
                }
                Err(Broken::Before(Fail::Again(reason))) => why = Fail::Again(reason),
                Err(Broken::Before(fail)) => {
                    self.conn = None;
                    // A connection that the server closed while it was idle is worth one more try; no more is.
                    let lost = matches!(fail, Fail::Gone(_)) && attempt == 0;
                    why = fail;
                    if !lost {
                        break;
                    }
                }
            }
        }
        tracing::warn!(why = ?why, jobs = batch.len(), "the store cannot be written");
        for waiting in batch {
            drop(waiting.tell.send(Err(CommitError::from(why.clone()))));
        }
    }

    /// Makes a connection where there is none, at most once in each back-off.
    async fn connected(&mut self) -> Result<(), Fail> {
        if let Source::File(path, id) = &self.source {
            // SQLite would go on writing to a deleted or replaced file, and lose it all.
            if FileId::of(path) != Some(*id) {
                self.conn = None;
                return Err(Fail::Sick(format!("{} is not the file that was opened", path.display())));
            }
        }
        if self.conn.is_some() {
            return Ok(());
        }
        if self.rest.is_some_and(|(until, _)| Instant::now() < until) {
            return Err(Fail::Gone("the database cannot be reached".to_owned()));
        }
        let made = match &self.source {
            Source::File(path, _) => sqlite::writer(path).map(|conn| Conn::Lite(Box::new(conn))),
            Source::Server(server) => {
                server.connect(tokio::runtime::Handle::current()).await.map(|conn| Conn::Pg(Box::new(conn)))
            }
        };
        match made {
            Ok(conn) => {
                self.conn = Some(conn);
                self.rest = None;
                Ok(())
            }
            Err(why) => {
                let wait = self.rest.map_or(BACKOFF.0, |(_, wait)| (wait * 2).min(BACKOFF.1));
                self.rest = Some((Instant::now() + wait, wait));
                Err(Fail::Gone(why))
            }
        }
    }

    /// Which commands of the batch are recorded. Does not give up: the callers are owed the truth. Whoever comes
    /// meanwhile is told that the store cannot be written.
    async fn look_up(&mut self, batch: &[Waiting], queue: &mut mpsc::Receiver<Waiting>) -> Vec<uuid::Uuid> {
        let ids: Vec<Uid> = batch
            .iter()
            .filter_map(|waiting| match &waiting.job {
                Job::Commit(transition) => Some(Uid(transition.command_id.0)),
                _ => None,
            })
            .collect();
        loop {
            if self.connected().await.is_ok()
                && let Some(conn) = &mut self.conn
            {
                match particular::recorded(&mut conn.db(), &ids).await {
                    Ok(found) => return found.into_iter().collect(),
                    Err(_) => self.conn = None,
                }
            }
            if queue.is_closed() {
                return Vec::new(); // the store is closed: nobody waits any more
            }
            let pause = tokio::time::sleep(BACKOFF.0);
            tokio::pin!(pause);
            loop {
                tokio::select! {
                    () = &mut pause => break,
                    Some(waiting) = queue.recv() => {
                        let why = "an earlier commit is being looked up".to_owned();
                        drop(waiting.tell.send(Err(CommitError::Unavailable(why))));
                    }
                }
            }
        }
    }
}

/// Takes what waits already.
fn take_waiting(batch: &mut Vec<Waiting>, queue: &mut mpsc::Receiver<Waiting>) {
    while batch.len() < BATCH
        && let Ok(next) = queue.try_recv()
    {
        batch.push(next);
    }
}

fn answer(batch: Vec<Waiting>, outcomes: Vec<Outcome>) {
    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
        drop(waiting.tell.send(outcome.map_err(CommitError::from))); // who stopped waiting is not told
    }
}

/// Answers what was found, after telling it here: others were told by the COMMIT itself.
fn answer_recorded(batch: Vec<Waiting>, recorded: &[uuid::Uuid], reason: &str, notices: &Notices) {
    let found = |job: &Job| matches!(job, Job::Commit(t) if recorded.contains(&t.command_id.0));
    let mut committed = Committed::default();
    for waiting in &batch {
        if let (true, Job::Commit(transition)) = (found(&waiting.job), &waiting.job) {
            committed.add(transition);
        }
    }
    tell_here(committed, notices);
    for waiting in batch {
        let outcome = if found(&waiting.job) {
            Ok(Done::Nothing)
        } else {
            Err(CommitError::Unavailable(reason.to_owned()))
        };
        drop(waiting.tell.send(outcome));
    }
}
