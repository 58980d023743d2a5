//! Writes that are no transitions: claims, seals, sweeps, the probe.
use chrono::Duration;
use diesel::dsl::{case_when, sql};
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Bool, Integer};
use diesel::sqlite::Sqlite;
use hallpass_domain::Timestamp;
use hallpass_domain::audit::merkle::Hash;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::{CredentialId, TargetId};
use hallpass_domain::mail::Mail;
use hallpass_domain::ports::audit_log::Seal;

use super::apply::ROWS_AT_ONCE;
use super::put::moved;
use super::{Done, Job, Lease};
use crate::db::conn::{Db, on_db};
use crate::db::fail::Fail;
use crate::db::particular::{claimable_credentials, claimable_mails, live_servers, place_leaves};
use crate::db::statement::statement;
use crate::db::types::{Digest, Ts, Uid};
use crate::queries::v7_floor;
use crate::rows::Row;
use crate::rows::audit::NodeRow;
use crate::rows::credentials::CredentialRow;
use crate::rows::mails::MailRow;
use crate::schema::{
    api_tokens, audit_head, audit_nodes, commands, credentials, devices, idempotency_keys, mails, probe,
    sessions, tokens,
};

/// Token records are kept so long past their `exp`: longer than any leeway of a target.
const TOKENS_KEPT: Duration = Duration::hours(24);
/// Commands are kept so long: longer than any caller waits for a lost answer.
const COMMANDS_KEPT: Duration = Duration::hours(24);

statement!(
    /// One node of the audit tree.
    Node on Sqlite {
        "INSERT INTO audit_nodes (level, place, hash) VALUES (" level: Integer => i32,
        ", " place: BigInt => i64,
        ", " hash: Binary => Digest;
        ")"
    }
);

/// Does one job that is no transition.
pub(crate) async fn perform(db: &mut Db<'_>, job: &Job) -> Result<Done, Fail> {
    match job {
        Job::Commit(transition) => super::apply::apply(db, transition).await.map(|()| Done::Nothing),
        Job::Seal(seal) => self::seal(db, seal).await.map(|()| Done::Nothing),
        Job::ClaimDue(target, lease) => claim_due(db, *target, lease).await.map(Done::Credentials),
        Job::ClaimOne(id, lease) => claim_one(db, *id, lease).await.map(Done::Credentials),
        Job::ClaimMails(lease) => claim_mails(db, lease).await.map(Done::Mails),
        Job::ReleaseClaims(worker) => release_claims(db, worker).await.map(Done::Count),
        Job::Sweep(now, limit) => sweep(db, *now, *limit).await.map(Done::Count),
        Job::Probe => {
            let query = diesel::update(probe::table.find(1)).set(probe::beats.eq(probe::beats + 1));
            moved(on_db!(db, execute, query)?, "probe").map(|()| Done::Nothing)
        }
    }
}

async fn claim_due(db: &mut Db<'_>, target: TargetId, lease: &Lease) -> Result<Vec<Credential>, Fail> {
    let ids = claimable_credentials(db, Uid(target.0), Ts(lease.now), lease.limit).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let there = credentials::table
        .filter(credentials::id.eq_any(&ids))
        .filter(sql::<Bool>("credentials.state <> 'revoked'"))
        .filter(credentials::claimable_at.le(Ts(lease.now)));
    let rows: Vec<CredentialRow> = on_db!(
        db,
        load,
        diesel::update(there)
            .set((
                credentials::claimed_by.eq(Some(&lease.owner)),
                credentials::claimed_until.eq(Some(Ts(lease.until))),
                // Everything else that it waits for has passed.
                credentials::claimable_at.eq(Ts(lease.until)),
                credentials::fence.eq(credentials::fence + 1),
                credentials::version.eq(credentials::version + 1),
            ))
            .returning(CredentialRow::as_returning())
    )?;
    let mut claimed = rows.into_iter().map(Row::noun).collect::<Result<Vec<_>, _>>()?;
    claimed.sort_by_key(|c| (c.due_at, c.id));
    Ok(claimed)
}

