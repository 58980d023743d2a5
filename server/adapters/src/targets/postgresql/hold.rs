//! The way in that a holder cannot shut: a connection that is open before any login exists, and that already has every
//! lock which listing and ending sessions takes.
//!
//! A login without any privilege can fill the target's table of locks (`pg_advisory_lock` a few thousand times). From
//! then on no new connection comes in, a superuser's neither, and no statement works that needs one more lock of a
//! shared catalogue, such as every look at roles or sessions. Locks that a transaction has already cost nothing to take
//! again; so this connection stays in a transaction that has them, and each script runs in a savepoint of it and is
//! rolled back: ending a session is no change of data.
use std::sync::{Arc, Weak};
use std::time::Duration;

use hallpass_domain::ports::target::TargetError;
use serde::Deserialize;
use serde_json::json;
use tokio::time::{Instant, sleep};
use tokio_postgres::SimpleQueryMessage;

use super::dial::Connection;
use super::errors::{Trouble, statement_trouble};
use super::session::{Link, Script, script};

/// Takes the locks: planning a query locks its tables and their indexes until the transaction's end.
const HOLD: &str = include_str!("sql/hold.sql");
/// Whether somebody waits for a lock on a shared catalogue (an administrator's REINDEX): all logins of the cluster would
/// wait behind it.
const AWAITED: &str = "SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype = 'relation' AND database = 0 \
                       AND pg_backend_pid() = ANY (pg_blocking_pids(pid))";
const RELIEVE: Script =
    script!("relieve" in "postgresql.relieve.before" .. "postgresql.relieve.after": "relieve");

/// Time between two looks after the connection.
const BREATH: Duration = Duration::from_secs(1);
/// Least time between two searches for who fills the table of locks, where the first found nobody.
const SEARCH: Duration = Duration::from_millis(500);
/// Longest time that ended sessions may need to give back what they held.
const SETTLE: Duration = Duration::from_secs(2);
/// Time between two looks whether they have: shorter than it takes to come back and fill it again.
const BETWEEN: Duration = Duration::from_millis(10);

#[derive(Deserialize)]
struct Relieved {
    ended: u64,
}

/// Makes a fresh connection one that holds.
pub(super) async fn hold(connection: &Connection) -> Result<(), Trouble> {
    connection.client.batch_execute(HOLD).await.map_err(|e| statement_trouble(&e))
}

/// Undoes what a script did but for its effect on sessions; an error means that the connection holds no more.
pub(super) async fn let_go(connection: &Connection) -> Result<(), Trouble> {
    connection.client.batch_execute("ROLLBACK TO SAVEPOINT hallpass").await.map_err(|e| statement_trouble(&e))
}

/// Looks after a holding connection until its connector is gone: opens it again after a break, so that it is there when
/// it is needed, and steps aside for an administrator who waits for one of its locks.
pub(super) fn breathe(link: &Arc<Link>) {
    let link = Arc::downgrade(link);
    tokio::spawn(async move {
        loop {
            sleep(BREATH).await;
            let Some(link) = Weak::upgrade(&link) else { break };
            link.breath().await;
        }
    });
}

/// How many wait.
pub(super) async fn awaited(connection: &Connection) -> Result<bool, Trouble> {
    let rows = connection.client.simple_query(AWAITED).await.map_err(|e| statement_trouble(&e))?;
    Ok(rows
        .iter()
        .any(|row| matches!(row, SimpleQueryMessage::Row(row) if row.try_get(0).ok().flatten() != Some("0"))))
}

/// What is done where the target's table of locks is full.
pub(super) struct Relief {
    link: Arc<Link>,
    prefix: String,
    last: tokio::sync::Mutex<Option<Search>>,
}

/// The last search for who fills the table of locks.
#[derive(Clone, Copy)]
struct Search {
    begun: Instant,
    ended: Instant,
    helped: bool,
}

impl Relief {
    pub(super) fn new(link: Arc<Link>, prefix: String) -> Self {
        Self { link, prefix, last: tokio::sync::Mutex::new(None) }
    }

    /// Ends the sessions of those logins of ours that hold a large share of all locks: whoever shuts out all others
    /// loses what he took. True where it may have helped somebody who found the table full at `full_at`: those who find it
    /// full together search once, and who finds it full again after a search that helped, because it was filled again in
    /// the meantime, searches again.
    pub(super) async fn relieve(&self, full_at: Instant) -> bool {
        let mut last = self.last.lock().await;
        if let Some(search) = *last
            && (search.begun > full_at || (!search.helped && search.ended.elapsed() < SEARCH))
        {
            return search.helped;
        }
        // Who comes back all the time does not fill the log as well.
        let told = last.is_some_and(|search| search.helped && search.ended.elapsed() < SEARCH);
        let begun = Instant::now();
        let helped = self.throw_out(told).await;
        *last = Some(Search { begun, ended: Instant::now(), helped });
        helped
    }

    async fn throw_out(&self, told: bool) -> bool {
        let over = Instant::now() + SETTLE;
        let mut sessions = 0;
        loop {
            let relieved: Result<Relieved, TargetError> =
                self.link.run(RELIEVE, &json!({ "prefix": self.prefix })).await;
            match relieved {
                Ok(Relieved { ended: 0 }) => break,
                Ok(Relieved { ended }) => sessions = sessions.max(ended),
                Err(error) => {
                    tracing::warn!(%error, "the target's table of locks is full, and who fills it cannot be told");
                    return false;
                }
            }
            if Instant::now() >= over {
                break;
            }
            sleep(BETWEEN).await;
        }
        if sessions > 0 && !told {
            tracing::warn!(sessions, "a login filled the target's table of locks; its sessions were ended");
        }
        sessions > 0
    }
}
