//! One change to its rows: version 1 inserts, version `n` replaces the row that has `n - 1`.
use diesel::prelude::*;
use diesel::query_builder::AsChangeset;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::principal::{Group, Principal, Workload};
use hallpass_domain::target::Target;
use hallpass_domain::transition::{Change, Idempotency};

use serde_json::Value;

use super::apply::Later;
use super::bearers;
use crate::db::conn::{Db, on_db};
use crate::db::fail::Fail;
use crate::db::replacement::Replacement;
use crate::db::types::{Digest, Json, Ts, Uid};
use crate::rows::accounts::{AccountRow, ApiTokenRow, DeviceRow, SessionRow};
use crate::rows::catalogue::{RoleRow, TargetOwnerRow, TargetRow, WorkflowRow};
use crate::rows::comparison::{FindingRow, TargetCheckRow};
use crate::rows::credentials::{CredentialRow, RevokedToken, TokenRow};
use crate::rows::grants::{GrantRow, StandingBlockRow};
use crate::rows::mails::MailRow;
use crate::rows::people::{ClientRow, GroupRow, MemberRow, UserRow, WorkloadOwnerRow, WorkloadRow};
use crate::rows::principal_columns;
use crate::rows::requests::{DecisionRow, RequestRow};
use crate::schema::{
    accounts, api_tokens, audit_events, catalogue_revision, clients, credentials, decisions, devices,
    findings, grants, group_members, groups, idempotency_keys, mails, meta, requests, roles, sessions,
    standing_blocks, target_checks, target_owners, targets, users, workflows, workload_owners, workloads,
};

/// Compare-and-swap of one row.
macro_rules! put {
    ($db:expr, $table:ident, $key:ident, $row:expr) => {{
        let row = $row;
        if row.version == 1 {
            on_db!($db, execute, diesel::insert_into($table::table).values(&row))?;
        } else {
            let there = Replacement {
                table: stringify!($table),
                key: stringify!($key),
                id: row.$key,
                version: row.version - 1,
                changes: (&row).as_changeset(),
            };
            moved(on_db!($db, execute, there)?, stringify!($table))?;
        }
    }};
}

/// A guarded statement that touched no row is a conflict.
pub(crate) fn moved(rows: usize, what: &str) -> Result<(), Fail> {
    if rows == 1 { Ok(()) } else { Err(Fail::Conflict(what.to_owned())) }
}

/// Writes one change. What happens to tokens, and new mails, are only handed to `later`, which writes many at once.
pub(crate) async fn put(db: &mut Db<'_>, change: &Change, later: &mut Later<'_>) -> Result<(), Fail> {
    match change {
        Change::Request(n) => put!(db, requests, id, RequestRow::from(&**n)),
        Change::Decision(n) => {
            let row = DecisionRow::from(&**n);
            on_db!(db, execute, diesel::insert_into(decisions::table).values(&row))?;
        }
        Change::Grant(n) => put!(db, grants, id, GrantRow::from(&**n)),
        Change::Credential(n) => put!(db, credentials, id, CredentialRow::from(&**n)),
        Change::TargetCheck(n) => put!(db, target_checks, id, TargetCheckRow::from(&**n)),
        Change::Finding(n) => put!(db, findings, id, FindingRow::from(&**n)),
        Change::Token(n) => later.tokens.push(TokenRow::from(&**n)),
        Change::RevokeToken { id, at, version } => {
            later.revoked.push(RevokedToken { id: Uid(id.0), at: Ts(*at), version: *version });
        }
        Change::User(n) => put!(db, users, id, UserRow::from(&**n)),
        Change::Account(n) => put!(db, accounts, user_id, AccountRow::from(&**n)),
        Change::Session(n) => put!(db, sessions, id, SessionRow::from(&**n)),
        Change::Device(n) => put!(db, devices, id, DeviceRow::from(&**n)),
        Change::ApiToken(n) => put!(db, api_tokens, id, ApiTokenRow::from(&**n)),
        Change::Client(n) => put!(db, clients, id, ClientRow::from(&**n)),
        Change::Mail(n) if n.version == 1 => later.mails.push(MailRow::from(&**n)),
        Change::Mail(n) => put!(db, mails, id, MailRow::from(&**n)),
        Change::Catalogue(n) => put_catalogue(db, n).await?,
        Change::EndBearers { at } => bearers::end(db, Ts(*at)).await?,
        Change::EraseEvents(ids) => {
            let ids: Vec<Uid> = ids.iter().map(|id| Uid(id.0)).collect();
            let erased =
                (audit_events::private.eq(None::<Json<Value>>), audit_events::salt.eq(None::<Digest>));
            let query = diesel::update(audit_events::table.filter(audit_events::id.eq_any(ids))).set(erased);
            on_db!(db, execute, query)?;
        }
        Change::Meta { key, expected, value } => {
            put_meta(db, key, expected.as_deref(), value.as_deref()).await?;
        }
    }
    Ok(())
}

