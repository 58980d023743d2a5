//! What every issue and every revocation writes, many at once: one prepared statement for all rows on PostgreSQL, one for
//! each row on SQLite (prepared once, no round trip).
use diesel::pg::Pg;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Text};
use diesel::sqlite::Sqlite;
use hallpass_domain::audit::event::Event;

use crate::db::conn::Db;
use crate::db::fail::Fail;
use crate::db::statement::statement;
use crate::db::types::{Digest, JsonSql, JsonText, Ts, TsSql, Uid, UidSql};
use crate::rows::audit::NewEventRow;
use crate::rows::credentials::{RevokedToken, TokenRow};

statement!(
    /// Commands.
    Commands on Pg {
        "INSERT INTO commands (id) SELECT * FROM unnest(" id: Array<UidSql> => Vec<Uid>;
        ")"
    }
);

statement!(
    /// New tokens.
    Tokens on Pg {
        "INSERT INTO tokens (id, hash, grant_id, target_id, client_id, issued_at, expires_at, accepted_until, revoked_at, version) \
         SELECT * FROM unnest(" id: Array<UidSql> => Vec<Uid>,
        ", " hash: Array<Binary> => Vec<Digest>,
        ", " grant_id: Array<UidSql> => Vec<Uid>,
        ", " target_id: Array<UidSql> => Vec<Uid>,
        ", " client_id: Array<Nullable<UidSql>> => Vec<Option<Uid>>,
        ", " issued_at: Array<TsSql> => Vec<Ts>,
        ", " expires_at: Array<TsSql> => Vec<Ts>,
        ", " accepted_until: Array<Nullable<TsSql>> => Vec<Option<Ts>>,
        ", " revoked_at: Array<Nullable<TsSql>> => Vec<Option<Ts>>,
        ", " version: Array<BigInt> => Vec<i64>;
        ")"
    }
);

statement!(
    /// Revocations of tokens that have the version before.
    Revocations on Pg {
        "UPDATE tokens t SET revoked_at = p.at, version = p.version FROM unnest(" id: Array<UidSql> => Vec<Uid>,
        ", " at: Array<TsSql> => Vec<Ts>,
        ", " version: Array<BigInt> => Vec<i64>;
        ") AS p (id, at, version) WHERE t.id = p.id AND t.version = p.version - 1"
    }
);

statement!(
    /// Audit events that are not sealed yet.
    Events on Pg {
        "INSERT INTO audit_events (id, at, kind, family, actor, subjects, data, commitment, private, salt, leaf_hash) SELECT * FROM unnest(" id: Array<UidSql> => Vec<Uid>,
        ", " at: Array<TsSql> => Vec<Ts>,
        ", " kind: Array<Text> => Vec<String>,
        ", " family: Array<Text> => Vec<String>,
        ", " actor: Array<Text> => Vec<String>,
        ", " subjects: Array<JsonSql> => Vec<JsonText>,
        ", " data: Array<JsonSql> => Vec<JsonText>,
        ", " commitment: Array<Binary> => Vec<Digest>,
        ", " private: Array<Nullable<JsonSql>> => Vec<Option<JsonText>>,
        ", " salt: Array<Nullable<Binary>> => Vec<Option<Digest>>,
        ", " leaf_hash: Array<Binary> => Vec<Digest>;
        ")"
    }
);

statement!(
    /// What events are about.
    Subjects on Pg {
        "INSERT INTO audit_subjects (noun, subject_id, event_id) SELECT * FROM unnest(" noun: Array<Text> => Vec<String>,
        ", " subject_id: Array<Text> => Vec<String>,
        ", " event_id: Array<UidSql> => Vec<Uid>;
        ")"
    }
);

statement!(
    /// One command.
    Command on Sqlite {
        "INSERT INTO commands (id) VALUES (" id: UidSql => Uid;
        ")"
    }
);

statement!(
    /// One new token.
    Token on Sqlite {
        "INSERT INTO tokens (id, hash, grant_id, target_id, client_id, issued_at, expires_at, accepted_until, revoked_at, version) \
         VALUES (" id: UidSql => Uid,
        ", " hash: Binary => Digest,
        ", " grant_id: UidSql => Uid,
        ", " target_id: UidSql => Uid,
        ", " client_id: Nullable<UidSql> => Option<Uid>,
        ", " issued_at: TsSql => Ts,
        ", " expires_at: TsSql => Ts,
        ", " accepted_until: Nullable<TsSql> => Option<Ts>,
        ", " revoked_at: Nullable<TsSql> => Option<Ts>,
        ", " version: BigInt => i64;
        ")"
    }
);

statement!(
    /// One audit event that is not sealed yet.
    NewEvent on Sqlite {
        "INSERT INTO audit_events (id, at, kind, family, actor, subjects, data, commitment, private, salt, leaf_hash) VALUES (" id: UidSql => Uid,
        ", " at: TsSql => Ts,
        ", " kind: Text => String,
        ", " family: Text => String,
        ", " actor: Text => String,
        ", " subjects: JsonSql => JsonText,
        ", " data: JsonSql => JsonText,
        ", " commitment: Binary => Digest,
        ", " private: Nullable<JsonSql> => Option<JsonText>,
        ", " salt: Nullable<Binary> => Option<Digest>,
        ", " leaf_hash: Binary => Digest;
        ")"
    }
);

statement!(
    /// One revocation of a token that has the version before.
    Revocation on Sqlite {
        "UPDATE tokens SET revoked_at = " at: TsSql => Ts,
        ", version = version + 1 WHERE id = " id: UidSql => Uid,
        " AND version = " before: BigInt => i64;
        ""
    }
);

