//! Reads, one file for each port. Every list is bounded by an index (migrations say which).
use diesel::QueryResult;
use hallpass_domain::Timestamp;
use hallpass_domain::ports::store::Read;
use uuid::Uuid;

use crate::db::fail::unread;
use crate::rows::Row;

mod accounts;
mod audit_log;
mod catalogue;
mod comparison;
mod credentials;
mod gathered;
mod grants;
mod mails;
mod requests;
mod tokens;

pub(crate) use catalogue::Cache;
pub(crate) use credentials::NOT_REVOKED;
pub(crate) use gathered::Gates;

/// All rows of a query, as nouns.
macro_rules! many {
    ($store:expr, $row:ty, $query:expr) => {{
        let mut reader = $store.reader().await?;
        let mut db = reader.db();
        let rows: ::diesel::QueryResult<Vec<$row>> =
            $crate::db::conn::on_db!(&mut db, load, $query.select(<$row>::as_select()));
        $crate::queries::nouns(rows)
    }};
}
pub(crate) use many;

/// The row of a query, as a noun, or none.
macro_rules! one {
    ($store:expr, $row:ty, $query:expr) => {{
        let mut reader = $store.reader().await?;
        let mut db = reader.db();
        let row: ::diesel::QueryResult<$row> =
            $crate::db::conn::on_db!(&mut db, first_row, $query.select(<$row>::as_select()));
        $crate::queries::noun(row)
    }};
}
pub(crate) use one;

/// A plain value of a query.
macro_rules! value {
    ($store:expr, $type:ty, $query:expr) => {{
        let mut reader = $store.reader().await?;
        let mut db = reader.db();
        let value: ::diesel::QueryResult<$type> = $crate::db::conn::on_db!(&mut db, get_result, $query);
        value.map_err($crate::db::fail::unread)
    }};
}
pub(crate) use value;

/// Plain values of all rows of a query.
macro_rules! values {
    ($store:expr, $type:ty, $query:expr) => {{
        let mut reader = $store.reader().await?;
        let mut db = reader.db();
        let values: ::diesel::QueryResult<Vec<$type>> = $crate::db::conn::on_db!(&mut db, load, $query);
        values.map_err($crate::db::fail::unread)
    }};
}
pub(crate) use values;

pub(crate) fn nouns<R: Row>(rows: QueryResult<Vec<R>>) -> Read<Vec<R::Noun>> {
    rows.map_err(unread)?.into_iter().map(|row| row.noun().map_err(unread)).collect()
}

pub(crate) fn noun<R: Row>(row: QueryResult<R>) -> Read<Option<R::Noun>> {
    match row {
        Ok(row) => row.noun().map(Some).map_err(unread),
        Err(diesel::result::Error::NotFound) => Ok(None),
        Err(error) => Err(unread(error)),
    }
}

/// A count as the ports have it.
pub(crate) fn count(rows: i64) -> u64 {
    u64::try_from(rows).unwrap_or(0)
}

/// A page's length for the database.
pub(crate) fn limit(rows: u32) -> i64 {
    i64::from(rows.clamp(1, 10_000))
}

/// The least UUIDv7 (RFC 9562 §5.7) of the millisecond of `at`: ids below it are older.
pub(crate) fn v7_floor(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0) & ((1 << 48) - 1);
    Uuid::from_u128(millis << 80)
}

/// The greatest UUIDv7 of the millisecond of `at`: ids above it are newer.
pub(crate) fn v7_ceiling(at: Timestamp) -> Uuid {
    let millis = u128::try_from(at.timestamp_millis()).unwrap_or(0) & ((1 << 48) - 1);
    Uuid::from_u128((millis << 80) | ((1 << 80) - 1))
}
