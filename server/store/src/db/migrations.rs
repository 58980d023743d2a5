//! Embedded migrations: the same names on both sides, each with a way back.
use diesel::backend::Backend;
use diesel::migration::{Migration, MigrationSource, MigrationVersion};
use diesel::pg::Pg;
use diesel::sqlite::Sqlite;
use diesel_async::AsyncMigrationHarness;
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use super::{postgres, sqlite};
use crate::open::{OpenError, Place, Schema, expect_current};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// Only one server at a time migrates a PostgreSQL database (the lock goes with the session), and a migration of large
/// tables takes its time.
const MIGRATION_LOCK: &str = "SET statement_timeout = 0; SET lock_timeout = 0; \
                              SET idle_in_transaction_session_timeout = 0; SELECT pg_advisory_lock(7215044187113461)";

/// What is to be done.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Work {
    /// Run what is pending.
    Up,
    /// Revert the newest so many, or all.
    Down(Option<usize>),
    /// Nothing; tell what is pending.
    Look,
}

/// How a schema stands to this program.
#[derive(Debug, Clone)]
pub(crate) struct Standing {
    /// Names of migrations that are still to run.
    pub(crate) pending: Vec<String>,
}

/// Does it, and answers the names of the migrations concerned. Blocking work runs on a thread of its own.
pub(crate) async fn work(place: Place, work: Work) -> Result<Vec<String>, OpenError> {
    match place {
        Place::File(path) => {
            let lock = sqlite::lock(&path).await?;
            let done = blocking(move || {
                let mut conn = sqlite::writer(&path).map_err(OpenError::Unusable)?;
                run::<Sqlite>(&mut conn, SQLITE, work)
            })
            .await;
            drop(lock);
            done
        }
        Place::Server(server) => {
            let runtime = postgres::Runtime::start()?;
            let mut conn = server.connect_on(&runtime).await.map_err(OpenError::Unusable)?;
            diesel_async::SimpleAsyncConnection::batch_execute(&mut conn, MIGRATION_LOCK)
                .await
                .map_err(|e| OpenError::Unusable(e.to_string()))?;
            blocking(move || {
                let mut harness = AsyncMigrationHarness::new(conn);
                let done = run::<Pg>(&mut harness, POSTGRES, work);
                drop(runtime);
                done
            })
            .await
        }
    }
}

/// Brings the schema of a place to where `schema` wants it.
pub(crate) async fn prepare(place: Place, schema: Schema) -> Result<(), OpenError> {
    match schema {
        Schema::Migrate => work(place, Work::Up).await.map(drop),
        Schema::Expect => expect_current(&Standing { pending: work(place, Work::Look).await? }),
    }
}

/// A thread of its own, outside any runtime: the harness blocks in its own way.
async fn blocking<T: Send + 'static>(
    job: impl FnOnce() -> Result<T, OpenError> + Send + 'static,
) -> Result<T, OpenError> {
    let (tell, told) = tokio::sync::oneshot::channel();
    let gone = || OpenError::Migration("the migration stopped without an answer".to_owned());
    std::thread::Builder::new()
        .name("hallpass-migrate".to_owned())
        .spawn(move || drop(tell.send(job())))
        .map_err(|e| OpenError::Unusable(e.to_string()))?;
    told.await.map_err(|_| gone())?
}

fn run<DB: Backend>(
    harness: &mut impl MigrationHarness<DB>,
    source: impl MigrationSource<DB>,
    work: Work,
) -> Result<Vec<String>, OpenError> {
    let failed = |e: Box<dyn std::error::Error + Send + Sync>| OpenError::Migration(e.to_string());
    let mut known = source.migrations().map_err(failed)?;
    known.sort_by_key(|migration| migration.name().version().as_owned());
    let applied = harness.applied_migrations().map_err(failed)?;
    if let Some(unknown) = applied.iter().find(|v| !known.iter().any(|m| version(m.as_ref()) == **v)) {
        return Err(OpenError::Newer(unknown.to_string()));
    }
    let is_applied = |m: &dyn Migration<DB>| applied.contains(&version(m));
    let chosen: Vec<_> = match work {
        Work::Up | Work::Look => known.into_iter().filter(|m| !is_applied(m.as_ref())).collect(),
        Work::Down(count) => known
            .into_iter()
            .rev()
            .filter(|m| is_applied(m.as_ref()))
            .take(count.unwrap_or(usize::MAX))
            .collect(),
    };
    for migration in &chosen {
        match work {
            Work::Look => continue,
            Work::Up => harness.run_migration(migration.as_ref()),
            Work::Down(_) => harness.revert_migration(migration.as_ref()),
        }
        .map_err(failed)?;
    }
    Ok(chosen.iter().map(|migration| migration.name().to_string()).collect())
}

fn version<DB: Backend>(migration: &dyn Migration<DB>) -> MigrationVersion<'static> {
    migration.name().version().as_owned()
}
