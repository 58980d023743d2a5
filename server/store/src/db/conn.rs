//! One enum of real connections, and the macros that compile each query for both.
use diesel::SqliteConnection;
use diesel_async::AsyncPgConnection;
use diesel_async::pooled_connection::deadpool::Object;

use super::fail::Fail;
use super::sqlite::Borrowed;

/// A borrowed connection. On SQLite every query runs inline and no future here ever waits.
pub(crate) enum Db<'a> {
    Lite(&'a mut SqliteConnection),
    Pg(&'a mut AsyncPgConnection),
}

/// An owned connection: the writer's.
pub(crate) enum Conn {
    Lite(Box<SqliteConnection>),
    Pg(Box<AsyncPgConnection>),
}

impl Conn {
    /// Borrows it.
    pub(crate) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Lite(conn) => Db::Lite(conn),
            Self::Pg(conn) => Db::Pg(conn),
        }
    }
}

/// A connection to read with: this thread's (SQLite) or a pooled one (PostgreSQL).
pub(crate) enum Reader {
    Lite(Borrowed),
    Pg(Box<Object<AsyncPgConnection>>),
}

impl Reader {
    /// Borrows it.
    pub(crate) fn db(&mut self) -> Db<'_> {
        match self {
            Self::Lite(conn) => Db::Lite(conn),
            Self::Pg(conn) => Db::Pg(conn),
        }
    }
}

/// Runs `query` with method `run` (`load`, `first`, `get_result`, `execute`) on whichever connection `db: &mut Db` is.
/// The query is written once and compiled for both back ends. Answers a `QueryResult`, in bounded time.
///
/// `first_row` is `first` without a bound `LIMIT` on SQLite, where the plan of a statement depends on the value of its
/// limit: it is compiled again at every run, which costs more than finding a row. A statement that is not stepped
/// further reads no further.
macro_rules! on_db {
    ($db:expr, first_row, $query:expr) => {
        match &mut *$db {
            $crate::db::conn::Db::Lite(conn) => ::diesel::RunQueryDsl::get_result($query, &mut **conn),
            $crate::db::conn::Db::Pg(conn) => {
                $crate::db::conn::answered(::diesel_async::RunQueryDsl::first($query, &mut **conn)).await
            }
        }
    };
    ($db:expr, $run:ident, $query:expr) => {
        match &mut *$db {
            $crate::db::conn::Db::Lite(conn) => ::diesel::RunQueryDsl::$run($query, &mut **conn),
            $crate::db::conn::Db::Pg(conn) => {
                $crate::db::conn::answered(::diesel_async::RunQueryDsl::$run($query, &mut **conn)).await
            }
        }
    };
}
pub(crate) use on_db;

/// Longest wait for an answer: a little more than the time that the server gives a statement, so that only a server
/// that hangs with open connections reaches it.
const ANSWER: std::time::Duration = std::time::Duration::from_secs(16);

/// The answer, or an error once it has taken too long.
pub(crate) async fn answered<T>(
    query: impl Future<Output = diesel::QueryResult<T>>,
) -> diesel::QueryResult<T> {
    tokio::time::timeout(ANSWER, query).await.unwrap_or_else(|_| {
        let why = "the database did not answer in time".to_owned();
        Err(diesel::result::Error::DatabaseError(
            diesel::result::DatabaseErrorKind::ClosedConnection,
            Box::new(why),
        ))
    })
}

impl Db<'_> {
    /// Runs a statement without parameters.
    pub(crate) async fn run(&mut self, sql: &str) -> Result<(), Fail> {
        match self {
            Db::Lite(conn) => diesel::connection::SimpleConnection::batch_execute(&mut **conn, sql)?,
            Db::Pg(conn) => diesel_async::SimpleAsyncConnection::batch_execute(&mut **conn, sql).await?,
        }
        Ok(())
    }
}
