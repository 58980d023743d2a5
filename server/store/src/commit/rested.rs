//! Rows that a decision rested on without changing them.
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use hallpass_domain::transition::Rested;

use super::put::moved;
use crate::db::conn::{Db, on_db};
use crate::db::fail::Fail;
use crate::db::particular::{Locked, hold_row};
use crate::db::types::Uid;
use crate::queries::NOT_REVOKED;
use crate::schema::{credentials, grants, mails, requests};

/// The one row of the catalogue's counter.
pub(crate) const CATALOGUE: (Locked, uuid::Uuid) = (Locked::Catalogue, uuid::Uuid::nil());

/// The row, the counter it must have, and whether it is moved.
pub(crate) fn parts(rested: Rested) -> ((Locked, uuid::Uuid), i64, bool) {
    match rested {
        Rested::Request(id, version) => ((Locked::Request, id.0), version, true),
        Rested::Grant(id, version) => ((Locked::Grant, id.0), version, true),
        Rested::GrantHeld(id, version) => ((Locked::Grant, id.0), version, false),
        Rested::Credential(id, version) => ((Locked::Credential, id.0), version, true),
        Rested::Mail(id, version) => ((Locked::Mail, id.0), version, true),
        Rested::User(id, version) => ((Locked::User, id.0), version, false),
        Rested::Role(id, revision) => ((Locked::Role, id.0), revision, false),
        Rested::Workflow(id, revision) => ((Locked::Workflow, id.0), revision, false),
        Rested::Catalogue(revision) | Rested::Unused(_, revision) => (CATALOGUE, revision, false),
    }
}

/// Checks that targets have no unrevoked credential. To be called after the catalogue's counter was moved: whoever intends a
/// credential holds the counter until his commit, so that what is read here has all who held it before, and who comes later
/// finds it moved.
pub(crate) async fn unused(db: &mut Db<'_>, rested: &[Rested]) -> Result<(), Fail> {
    for rested in rested {
        let Rested::Unused(target, _) = rested else { continue };
        let query = credentials::table
            .select(credentials::id)
            .filter(credentials::target_id.eq(Uid(target.0)))
            .filter(sql::<Bool>(NOT_REVOKED))
            .limit(1);
        let left: Vec<Uid> = on_db!(db, load, query)?;
        if !left.is_empty() {
            return Err(Fail::Conflict(format!("target {target} is in use")));
        }
    }
    Ok(())
}

/// Checks the row and moves it where it is of the moving kind.
pub(crate) async fn rest_on(db: &mut Db<'_>, rested: Rested) -> Result<(), Fail> {
    let (row, expected, moves) = parts(rested);
    if moves {
        return moved(advance(db, row.0, &[Uid(row.1)], Some(expected)).await?, "a row it rested on");
    }
    if hold_row(db, row).await? == Some(expected) {
        Ok(())
    } else {
        Err(Fail::Conflict("a row it rested on".to_owned()))
    }
}

/// Adds one to the version of rows, where it is `expected` if one is given; how many moved.
pub(crate) async fn advance(
    db: &mut Db<'_>,
    table: Locked,
    ids: &[Uid],
    expected: Option<i64>,
) -> Result<usize, Fail> {
    macro_rules! advance {
        ($table:ident) => {
            match (ids, expected) {
                ([id], Some(expected)) => {
                    let there = $table::table.filter($table::id.eq(*id)).filter($table::version.eq(expected));
                    on_db!(db, execute, diesel::update(there).set($table::version.eq($table::version + 1)))?
                }
                _ => {
                    let there = $table::table.filter($table::id.eq_any(ids));
                    on_db!(db, execute, diesel::update(there).set($table::version.eq($table::version + 1)))?
                }
            }
        };
    }
    Ok(match table {
        Locked::Request => advance!(requests),
        Locked::Grant => advance!(grants),
        Locked::Credential => advance!(credentials),
        Locked::Mail => advance!(mails),
        _ => 0,
    })
}
