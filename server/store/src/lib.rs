//! The store: implements the store ports of `hallpass-domain` on SQLite and PostgreSQL, from one code base.
//!
//! Each query is written once and compiled for both (`db/conn.rs`, `on_db!`); what cannot be shared stands in
//! `db/particular.rs`. Reads are in `queries/` (a file for each port), rows in `rows/`, the one batching writer in
//! `commit/`. Diesel is named here and nowhere else.
//!
//! ```no_run
//! # async fn f() -> Result<(), hallpass_store::OpenError> {
//! let store = hallpass_store::open("sqlite:/var/lib/hallpass/hallpass.db", hallpass_store::Schema::Expect).await?;
//! let store: std::sync::Arc<dyn hallpass_domain::ports::store::Store> = std::sync::Arc::new(store);
//! # drop(store);
//! # Ok(())
//! # }
//! ```
// Queries are types: long ones need room.
#![recursion_limit = "256"]

mod backup;
mod commit;
mod db;
mod handle;
mod notices;
mod open;
mod queries;
mod rows;
#[allow(missing_docs, reason = "tables and columns are explained in the migrations")]
#[allow(unreachable_pub, reason = "the table macro makes everything public")]
mod schema;

pub use backup::BackupError;
pub use handle::StoreHandle;
pub use notices::{Committed, StoreNotice};
pub use open::{OpenError, Schema, backup, libpq_variables, migrate, open, pending, reachable, revert};
