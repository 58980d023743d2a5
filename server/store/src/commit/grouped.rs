//! The fast way for a batch: all rows are locked and compared at once, and what is only inserted goes
//! in statements of many rows. Versions are compared here, in memory, so a conflict costs its own transition and
//! nothing else. Whatever else fails sends the batch the slow way, each transition in its own savepoint.
use std::collections::{BTreeSet, HashMap};

use hallpass_domain::transition::{Change, Transition};
use uuid::Uuid;

use super::apply::{Later, is_recorded, moves_catalogue, write};
use super::rested::{CATALOGUE, advance, parts};
use crate::db::conn::Db;
use crate::db::fail::Fail;
use crate::db::particular::{Locked, lock_rows};
use crate::db::types::Uid;

/// Applies the transitions; for each, whether it was admitted. An error means that nothing can be told: roll back.
pub(crate) async fn apply_all(db: &mut Db<'_>, batch: &[&Transition]) -> Result<Vec<Result<(), Fail>>, Fail> {
    let (mut wanted, mut moving) = (BTreeSet::new(), BTreeSet::new());
    for (row, _, moves) in batch.iter().flat_map(|t| needed(t)) {
        wanted.insert(row);
        if moves {
            moving.insert(row.0);
        }
    }
    let mut versions = lock_rows(db, &wanted, &moving).await?;
    let mut verdicts: Vec<_> = batch.iter().map(|t| admit(t, &mut versions)).collect();
    let admitted: Vec<&Transition> =
        batch.iter().zip(&verdicts).filter(|(_, verdict)| verdict.is_ok()).map(|(t, _)| *t).collect();

    let mut moves: HashMap<Locked, Vec<Uid>> = HashMap::new();
    for ((table, id), _, moves_it) in admitted.iter().flat_map(|t| t.rested.iter().map(|r| parts(*r))) {
        if moves_it {
            moves.entry(table).or_default().push(Uid(id));
        }
    }
    for (table, mut ids) in moves {
        // Each pass moves a row once; a row that several rested on, each on the other's version, needs several.
        while !ids.is_empty() {
            ids.sort_unstable();
            let mut again = Vec::new();
            ids.dedup_by(|next, kept| {
                next == kept && {
                    again.push(*next);
                    true
                }
            });
            advance(db, table, &ids, None).await?;
            ids = again;
        }
    }
    let mut later = Later::default();
    for transition in admitted {
        write(db, transition, &mut later).await?;
    }
    later.flush(db).await?;
    for (transition, verdict) in batch.iter().zip(&mut verdicts) {
        if verdict.is_err() && is_recorded(db, transition.command_id.0).await? {
            *verdict = Ok(()); // the same command again: what is recorded stands
        }
    }
    Ok(verdicts)
}

/// Compares every version of a transition with the rows as they are after those before it, and moves them.
fn admit(transition: &Transition, versions: &mut HashMap<(Locked, Uuid), i64>) -> Result<(), Fail> {
    for (row, expected, _) in needed(transition) {
        if versions.get(&row) != Some(&expected) {
            return Err(Fail::Conflict(format!("{:?} {}", row.0, row.1)));
        }
    }
    for (row, expected, moves) in needed(transition) {
        if moves {
            versions.insert(row, expected + 1);
        }
    }
    // What comes later in the batch and rests on the catalogue before this change is decided again.
    if moves_catalogue(transition)
        && let Some(revision) = versions.get_mut(&CATALOGUE)
    {
        *revision += 1;
    }
    Ok(())
}

/// Rows that a transition needs as they are: which, at what version, and whether it moves them.
fn needed(transition: &Transition) -> impl Iterator<Item = ((Locked, Uuid), i64, bool)> + '_ {
    let rested = transition.rested.iter().map(|r| parts(*r));
    rested.chain(transition.changes.iter().filter_map(replaced).map(|(row, old)| (row, old, true)))
}

/// The row that a change replaces and its version before; nothing for inserts and for tables that are not locked in
/// advance (their statements compare the version themselves).
fn replaced(change: &Change) -> Option<((Locked, Uuid), i64)> {
    let (row, version) = match change {
        Change::Request(n) => ((Locked::Request, n.id.0), n.version),
        Change::Grant(n) => ((Locked::Grant, n.id.0), n.version),
        Change::Credential(n) => ((Locked::Credential, n.id.0), n.version),
        Change::RevokeToken { id, version, .. } => ((Locked::Token, id.0), *version),
        Change::Mail(n) => ((Locked::Mail, n.id.0), n.version),
        Change::Account(n) => ((Locked::Account, n.user_id.0), n.version),
        Change::Session(n) => ((Locked::Session, n.id.0), n.version),
        _ => return None,
    };
    (version > 1).then_some((row, version - 1))
}
