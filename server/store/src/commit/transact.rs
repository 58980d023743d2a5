//! One transaction for all that wait, up to and with its COMMIT.
use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::transition::Change;

use super::{Done, Job, Waiting, grouped, jobs, points};
use crate::db::conn::{Conn, Db};
use crate::db::fail::Fail;
use crate::db::particular;
use crate::notices::{Committed, Notices, StoreNotice};

/// Longest wait for the statements of a batch, and for the answer to its COMMIT.
const ANSWER: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// The same for a batch with the end of all bearers, which may be millions of rows: every statement has its own limit.
const LONG: Duration = Duration::from_secs(3_600);

/// Longest wait for the statements of this batch.
fn patience(batch: &[Waiting]) -> Duration {
    let long = batch.iter().any(|waiting| match &waiting.job {
        Job::Commit(t) => t.changes.iter().any(|c| matches!(c, Change::EndBearers { .. })),
        _ => false,
    });
    if long { LONG } else { ANSWER.0 }
}

/// A batch that came to nothing.
pub(super) enum Broken {
    /// Nothing of it was committed.
    Before(Fail),
    /// COMMIT was sent and its answer is missing or an error: look the commands up.
    Unknown(String),
}

pub(super) type Outcome = Result<Done, Fail>;

/// Ends a wait for a server that neither answers nor closes the connection. SQLite never waits.
async fn in_time<T>(limit: Duration, work: impl Future<Output = Result<T, Fail>>) -> Result<T, Fail> {
    match tokio::time::timeout(limit, work).await {
        Ok(result) => result,
        Err(_) => Err(Fail::Gone("the database did not answer in time".to_owned())),
    }
}

/// One transaction for the whole batch. The first try is the grouped one: it needs no savepoints, for which SQLite would
/// copy every page before its first change.
pub(super) async fn transact(
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
        let outcome = in_time(patience(batch), jobs::perform(db, &alone.job)).await;
        if let Err(fail) = outcome {
            return roll_back(db, fail).await.map(|fail| vec![Err(fail)]);
        }
        return finish(db, batch, vec![outcome], notices).await;
    }
    let group = attempt == 0;
    let mut done = if group {
        in_time(patience(batch), grouped_outcomes(db, batch)).await
    } else {
        in_time(patience(batch), one_by_one(db, batch)).await
    };
    if let (true, Err(fail)) = (group, &done)
        && !matches!(fail, Fail::Gone(_))
    {
        in_time(ANSWER.1, db.run("ROLLBACK")).await.map_err(Broken::Before)?;
        in_time(ANSWER.1, particular::begin(db)).await.map_err(Broken::Before)?;
        done = in_time(patience(batch), one_by_one(db, batch)).await;
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
    commit(db, batch).await?;
    tell_here(committed, notices);
    Ok(outcomes)
}

/// Tells this process what was committed.
pub(super) fn tell_here(mut committed: Committed, notices: &Notices) {
    if committed != Committed::default() {
        committed.settle();
        notices.tell(StoreNotice::Committed(Arc::new(Committed { local: true, ..committed })));
    }
}

/// The commit point: before it nothing of a batch is there, after it everything is, and only then is anybody told.
async fn commit(db: &mut Db<'_>, batch: &[Waiting]) -> Result<(), Broken> {
    points::before(batch);
    let committed = in_time(ANSWER.1, db.run("COMMIT")).await.map_err(|fail| Broken::Unknown(text(&fail)));
    points::after(batch);
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