async fn put_catalogue(db: &mut Db<'_>, change: &CatalogueChange) -> Result<(), Fail> {
    match change {
        CatalogueChange::Group(n) => {
            put!(db, groups, id, GroupRow::from(n));
            put_members(db, n).await
        }
        CatalogueChange::Workload(n) => {
            put!(db, workloads, id, WorkloadRow::from(n));
            put_workload_owners(db, n).await
        }
        CatalogueChange::Target(n) => {
            put!(db, targets, id, TargetRow::from(n));
            put_target_owners(db, n).await
        }
        CatalogueChange::Role(n) => {
            put!(db, roles, id, RoleRow::from(n));
            Ok(())
        }
        CatalogueChange::Workflow(n) => {
            put!(db, workflows, id, WorkflowRow::from(n));
            Ok(())
        }
        CatalogueChange::StandingBlock(n) => {
            put!(db, standing_blocks, id, StandingBlockRow::from(n));
            Ok(())
        }
    }
}

async fn put_members(db: &mut Db<'_>, group: &Group) -> Result<(), Fail> {
    let group_id = Uid(group.id.0);
    let old = group_members::table.filter(group_members::group_id.eq(group_id));
    on_db!(db, execute, diesel::delete(old))?;
    for member in &group.members {
        if matches!(member, Principal::Group(_)) {
            return Err(Fail::Refused("a group has no groups in it".to_owned()));
        }
        let (member_kind, member_id) = principal_columns(*member);
        let row = MemberRow { group_id, member_kind, member_id };
        on_db!(db, execute, diesel::insert_into(group_members::table).values(&row))?;
    }
    Ok(())
}

async fn put_workload_owners(db: &mut Db<'_>, workload: &Workload) -> Result<(), Fail> {
    let workload_id = Uid(workload.id.0);
    let old = workload_owners::table.filter(workload_owners::workload_id.eq(workload_id));
    on_db!(db, execute, diesel::delete(old))?;
    for owner in &workload.owners {
        let row = WorkloadOwnerRow { workload_id, user_id: Uid(owner.0) };
        on_db!(db, execute, diesel::insert_into(workload_owners::table).values(&row))?;
    }
    Ok(())
}

async fn put_target_owners(db: &mut Db<'_>, target: &Target) -> Result<(), Fail> {
    let target_id = Uid(target.id.0);
    let old = target_owners::table.filter(target_owners::target_id.eq(target_id));
    on_db!(db, execute, diesel::delete(old))?;
    for owner in &target.owners {
        let row = TargetOwnerRow { target_id, user_id: Uid(owner.0) };
        on_db!(db, execute, diesel::insert_into(target_owners::table).values(&row))?;
    }
    Ok(())
}

async fn put_meta(
    db: &mut Db<'_>,
    key: &str,
    expected: Option<&str>,
    value: Option<&str>,
) -> Result<(), Fail> {
    let there = |expected: &str| {
        meta::table.filter(meta::key.eq(key.to_owned())).filter(meta::value.eq(expected.to_owned()))
    };
    match (expected, value) {
        (None, Some(value)) => {
            let row = (meta::key.eq(key), meta::value.eq(value));
            on_db!(db, execute, diesel::insert_into(meta::table).values(row))?;
            Ok(())
        }
        (Some(expected), Some(value)) => {
            let query = diesel::update(there(expected)).set(meta::value.eq(value));
            moved(on_db!(db, execute, query)?, "meta")
        }
        (Some(expected), None) => moved(on_db!(db, execute, diesel::delete(there(expected)))?, "meta"),
        (None, None) => {
            let query = meta::table.filter(meta::key.eq(key)).count();
            let found: i64 = on_db!(db, get_result, query)?;
            if found == 0 { Ok(()) } else { Err(Fail::Conflict("meta".to_owned())) }
        }
    }
}

/// Records the answer to a request with an `Idempotency-Key`; a taken key is a conflict. A record whose time is over,
/// and that was not swept yet, is none.
pub(crate) async fn put_answer(db: &mut Db<'_>, answer: &Idempotency, now: Timestamp) -> Result<(), Fail> {
    let over = idempotency_keys::table
        .find((&answer.scope, &answer.key))
        .filter(idempotency_keys::expires_at.le(Ts(now)));
    on_db!(db, execute, diesel::delete(over))?;
    if let Some(before) = &answer.replaces {
        let there = idempotency_keys::table
            .find((&answer.scope, &answer.key))
            .filter(idempotency_keys::answer.eq(before));
        moved(on_db!(db, execute, diesel::delete(there))?, "a reserved Idempotency-Key")?;
    }
    let row = (
        idempotency_keys::scope.eq(&answer.scope),
        idempotency_keys::key.eq(&answer.key),
        idempotency_keys::body_hash.eq(&answer.body_hash),
        idempotency_keys::answer.eq(&answer.answer),
        idempotency_keys::expires_at.eq(Ts(answer.expires_at)),
    );
    on_db!(db, execute, diesel::insert_into(idempotency_keys::table).values(row))?;
    Ok(())
}

/// Moves the counter that catalogue caches are checked against.
pub(crate) async fn move_catalogue(db: &mut Db<'_>) -> Result<(), Fail> {
    let query = diesel::update(catalogue_revision::table.find(1))
        .set(catalogue_revision::revision.eq(catalogue_revision::revision + 1));
    moved(on_db!(db, execute, query)?, "catalogue_revision")
}