async fn claim_one(db: &mut Db<'_>, id: CredentialId, lease: &Lease) -> Result<Vec<Credential>, Fail> {
    let row: Option<CredentialRow> =
        on_db!(db, first_row, credentials::table.find(Uid(id.0)).select(CredentialRow::as_select()))
            .optional()?;
    let Some(mut credential) = row.map(Row::noun).transpose()? else { return Ok(Vec::new()) };
    let held = credential.claimed_until.is_some_and(|until| until > lease.now);
    if held || credential.state == hallpass_domain::credential::CredentialState::Revoked {
        return Ok(Vec::new());
    }
    let (fence, version) = (credential.fence, credential.version);
    credential.claimed_by = Some(lease.owner.clone());
    credential.claimed_until = Some(lease.until);
    credential.fence += 1;
    credential.version += 1;
    let there = credentials::table
        .filter(credentials::id.eq(Uid(id.0)))
        .filter(credentials::fence.eq(fence))
        .filter(credentials::version.eq(version));
    let changed = on_db!(db, execute, diesel::update(there).set(&CredentialRow::from(&credential)))?;
    // Somebody else was first: theirs now.
    Ok(if changed == 1 { vec![credential] } else { Vec::new() })
}

async fn claim_mails(db: &mut Db<'_>, lease: &Lease) -> Result<Vec<Mail>, Fail> {
    let ids = claimable_mails(db, Ts(lease.now), lease.limit).await?;
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let there = mails::table
        .filter(mails::id.eq_any(&ids))
        .filter(sql::<Bool>("mails.state = 'queued'"))
        .filter(mails::claimable_at.le(Ts(lease.now)));
    let rows: Vec<MailRow> = on_db!(
        db,
        load,
        diesel::update(there)
            .set((
                mails::claimed_by.eq(Some(&lease.owner)),
                mails::claimed_until.eq(Some(Ts(lease.until))),
                mails::claimable_at.eq(Ts(lease.until)),
                mails::fence.eq(mails::fence + 1),
                mails::version.eq(mails::version + 1),
            ))
            .returning(MailRow::as_returning())
    )?;
    let mut claimed = rows.into_iter().map(Row::noun).collect::<Result<Vec<_>, _>>()?;
    claimed.sort_by_key(|m| (m.queued_at, m.id));
    Ok(claimed)
}

async fn release_claims(db: &mut Db<'_>, worker: &str) -> Result<u64, Fail> {
    let mut live = live_servers(db).await?;
    live.push(worker.to_owned());
    let held = credentials::table
        .filter(sql::<Bool>("credentials.state <> 'revoked'"))
        .filter(credentials::claimed_by.is_not_null())
        .filter(credentials::claimed_by.ne_all(live.iter().map(Some)));
    let work_at = case_when(credentials::due_at.gt(credentials::next_attempt_at), credentials::due_at)
        .otherwise(credentials::next_attempt_at);
    let query = diesel::update(held).set((
        credentials::claimed_by.eq(None::<String>),
        credentials::claimed_until.eq(None::<Ts>),
        credentials::claimable_at.eq(work_at),
        credentials::fence.eq(credentials::fence + 1),
        credentials::version.eq(credentials::version + 1),
    ));
    let released = on_db!(db, execute, query)?;
    let held = mails::table
        .filter(sql::<Bool>("mails.state = 'queued'"))
        .filter(mails::claimed_by.is_not_null())
        .filter(mails::claimed_by.ne_all(live.iter().map(Some)));
    let query = diesel::update(held).set((
        mails::claimed_by.eq(None::<String>),
        mails::claimed_until.eq(None::<Ts>),
        mails::claimable_at.eq(mails::next_attempt_at),
        mails::fence.eq(mails::fence + 1),
        mails::version.eq(mails::version + 1),
    ));
    let more = on_db!(db, execute, query)?;
    Ok(u64::try_from(released.saturating_add(more)).unwrap_or(u64::MAX))
}

