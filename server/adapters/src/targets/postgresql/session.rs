//! Running our scripts: constant text, with the arguments in a session setting.
//!
//! A script is one simple-query message, so that the target has all of it before it starts and an implicit transaction
//! spans it: no step of it ever waits for another packet of ours. Such a message takes no parameters, so the arguments go
//! first, as the parameter of an ordinary statement, into the setting `hallpass.args`; identifiers and literals are quoted
//! at the target (`format('%I')`). Nothing is ever formatted into a statement here.
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::TryStreamExt as _;
use hallpass_domain::failpoint;
use hallpass_domain::ports::target::TargetError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio::time::Instant;
use tokio_postgres::SimpleQueryMessage;

use super::dial::{Connection, Dialer};
use super::errors::{Trouble, statement_trouble, unreadable};
use super::hold::{self, Relief};

/// How long a script has the target's table of locks emptied for it: whoever filled it may come back and fill it again.
const RELIEF: Duration = Duration::from_secs(3);
/// How often a script is tried again after it met somebody else's change of the same object.
const CROSSINGS: usize = 3;

/// A script and its name in logs.
#[derive(Clone, Copy)]
pub(super) struct Script {
    /// Name.
    pub(super) name: &'static str,
    /// Text; its last row's first column is the answer, JSON.
    pub(super) text: &'static str,
    /// Fail points before and after, where the crash harness stops at it.
    pub(super) points: Option<(&'static str, &'static str)>,
}

/// A script out of files of `sql/`.
macro_rules! script {
    ($name:literal: $($file:literal),+) => {
        $crate::targets::postgresql::session::Script {
            name: $name,
            text: concat!($(include_str!(concat!("sql/", $file, ".sql"))),+),
            points: None,
        }
    };
    ($name:literal in $before:literal .. $after:literal: $($file:literal),+) => {
        $crate::targets::postgresql::session::Script {
            name: $name,
            text: concat!($(include_str!(concat!("sql/", $file, ".sql"))),+),
            points: Some(($before, $after)),
        }
    };
}
pub(super) use script;

/// A connection of our administrator to one database, opened when needed and kept.
pub(super) struct Link {
    dialer: Arc<Dialer>,
    user: String,
    database: String,
    /// Longest wait for one answer: the target's own time-out and a margin for the way.
    patience: Duration,
    slot: Mutex<Option<Connection>>,
    /// It holds the locks that its scripts need, see [`hold`].
    holding: bool,
    relief: Option<Arc<Relief>>,
}

impl Link {
    /// Connects to nothing yet.
    pub(super) fn new(dialer: Arc<Dialer>, user: &str, database: &str, statement_ms: u64) -> Self {
        Self {
            dialer,
            user: user.to_owned(),
            database: database.to_owned(),
            patience: Duration::from_millis(statement_ms.max(100).saturating_add(1_000)),
            slot: Mutex::new(None),
            holding: false,
            relief: None,
        }
    }

    /// One whose way in cannot be shut by a full table of locks.
    pub(super) fn holding(self) -> Self {
        Self { holding: true, ..self }
    }

    /// One that has those ended who fill the table of locks, and tries again.
    pub(super) fn relieved(self, relief: &Arc<Relief>) -> Self {
        Self { relief: Some(Arc::clone(relief)), ..self }
    }

    /// Runs a script with `args` and reads its answer. A connection on which something was lost is not used again; one on
    /// which the target refused something is.
    pub(super) async fn run<A: Serialize + Sync, T: DeserializeOwned>(
        &self,
        script: Script,
        args: &A,
    ) -> Result<T, TargetError> {
        let args = serde_json::to_string(args).map_err(unreadable)?;
        if let Some((before, _)) = script.points {
            failpoint::hit(before);
        }
        let mut answer = self.once(script, &args).await;
        let over = Instant::now() + RELIEF;
        while answer.as_ref().is_err_and(|t| t.full)
            && Instant::now() < over
            && let Some(relief) = &self.relief
            && Box::pin(relief.relieve(Instant::now())).await
        {
            answer = self.once(script, &args).await;
        }
        // All of it was undone: it begins anew, and sees the other's change.
        for _ in 0..CROSSINGS {
            if !answer.as_ref().is_err_and(|t| t.crossed && !t.lost) {
                break;
            }
            answer = self.once(script, &args).await;
        }
        if let Some((_, after)) = script.points {
            failpoint::hit(after);
        }
        let answer = answer.map_err(|trouble| {
            tracing::debug!(script = script.name, error = %trouble.error, "a script failed at a PostgreSQL target");
            trouble.error
        })?;
        serde_json::from_str(&answer).map_err(unreadable)
    }

