//! The one writer: everything that waits joins the next durable transaction; answers go out after its COMMIT.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use hallpass_domain::ports::store::CommitError;
use tokio::sync::mpsc;

use super::{Done, Job, Waiting, grouped, jobs};
use crate::db::conn::{Conn, Db};
use crate::db::fail::Fail;
use crate::db::particular;
use crate::db::postgres::Server;
use crate::db::sqlite::{self, FileId};
use crate::db::types::Uid;
use crate::notices::{Committed, Notices, StoreNotice};

/// Most jobs in one transaction.
const BATCH: usize = 256;
/// Tries of a batch that met another transaction or a lost connection before its COMMIT.
const TRIES: u32 = 5;
/// Longest wait for the statements of a batch, and for the answer to its COMMIT.
const ANSWER: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));
/// Waits between tries to connect.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Where the writer's connection comes from.
pub(crate) enum Source {
    /// The file, as it was when the store was opened.
    File(PathBuf, FileId),
    Server(Box<Server>),
}

/// A batch that came to nothing.
enum Broken {
    /// Nothing of it was committed.
    Before(Fail),
    /// COMMIT was sent and its answer is missing or an error: look the commands up.
    Unknown(String),
}

type Outcome = Result<Done, Fail>;

/// Ends a wait for a server that neither answers nor closes the connection. SQLite never waits.
async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Fail>>) -> Result<T, Fail> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Fail::Gone("the database did not answer in time".to_owned())),
    }
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
        while let Some(first) = queue.recv().await {
            let mut batch = vec![first];
            while batch.len() < BATCH {
                match queue.try_recv() {
                    Ok(next) => batch.push(next),
                    Err(_) => break,
                }
            }
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
                    return answer_recorded(batch, &recorded, &reason);
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

/// One transaction for the whole batch. The first try on PostgreSQL is the grouped one.
async fn transact(
    conn: &mut Conn,
    batch: &[Waiting],
    attempt: u32,
    notices: &Notices,
) -> Result<Vec<Outcome>, Broken> {
    let mut db = conn.db();
    let db = &mut db;
    in_time(ANSWER.1, particular::begin(db)).await.map_err(Broken::Before)?;
    if let [alone] = batch {
        // No savepoint: what fails is rolled back as a whole.
        let outcome = in_time(ANSWER.0, jobs::perform(db, &alone.job)).await;
        if let Err(fail) = outcome {
            return roll_back(db, fail).await.map(|fail| vec![Err(fail)]);
        }
        return finish(db, batch, vec![outcome], notices).await;
    }
    let group = attempt == 0 && matches!(db, Db::Pg(_));
    let mut done = if group {
        in_time(ANSWER.0, grouped_outcomes(db, batch)).await
    } else {
        in_time(ANSWER.0, one_by_one(db, batch)).await
    };
    if let (true, Err(fail)) = (group, &done)
        && !matches!(fail, Fail::Gone(_))
    {
        in_time(ANSWER.1, db.run("ROLLBACK; BEGIN")).await.map_err(Broken::Before)?;
        done = in_time(ANSWER.0, one_by_one(db, batch)).await;
    }
    match done {
        Ok(outcomes) => finish(db, batch, outcomes, notices).await,
        Err(fail) => roll_back(db, fail).await.and_then(|fail| Err(Broken::Before(fail))),
    }
}

/// Rolls back; answers the failure where that failure is the job's own and the connection is still good.
async fn roll_back(db: &mut Db<'_>, fail: Fail) -> Result<Fail, Broken> {
    match (in_time(ANSWER.1, db.run("ROLLBACK")).await, fail) {
        // The database rolls back by itself when the connection is dropped.
        (Err(_), fail) => Err(Broken::Before(Fail::Gone(text(&fail)))),
        (Ok(()), fail @ (Fail::Again(_) | Fail::Gone(_))) => Err(Broken::Before(fail)),
        (Ok(()), fail) => Ok(fail),
    }
}

/// Commits and tells.
async fn finish(
    db: &mut Db<'_>,
    batch: &[Waiting],
    outcomes: Vec<Outcome>,
    notices: &Notices,
) -> Result<Vec<Outcome>, Broken> {
    let committed = match in_time(ANSWER.1, tell_others(db, batch, &outcomes, notices)).await {
        Ok(committed) => committed,
        Err(fail) => return roll_back(db, fail).await.and_then(|fail| Err(Broken::Before(fail))),
    };
    commit(db).await?;
    if committed != Committed::default() {
        notices.tell(StoreNotice::Committed(Arc::new(Committed { local: true, ..committed })));
    }
    Ok(outcomes)
}

/// The commit point: before it nothing of a batch is there, after it everything is, and only then is anybody told.
async fn commit(db: &mut Db<'_>) -> Result<(), Broken> {
    hallpass_domain::failpoint::hit("store.commit.before");
    let committed = in_time(ANSWER.1, db.run("COMMIT")).await.map_err(|fail| Broken::Unknown(text(&fail)));
    hallpass_domain::failpoint::hit("store.commit.after");
    committed
}

/// Each job in its own savepoint where there are several; a failed one leaves nothing behind.
async fn one_by_one(db: &mut Db<'_>, batch: &[Waiting]) -> Result<Vec<Outcome>, Fail> {
    let mut outcomes = Vec::with_capacity(batch.len());
    for waiting in batch {
        db.run("SAVEPOINT job").await?;
        let outcome = jobs::perform(db, &waiting.job).await;
        match outcome {
            Ok(_) => db.run("RELEASE SAVEPOINT job").await?,
            Err(fail @ (Fail::Again(_) | Fail::Gone(_))) => return Err(fail),
            Err(_) => db.run("ROLLBACK TO SAVEPOINT job; RELEASE SAVEPOINT job").await?,
        }
        outcomes.push(outcome);
    }
    Ok(outcomes)
}

/// All transitions as a group, then the other jobs; the first failure that is no mere conflict ends it.
async fn grouped_outcomes(db: &mut Db<'_>, batch: &[Waiting]) -> Result<Vec<Outcome>, Fail> {
    let transitions: Vec<_> = batch
        .iter()
        .filter_map(|waiting| match &waiting.job {
            Job::Commit(transition) => Some(&**transition),
            _ => None,
        })
        .collect();
    let mut verdicts = grouped::apply_all(db, &transitions).await?.into_iter();
    let mut outcomes = Vec::with_capacity(batch.len());
    for waiting in batch {
        outcomes.push(match &waiting.job {
            Job::Commit(_) => match verdicts.next() {
                Some(verdict) => verdict.map(|()| Done::Nothing),
                None => return Err(Fail::Sick("a verdict is missing".to_owned())),
            },
            job => Ok(jobs::perform(db, job).await?),
        });
    }
    Ok(outcomes)
}

/// Sends the notifications that go out with the COMMIT; answers what was touched.
async fn tell_others(
    db: &mut Db<'_>,
    batch: &[Waiting],
    outcomes: &[Outcome],
    notices: &Notices,
) -> Result<Committed, Fail> {
    let mut committed = Committed::default();
    for (waiting, outcome) in batch.iter().zip(outcomes) {
        if let (Job::Commit(transition), Ok(_)) = (&waiting.job, outcome) {
            committed.add(transition);
        }
    }
    committed.settle();
    for payload in committed.payloads(&notices.origin) {
        particular::notify(db, &payload).await?;
    }
    Ok(committed)
}

fn answer(batch: Vec<Waiting>, outcomes: Vec<Outcome>) {
    for (waiting, outcome) in batch.into_iter().zip(outcomes) {
        drop(waiting.tell.send(outcome.map_err(CommitError::from))); // who stopped waiting is not told
    }
}

fn answer_recorded(batch: Vec<Waiting>, recorded: &[uuid::Uuid], reason: &str) {
    for waiting in batch {
        let found = matches!(&waiting.job, Job::Commit(t) if recorded.contains(&t.command_id.0));
        let outcome =
            if found { Ok(Done::Nothing) } else { Err(CommitError::Unavailable(reason.to_owned())) };
        drop(waiting.tell.send(outcome));
    }
}

fn text(fail: &Fail) -> String {
    match fail {
        Fail::Conflict(why)
        | Fail::Refused(why)
        | Fail::Row(why)
        | Fail::Again(why)
        | Fail::Gone(why)
        | Fail::Sick(why) => why.clone(),
    }
}
