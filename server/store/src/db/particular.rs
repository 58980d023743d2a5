//! What the two back ends do not share: row locks, notifications, the clock, and the look-up after a lost COMMIT.
use std::collections::{BTreeSet, HashMap, HashSet};

use data_encoding::HEXLOWER;
use diesel::dsl::sql;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Binary, Bool, Text};
use diesel::sqlite::Sqlite;
use hallpass_domain::Timestamp;
use hallpass_domain::audit::merkle::Hash;
use hallpass_domain::ids::EventId;
use uuid::Uuid;

use super::conn::Db;
use super::fail::Fail;
use super::statement::statement;
use super::types::{Digest, Ts, TsSql, Uid, UidSql};
use crate::schema::{
    accounts, catalogue_revision, commands, credentials, grants, mails, requests, roles, sessions, tokens,
    users, workflows,
};

/// Channel of notifications.
pub(crate) const CHANNEL: &str = "hallpass";

/// Begins a transaction that will write.
pub(crate) async fn begin(db: &mut Db<'_>) -> Result<(), Fail> {
    let sql = match db {
        // Takes the write lock at once, so that no later statement can fail for want of it.
        Db::Lite(_) => "BEGIN IMMEDIATE",
        Db::Pg(_) => "BEGIN",
    };
    db.run(sql).await
}

/// The database's own time.
pub(crate) async fn now(db: &mut Db<'_>) -> Result<Timestamp, Fail> {
    let Ts(now) = match db {
        Db::Lite(conn) => diesel::RunQueryDsl::get_result(
            diesel::select(sql::<TsSql>("CAST(unixepoch('subsec') * 1000000 AS INTEGER)")),
            &mut **conn,
        )?,
        Db::Pg(conn) => {
            let query = diesel::select(sql::<TsSql>("clock_timestamp()"));
            diesel_async::RunQueryDsl::get_result(query, &mut **conn).await?
        }
    };
    Ok(now)
}

statement!(
    /// A notification, which goes out with the commit.
    Notify on Pg {
        "SELECT pg_notify(" channel: Text => &'static str,
        ", " payload: Text => String;
        ")"
    }
);

/// Tells other servers, at commit. SQLite has no other servers.
pub(crate) async fn notify(db: &mut Db<'_>, payload: &str) -> Result<(), Fail> {
    if let Db::Pg(conn) = db {
        let query = Notify { channel: CHANNEL, payload: payload.to_owned() };
        diesel_async::RunQueryDsl::execute(query, &mut **conn).await?;
    }
    Ok(())
}

/// Which of the commands are recorded, *after* any transaction that may still be committing them has ended: on
/// PostgreSQL an insert of the same id waits for it. Leaves nothing behind.
pub(crate) async fn recorded(db: &mut Db<'_>, ids: &[Uid]) -> Result<HashSet<Uuid>, Fail> {
    match db {
        Db::Lite(conn) => {
            let query = commands::table.select(commands::id).filter(commands::id.eq_any(ids));
            let found: Vec<Uid> = diesel::RunQueryDsl::load(query, &mut **conn)?;
            Ok(found.into_iter().map(|id| id.0).collect())
        }
        Db::Pg(conn) => {
            diesel_async::SimpleAsyncConnection::batch_execute(&mut **conn, "BEGIN").await?;
            let rows: Vec<_> = ids.iter().map(|id| commands::id.eq(*id)).collect();
            let query = diesel::insert_into(commands::table)
                .values(rows)
                .on_conflict_do_nothing()
                .returning(commands::id);
            let absent: Vec<Uid> = diesel_async::RunQueryDsl::load(query, &mut **conn).await?;
            diesel_async::SimpleAsyncConnection::batch_execute(&mut **conn, "ROLLBACK").await?;
            Ok(ids.iter().filter(|id| !absent.contains(id)).map(|id| id.0).collect())
        }
    }
}

/// Up to `limit` credentials of `target` that may be claimed at `now`; on PostgreSQL locked, leaving out rows that
/// another server is just claiming.
pub(crate) async fn claimable_credentials(
    db: &mut Db<'_>,
    target: Uid,
    now: Ts,
    limit: i64,
) -> Result<Vec<Uid>, Fail> {
    let query = credentials::table
        .select(credentials::id)
        .filter(credentials::target_id.eq(target))
        .filter(sql::<Bool>("credentials.state <> 'revoked'"))
        .filter(credentials::claimable_at.le(now))
        .order(credentials::claimable_at.asc())
        .limit(limit);
    Ok(match db {
        Db::Lite(conn) => diesel::RunQueryDsl::load(query, &mut **conn)?,
        Db::Pg(conn) => {
            diesel_async::RunQueryDsl::load(query.for_update().skip_locked(), &mut **conn).await?
        }
    })
}