/// Records commands.
pub(super) async fn insert_commands(db: &mut Db<'_>, ids: Vec<Uid>) -> Result<(), Fail> {
    match db {
        _ if ids.is_empty() => {}
        Db::Lite(conn) => {
            for id in ids {
                diesel::RunQueryDsl::execute(Command { id }, &mut **conn)?;
            }
        }
        Db::Pg(conn) => drop(diesel_async::RunQueryDsl::execute(Commands { id: ids }, &mut **conn).await?),
    }
    Ok(())
}

/// Inserts new tokens.
pub(super) async fn insert_tokens(db: &mut Db<'_>, rows: Vec<TokenRow>) -> Result<(), Fail> {
    match db {
        _ if rows.is_empty() => {}
        Db::Lite(conn) => {
            for row in rows {
                let TokenRow { id, hash, grant_id, target_id, client_id, issued_at, .. } = row;
                let TokenRow { expires_at, accepted_until, revoked_at, version, .. } = row;
                let query = Token {
                    id,
                    hash,
                    grant_id,
                    target_id,
                    client_id,
                    issued_at,
                    expires_at,
                    accepted_until,
                    revoked_at,
                    version,
                };
                diesel::RunQueryDsl::execute(query, &mut **conn)?;
            }
        }
        Db::Pg(conn) => {
            let query = Tokens {
                id: rows.iter().map(|t| t.id).collect(),
                hash: rows.iter().map(|t| t.hash).collect(),
                grant_id: rows.iter().map(|t| t.grant_id).collect(),
                target_id: rows.iter().map(|t| t.target_id).collect(),
                client_id: rows.iter().map(|t| t.client_id).collect(),
                issued_at: rows.iter().map(|t| t.issued_at).collect(),
                expires_at: rows.iter().map(|t| t.expires_at).collect(),
                accepted_until: rows.iter().map(|t| t.accepted_until).collect(),
                revoked_at: rows.iter().map(|t| t.revoked_at).collect(),
                version: rows.iter().map(|t| t.version).collect(),
            };
            diesel_async::RunQueryDsl::execute(query, &mut **conn).await?;
        }
    }
    Ok(())
}

/// Revokes tokens that have the version before; a conflict where one has not.
pub(super) async fn revoke_tokens(db: &mut Db<'_>, revoked: &[RevokedToken]) -> Result<(), Fail> {
    let moved = match db {
        _ if revoked.is_empty() => return Ok(()),
        Db::Lite(conn) => {
            let mut moved = 0;
            for token in revoked {
                let query = Revocation { at: token.at, id: token.id, before: token.version - 1 };
                moved += diesel::RunQueryDsl::execute(query, &mut **conn)?;
            }
            moved
        }
        Db::Pg(conn) => {
            let query = Revocations {
                id: revoked.iter().map(|t| t.id).collect(),
                at: revoked.iter().map(|t| t.at).collect(),
                version: revoked.iter().map(|t| t.version).collect(),
            };
            diesel_async::RunQueryDsl::execute(query, &mut **conn).await?
        }
    };
    if moved == revoked.len() { Ok(()) } else { Err(Fail::Conflict("tokens".to_owned())) }
}

/// Inserts events, on PostgreSQL with the rows that say what they are about. On SQLite these come with the seal: rows of a few
/// nouns, each in a place of its own, changed more pages than all else that an event writes.
pub(super) async fn insert_events(db: &mut Db<'_>, events: &[&Event]) -> Result<(), Fail> {
    let row = |event: &&Event| NewEventRow::of(event).map_err(|e| Fail::Refused(e.to_string()));
    match db {
        _ if events.is_empty() => {}
        Db::Lite(conn) => {
            for event in events {
                let row = row(event)?;
                let query = NewEvent {
                    id: row.id,
                    at: row.at,
                    kind: row.kind,
                    family: row.family,
                    actor: row.actor,
                    subjects: row.subjects,
                    data: row.data,
                    commitment: row.commitment,
                    private: row.private,
                    salt: row.salt,
                    leaf_hash: row.leaf_hash,
                };
                diesel::RunQueryDsl::execute(query, &mut **conn)?;
            }
        }
        Db::Pg(conn) => {
            let subjects = subjects_of(events);
            let rows = events.iter().map(row).collect::<Result<Vec<_>, _>>()?;
            diesel_async::RunQueryDsl::execute(columns_of(rows), &mut **conn).await?;
            if !subjects.noun.is_empty() {
                diesel_async::RunQueryDsl::execute(subjects, &mut **conn).await?;
            }
        }
    }
    Ok(())
}

fn subjects_of(events: &[&Event]) -> Subjects {
    let mut columns = Subjects { noun: Vec::new(), subject_id: Vec::new(), event_id: Vec::new() };
    for parts in events.iter().map(|event| event.parts()) {
        for (noun, id) in &parts.subjects {
            columns.noun.push(noun.clone());
            columns.subject_id.push(id.clone());
            columns.event_id.push(Uid(parts.id));
        }
    }
    columns
}

fn columns_of(rows: Vec<NewEventRow>) -> Events {
    let mut columns = Events {
        id: Vec::new(),
        at: Vec::new(),
        kind: Vec::new(),
        family: Vec::new(),
        actor: Vec::new(),
        subjects: Vec::new(),
        data: Vec::new(),
        commitment: Vec::new(),
        private: Vec::new(),
        salt: Vec::new(),
        leaf_hash: Vec::new(),
    };
    for row in rows {
        columns.id.push(row.id);
        columns.at.push(row.at);
        columns.kind.push(row.kind);
        columns.family.push(row.family);
        columns.actor.push(row.actor);
        columns.subjects.push(row.subjects);
        columns.data.push(row.data);
        columns.commitment.push(row.commitment);
        columns.private.push(row.private);
        columns.salt.push(row.salt);
        columns.leaf_hash.push(row.leaf_hash);
    }
    columns
}
