//! Running our scripts: constant text, with the arguments in a session setting.
//!
//! A script is one simple-query message, so that the target has all of it before it starts and an implicit transaction
//! spans it: no step of it ever waits for another packet of ours. Such a message takes no parameters, so the arguments go
//! first, as the parameter of an ordinary statement, into the setting `hallpass.args`; identifiers and literals are quoted
//! at the target (`format('%I')`). Nothing is ever formatted into a statement here.
use std::sync::Arc;
use std::time::Duration;

use hallpass_domain::ports::target::TargetError;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Mutex;
use tokio_postgres::SimpleQueryMessage;

use super::dial::{Connection, Dialer};
use super::errors::{target_error, unreadable};

/// A script and its name in logs.
#[derive(Clone, Copy)]
pub(super) struct Script {
    /// Name.
    pub(super) name: &'static str,
    /// Text; its last row's first column is the answer, JSON.
    pub(super) text: &'static str,
}

/// A script out of files of `sql/`.
macro_rules! script {
    ($name:literal: $($file:literal),+) => {
        $crate::targets::postgresql::session::Script {
            name: $name,
            text: concat!($(include_str!(concat!("sql/", $file, ".sql"))),+),
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
        }
    }

    /// The database.
    pub(super) fn database(&self) -> &str {
        &self.database
    }

    /// Runs a script with `args` and reads its answer. A connection on which anything was lost is not used again.
    pub(super) async fn run<A: Serialize + Sync, T: DeserializeOwned>(
        &self,
        script: Script,
        args: &A,
    ) -> Result<T, TargetError> {
        let args = serde_json::to_string(args).map_err(unreadable)?;
        let mut slot = self.turn().await?;
        // A kept connection may have died while idle. Arguments change nothing, so this step may be tried twice.
        let kept = match slot.take() {
            Some(connection) if !connection.client.is_closed() => {
                self.set_args(&connection, &args).await.is_ok().then_some(connection)
            }
            _ => None,
        };
        let connection = match kept {
            Some(connection) => connection,
            None => {
                let connection = self.dialer.administrator(&self.user, &self.database).await?;
                self.set_args(&connection, &args).await?;
                connection
            }
        };
        let answer = self.execute(&connection, script).await;
        if !matches!(answer, Err(TargetError::Down(_))) {
            *slot = Some(connection);
        }
        let answer = answer?;
        serde_json::from_str(&answer).map_err(unreadable)
    }

    /// Runs one statement that the target itself has written, for what it does not allow inside of a transaction.
    pub(super) async fn statement(&self, statement: &str) -> Result<(), TargetError> {
        let mut slot = self.turn().await?;
        let connection = match slot.take().filter(|c| !c.client.is_closed()) {
            Some(connection) => connection,
            None => self.dialer.administrator(&self.user, &self.database).await?,
        };
        let running = connection.client.simple_query(statement);
        match tokio::time::timeout(self.patience, running).await {
            Ok(done) => done.map_err(|e| target_error(&e))?,
            Err(_) => return Err(TargetError::Down("no answer in time".into())),
        };
        *slot = Some(connection);
        Ok(())
    }

    /// Waits for those before us, but not for all their time-outs one after the other.
    async fn turn(&self) -> Result<tokio::sync::MutexGuard<'_, Option<Connection>>, TargetError> {
        tokio::time::timeout(self.patience, self.slot.lock())
            .await
            .map_err(|_| TargetError::Down("the connection is busy".into()))
    }

    async fn set_args(&self, connection: &Connection, args: &str) -> Result<(), TargetError> {
        let params: [&(dyn tokio_postgres::types::ToSql + Sync); 1] = [&args];
        let setting = connection.client.execute("SELECT set_config('hallpass.args', $1, false)", &params);
        match tokio::time::timeout(self.patience, setting).await {
            Ok(done) => done.map(|_| ()).map_err(|e| target_error(&e)),
            Err(_) => Err(TargetError::Down("no answer in time".into())),
        }
    }

    async fn execute(&self, connection: &Connection, script: Script) -> Result<String, TargetError> {
        let running = connection.client.simple_query(script.text);
        let messages = match tokio::time::timeout(self.patience, running).await {
            Ok(done) => done.map_err(|e| {
                let error = target_error(&e);
                tracing::debug!(script = script.name, %error, "a script failed at a PostgreSQL target");
                error
            })?,
            Err(_) => return Err(TargetError::Down(format!("no answer to {} in time", script.name))),
        };
        messages
            .iter()
            .rev()
            .find_map(|message| match message {
                SimpleQueryMessage::Row(row) => row.try_get(0).ok().flatten().map(str::to_owned),
                _ => None,
            })
            .ok_or_else(|| unreadable(format!("{} gave no row", script.name)))
    }
}