/// As [`claimable_credentials`], for queued mails.
pub(crate) async fn claimable_mails(db: &mut Db<'_>, now: Ts, limit: i64) -> Result<Vec<Uid>, Fail> {
    let query = mails::table
        .select(mails::id)
        .filter(sql::<Bool>("mails.state = 'queued'"))
        .filter(mails::claimable_at.le(now))
        .order(mails::claimable_at.asc())
        .limit(limit);
    Ok(match db {
        Db::Lite(conn) => diesel::RunQueryDsl::load(query, &mut **conn)?,
        Db::Pg(conn) => {
            diesel_async::RunQueryDsl::load(query.for_update().skip_locked(), &mut **conn).await?
        }
    })
}

statement!(
    /// The places of many events, which begin with the first: a list of pairs, id and hash, in hexadecimal. One statement, since
    /// SQLite copies every page that a statement changes under a trigger before its first change.
    PlacesListed on Sqlite {
        "UPDATE audit_events SET leaf_index = p.place, leaf_hash = p.hash FROM (SELECT key + " first: BigInt => i64,
        " AS place, unhex(value ->> 0) AS id, unhex(value ->> 1) AS hash FROM json_each(" leaves: Text => String;
        ")) AS p WHERE audit_events.id = p.id AND audit_events.leaf_index IS NULL"
    }
);

statement!(
    /// The places of many events, which begin with the first.
    Places on Pg {
        "UPDATE audit_events e SET leaf_hash = p.hash, leaf_index = p.n - 1 + " first: BigInt => i64,
        " FROM unnest(" id: Array<UidSql> => Vec<Uid>,
        ", " hash: Array<Binary> => Vec<Digest>;
        ") WITH ORDINALITY AS p (id, hash, n) WHERE e.id = p.id AND e.leaf_index IS NULL"
    }
);

statement!(
    /// What the events of some places are about, out of the column that says it, in the order of the look-up table. Events of
    /// before, which waited for their seal, have it already. Whoever spoils that column stops no seal: the leaf's hash, which
    /// is signed, tells on him.
    PlacedSubjects on Sqlite {
        "INSERT OR IGNORE INTO audit_subjects (noun, subject_id, event_id) \
         SELECT about.key, about.value, e.id FROM audit_events e, json_each(CASE WHEN json_valid(e.subjects) THEN e.subjects ELSE '{}' END) about \
         WHERE e.leaf_index >= " first: BigInt => i64,
        " AND e.leaf_index < " end: BigInt => i64;
        " ORDER BY 1, 2, 3"
    }
);

/// Gives events that have no place in the log the places `first..`, in order; how many were placed. On SQLite they are found by
/// what they are about from then on, without looking at each.
pub(crate) async fn place_leaves(
    db: &mut Db<'_>,
    first: i64,
    leaves: &[(EventId, Hash)],
) -> Result<usize, Fail> {
    match db {
        Db::Lite(conn) => {
            let pairs: Vec<_> = leaves
                .iter()
                .map(|(id, hash)| (id.0.as_simple().to_string(), HEXLOWER.encode(hash.as_bytes())))
                .collect();
            let text = serde_json::to_string(&pairs).map_err(|e| Fail::Refused(e.to_string()))?;
            let placed = diesel::RunQueryDsl::execute(PlacesListed { first, leaves: text }, &mut **conn)?;
            let end = first.saturating_add(i64::try_from(leaves.len()).unwrap_or(i64::MAX));
            diesel::RunQueryDsl::execute(PlacedSubjects { first, end }, &mut **conn)?;
            Ok(placed)
        }
        Db::Pg(conn) => {
            let query = Places {
                first,
                id: leaves.iter().map(|(id, _)| Uid(id.0)).collect(),
                hash: leaves.iter().map(|(_, hash)| Digest(*hash.as_bytes())).collect(),
            };
            Ok(diesel_async::RunQueryDsl::execute(query, &mut **conn).await?)
        }
    }
}

/// Tables whose rows a transition checks or moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Locked {
    User,
    /// By its revision.
    Role,
    /// By its revision.
    Workflow,
    Account,
    Session,
    Request,
    Grant,
    Credential,
    Token,
    Mail,
    /// The one row of the catalogue's counter, by its revision. Last: who changes the catalogue takes it last.
    Catalogue,
}

