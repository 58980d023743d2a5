//! A row in place of the one that has the version before.
use diesel::backend::Backend;
use diesel::query_builder::{AstPass, QueryFragment, QueryId};
use diesel::result::QueryResult;
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, HasSqlType};

use super::types::{Uid, UidSql};

/// `UPDATE table SET changes WHERE key = … AND version = …`. Unlike an `UPDATE` of diesel's, which is prepared anew at every
/// run (on PostgreSQL with one more round trip), it is prepared once for a connection: its text depends on the table alone.
#[derive(Debug)]
pub(crate) struct Replacement<C> {
    /// Name of the table.
    pub(crate) table: &'static str,
    /// Name of the column that the row is found by.
    pub(crate) key: &'static str,
    /// That column's value.
    pub(crate) id: Uid,
    /// The version that is replaced.
    pub(crate) version: i64,
    /// All other columns.
    pub(crate) changes: C,
}

impl<C> QueryId for Replacement<C> {
    // Found by its text.
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<DB, C> QueryFragment<DB> for Replacement<C>
where
    DB: Backend + HasSqlType<UidSql> + HasSqlType<BigInt>,
    C: QueryFragment<DB>,
    Uid: ToSql<UidSql, DB>,
    i64: ToSql<BigInt, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        out.push_sql("UPDATE ");
        out.push_identifier(self.table)?;
        out.push_sql(" SET ");
        self.changes.walk_ast(out.reborrow())?;
        out.push_sql(" WHERE ");
        out.push_identifier(self.key)?;
        out.push_sql(" = ");
        out.push_bind_param::<UidSql, _>(&self.id)?;
        out.push_sql(" AND version = ");
        out.push_bind_param::<BigInt, _>(&self.version)
    }
}

impl<C, Conn> diesel::RunQueryDsl<Conn> for Replacement<C> {}