async fn seal(db: &mut Db<'_>, seal: &Seal) -> Result<(), Fail> {
    let count = |n: u64| i64::try_from(n).map_err(|e| Fail::Refused(e.to_string()));
    let added = count(u64::try_from(seal.leaves.len()).map_err(|e| Fail::Refused(e.to_string()))?)?;
    let old = count(seal.old_size)?;
    // The head first: its row lock fences a second sealer off.
    let head = audit_head::table.filter(audit_head::id.eq(1)).filter(audit_head::size.eq(old));
    let query = diesel::update(head).set((
        audit_head::size.eq(old.saturating_add(added)),
        audit_head::checkpoint.eq(Some(&seal.checkpoint)),
        audit_head::frontier.eq(Some(&seal.frontier)),
        audit_head::sealed_at.eq(Some(Ts(seal.at))),
    ));
    moved(on_db!(db, execute, query)?, "the audit log's head")?;
    let placed = place_leaves(db, old, &seal.leaves).await?;
    if placed != seal.leaves.len() {
        return Err(Fail::Conflict("an event to be sealed".to_owned()));
    }
    let node = |(level, place, hash): &(u8, u64, Hash)| {
        Ok(NodeRow { level: i32::from(*level), place: count(*place)?, hash: Digest(*hash.as_bytes()) })
    };
    let nodes = seal.nodes.iter().map(node).collect::<Result<Vec<_>, Fail>>()?;
    match db {
        Db::Lite(conn) => {
            for NodeRow { level, place, hash } in nodes {
                diesel::RunQueryDsl::execute(Node { level, place, hash }, &mut **conn)?;
            }
        }
        Db::Pg(conn) => {
            for rows in nodes.chunks(ROWS_AT_ONCE) {
                let query = diesel::insert_into(audit_nodes::table).values(rows);
                diesel_async::RunQueryDsl::execute(query, &mut **conn).await?;
            }
        }
    }
    Ok(())
}

async fn sweep(db: &mut Db<'_>, now: Timestamp, limit: i64) -> Result<u64, Fail> {
    /// Deletes rows past their time, oldest first, by primary key.
    macro_rules! sweep {
        ($table:ident, $before:expr) => {{
            let query = $table::table
                .select($table::id)
                .filter($table::expires_at.lt(Ts($before)))
                .order($table::expires_at.asc())
                .limit(limit);
            let ids: Vec<Uid> = on_db!(db, load, query)?;
            if ids.is_empty() {
                0
            } else {
                on_db!(db, execute, diesel::delete($table::table.filter($table::id.eq_any(ids))))?
            }
        }};
    }
    let mut gone = sweep!(sessions, now);
    gone += sweep!(devices, now);
    gone += sweep!(api_tokens, now);
    gone += sweep!(tokens, now - TOKENS_KEPT);
    let query = idempotency_keys::table
        .select((idempotency_keys::scope, idempotency_keys::key))
        .filter(idempotency_keys::expires_at.lt(Ts(now)))
        .order(idempotency_keys::expires_at.asc())
        .limit(limit);
    let keys: Vec<(String, String)> = on_db!(db, load, query)?;
    for (scope, key) in keys {
        gone += on_db!(db, execute, diesel::delete(idempotency_keys::table.find((scope, key))))?;
    }
    // Not counted: nobody ever reads them again.
    let old = commands::table
        .select(commands::id)
        .filter(commands::id.lt(Uid(v7_floor(now - COMMANDS_KEPT))))
        .order(commands::id.asc())
        .limit(limit);
    let ids: Vec<Uid> = on_db!(db, load, old)?;
    if !ids.is_empty() {
        on_db!(db, execute, diesel::delete(commands::table.filter(commands::id.eq_any(ids))))?;
    }
    Ok(u64::try_from(gone).unwrap_or(u64::MAX))
}