/// Locks rows for a whole batch, table by table and in id order, so that two servers' batches never wait for each
/// other in a circle; answers their versions. Tables of `moving` are locked for update, others shared. On SQLite the
/// writer is alone: rows are only read.
pub(crate) async fn lock_rows(
    db: &mut Db<'_>,
    wanted: &BTreeSet<(Locked, Uuid)>,
    moving: &BTreeSet<Locked>,
) -> Result<HashMap<(Locked, Uuid), i64>, Fail> {
    macro_rules! lock {
        ($table:ident, $key:ident, $counter:ident, $moving:expr, $ids:expr) => {{
            let query = $table::table
                .select(($table::$key, $table::$counter))
                .filter($table::$key.eq_any($ids))
                .order($table::$key.asc());
            let rows: Vec<(Uid, i64)> = match db {
                Db::Lite(conn) => diesel::RunQueryDsl::load(query, &mut **conn)?,
                Db::Pg(conn) if $moving => {
                    diesel_async::RunQueryDsl::load(query.for_update(), &mut **conn).await?
                }
                Db::Pg(conn) => diesel_async::RunQueryDsl::load(query.for_share(), &mut **conn).await?,
            };
            rows
        }};
    }
    let mut found = HashMap::with_capacity(wanted.len());
    if let Db::Lite(_) = db {
        // A statement for each row, prepared once, costs less than one for all that is prepared for each batch.
        for row in wanted {
            found.extend(hold_row(db, *row).await?.map(|version| (*row, version)));
        }
        return Ok(found);
    }
    let mut tables: Vec<Locked> = wanted.iter().map(|(table, _)| *table).collect();
    tables.dedup();
    for table in tables {
        let ids: Vec<Uid> = wanted.iter().filter(|(t, _)| *t == table).map(|(_, id)| Uid(*id)).collect();
        let moving = moving.contains(&table);
        let rows = match table {
            Locked::User => lock!(users, id, version, moving, ids),
            Locked::Role => lock!(roles, id, revision, moving, ids),
            Locked::Workflow => lock!(workflows, id, revision, moving, ids),
            Locked::Account => lock!(accounts, user_id, version, moving, ids),
            Locked::Session => lock!(sessions, id, version, moving, ids),
            Locked::Request => lock!(requests, id, version, moving, ids),
            Locked::Grant => lock!(grants, id, version, moving, ids),
            Locked::Credential => lock!(credentials, id, version, moving, ids),
            Locked::Token => lock!(tokens, id, version, moving, ids),
            Locked::Mail => lock!(mails, id, version, moving, ids),
            Locked::Catalogue => {
                found.extend(held_catalogue(db).await?.map(|revision| ((table, Uuid::nil()), revision)));
                continue;
            }
        };
        found.extend(rows.into_iter().map(|(id, version)| ((table, id.0), version)));
    }
    Ok(found)
}

/// The version of one row, held against a change until the commit; none where there is no such row. As [`lock_rows`],
/// in a statement that is prepared once.
pub(crate) async fn hold_row(db: &mut Db<'_>, (table, id): (Locked, Uuid)) -> Result<Option<i64>, Fail> {
    macro_rules! hold {
        ($table:ident, $counter:ident) => {{
            let query = $table::table.find(Uid(id)).select($table::$counter);
            let version: QueryResult<i64> = match db {
                Db::Lite(conn) => diesel::RunQueryDsl::get_result(query, &mut **conn),
                Db::Pg(conn) => diesel_async::RunQueryDsl::get_result(query.for_share(), &mut **conn).await,
            };
            version
        }};
    }
    let version = match table {
        Locked::User => hold!(users, version),
        Locked::Role => hold!(roles, revision),
        Locked::Workflow => hold!(workflows, revision),
        Locked::Account => hold!(accounts, version),
        Locked::Session => hold!(sessions, version),
        Locked::Request => hold!(requests, version),
        Locked::Grant => hold!(grants, version),
        Locked::Credential => hold!(credentials, version),
        Locked::Token => hold!(tokens, version),
        Locked::Mail => hold!(mails, version),
        Locked::Catalogue => return held_catalogue(db).await,
    };
    Ok(version.optional()?)
}

/// The catalogue's counter, held against a change until the commit.
async fn held_catalogue(db: &mut Db<'_>) -> Result<Option<i64>, Fail> {
    let query = catalogue_revision::table.find(1).select(catalogue_revision::revision);
    let revision: QueryResult<i64> = match db {
        Db::Lite(conn) => diesel::RunQueryDsl::get_result(query, &mut **conn),
        Db::Pg(conn) => diesel_async::RunQueryDsl::get_result(query.for_share(), &mut **conn).await,
    };
    Ok(revision.optional()?)
}

/// Names of the servers that have a connection to this database: a server that dies has none at once. On SQLite, whose
/// file belongs to one server, none.
pub(crate) async fn live_servers(db: &mut Db<'_>) -> Result<Vec<String>, Fail> {
    #[derive(QueryableByName)]
    struct Named {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let Db::Pg(conn) = db else { return Ok(Vec::new()) };
    let query = diesel::sql_query(
        "SELECT DISTINCT application_name AS name FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name LIKE 'hallpassd %'",
    );
    let rows: Vec<Named> = diesel_async::RunQueryDsl::load(query, &mut **conn).await?;
    Ok(rows.iter().filter_map(|n| n.name.strip_prefix("hallpassd ")).map(str::to_owned).collect())
}
