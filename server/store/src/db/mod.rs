//! The two back ends: connections, portable types, what cannot be shared, migrations.
pub(crate) mod conn;
pub(crate) mod fail;
mod libpq;
pub(crate) mod literal;
pub(crate) mod migrations;
pub(crate) mod particular;
pub(crate) mod pools;
pub(crate) mod postgres;
pub(crate) mod replacement;
pub(crate) mod sqlite;
pub(crate) mod statement;
pub(crate) mod types;
pub(crate) mod words;