    async fn once(&self, script: Script, args: &str) -> Result<String, Trouble> {
        let mut slot = self.turn().await?;
        // A kept connection may have died while idle. Arguments change nothing, so this step may be tried twice.
        let kept = match slot.take().filter(|c| !c.client.is_closed()) {
            Some(connection) => match self.set_args(&connection, args).await {
                Ok(()) => Some(connection),
                Err(trouble) if trouble.lost => None,
                Err(trouble) => {
                    *slot = self.kept(connection).await;
                    return Err(trouble);
                }
            },
            None => None,
        };
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let connection = self.open().await?;
                self.set_args(&connection, args).await?;
                connection
            }
        };
        let answer = self.execute(&connection, script).await;
        if !answer.as_ref().is_err_and(|trouble| trouble.lost) {
            *slot = self.kept(connection).await;
        }
        answer
    }

    async fn open(&self) -> Result<Connection, Trouble> {
        let connection = self.dialer.administrator(&self.user, &self.database, self.holding).await?;
        if self.holding {
            self.in_time(hold::hold(&connection)).await?;
        }
        Ok(connection)
    }

    /// The connection as it is kept after a script.
    async fn kept(&self, connection: Connection) -> Option<Connection> {
        if self.holding && self.in_time(hold::let_go(&connection)).await.is_err() {
            return None;
        }
        Some(connection)
    }

    /// Opens the connection where it is not open, and steps aside for whoever waits for what it holds.
    pub(super) async fn breath(&self) {
        // In use: it is open.
        let Ok(mut slot) = self.slot.try_lock() else { return };
        if let Some(connection) = slot.take().filter(|c| !c.client.is_closed()) {
            match self.in_time(hold::awaited(&connection)).await {
                Ok(true) => drop(connection),
                Err(trouble) if trouble.lost => drop(connection),
                Ok(false) | Err(_) => *slot = self.kept(connection).await,
            }
            return;
        }
        if let Ok(connection) = self.open().await {
            *slot = Some(connection);
        }
    }

    /// Opens the connection where it is not open.
    pub(super) async fn warm(&self) -> Result<(), TargetError> {
        let mut slot = self.turn().await.map_err(|t| t.error)?;
        if slot.as_ref().is_none_or(|c| c.client.is_closed()) {
            *slot = Some(self.open().await.map_err(|t| t.error)?);
        }
        Ok(())
    }

    /// Runs one statement that the target itself has written, for what it does not allow inside of a transaction.
    pub(super) async fn statement(&self, statement: &str) -> Result<(), TargetError> {
        let mut slot = self.turn().await.map_err(|t| t.error)?;
        let connection = match slot.take().filter(|c| !c.client.is_closed()) {
            Some(connection) => connection,
            None => self.open().await.map_err(|t| t.error)?,
        };
        let running = async {
            connection.client.simple_query(statement).await.map(drop).map_err(|e| statement_trouble(&e))
        };
        let done = self.in_time(running).await;
        if !done.as_ref().is_err_and(|trouble| trouble.lost) {
            *slot = Some(connection);
        }
        done.map_err(|t| t.error)
    }

    /// Waits for those before us, but not for all their time-outs one after the other.
    async fn turn(&self) -> Result<tokio::sync::MutexGuard<'_, Option<Connection>>, Trouble> {
        tokio::time::timeout(self.patience, self.slot.lock())
            .await
            .map_err(|_| Trouble::lost("the connection is busy"))
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, Trouble>>) -> Result<T, Trouble> {
        tokio::time::timeout(self.patience, work)
            .await
            .unwrap_or_else(|_| Err(Trouble::lost("no answer in time")))
    }

    async fn set_args(&self, connection: &Connection, args: &str) -> Result<(), Trouble> {
        // Inside of one long transaction the list of sessions would be the one of the first look.
        let statement = "SELECT set_config('hallpass.args', $1, false), pg_stat_clear_snapshot()";
        let setting = async {
            let params: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&args];
            connection.client.execute(statement, &params).await.map(drop).map_err(|e| statement_trouble(&e))
        };
        self.in_time(setting).await
    }

    async fn execute(&self, connection: &Connection, script: Script) -> Result<String, Trouble> {
        let running = async {
            let answers = connection.client.simple_query_raw(script.text).await;
            let mut answers = pin!(answers.map_err(|e| statement_trouble(&e))?);
            // All but the last row is let go as it comes: there may be any number of them.
            let mut last = None;
            while let Some(message) = answers.try_next().await.map_err(|e| statement_trouble(&e))? {
                if let SimpleQueryMessage::Row(row) = message {
                    last = row.try_get(0).ok().flatten().map(str::to_owned);
                }
            }
            Ok(last)
        };
        self.in_time(running)
            .await?
            .ok_or_else(|| Trouble::from(unreadable(format!("{} gave no row", script.name))))
    }
}
