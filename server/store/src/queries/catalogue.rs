//! The catalogue, kept in memory and checked by one counter at each call.
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::StandingBlock;
use hallpass_domain::ids::{GroupId, StandingBlockId, TargetId, UserId, WorkloadId};
use hallpass_domain::ports::catalogue::CatalogueReads;
use hallpass_domain::ports::store::Read;

use super::nouns;
use crate::db::conn::{Db, on_db};
use crate::db::fail::unread;
use crate::handle::StoreHandle;
use crate::rows::catalogue::{RoleRow, TargetOwnerRow, TargetRow, WorkflowRow};
use crate::rows::grants::StandingBlockRow;
use crate::rows::people::{ClientRow, GroupRow, MemberRow, UserRow, WorkloadOwnerRow, WorkloadRow};
use crate::rows::principal_of;
use crate::schema::{
    catalogue_revision, clients, group_members, groups, roles, standing_blocks, target_owners, targets,
    users, workflows, workload_owners, workloads,
};

/// The catalogue as it was at a revision.
#[derive(Debug, Default)]
pub(crate) struct Cache(RwLock<Option<(i64, Arc<Catalogue>)>>);

impl Cache {
    fn at(&self, revision: i64) -> Option<Arc<Catalogue>> {
        let kept = self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.as_ref().filter(|(at, _)| *at == revision).map(|(_, catalogue)| Arc::clone(catalogue))
    }

    /// Whatever was read last: a backup put back under a running server has a lower revision than what was kept.
    fn keep(&self, revision: i64, catalogue: &Arc<Catalogue>) {
        let mut kept = self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        *kept = Some((revision, Arc::clone(catalogue)));
    }
}

#[async_trait]
impl CatalogueReads for StoreHandle {
    async fn catalogue(&self) -> Read<Arc<Catalogue>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let mut revision = revision(&mut db).await?;
        loop {
            if let Some(kept) = self.cache().at(revision) {
                return Ok(kept);
            }
            let read = Arc::new(Catalogue { revision, ..assemble(&mut db).await? });
            // Each table was read at its own moment. The counter moves in the transaction of every change, so where
            // it is the same before and after, nothing changed in between.
            let after = self::revision(&mut db).await?;
            if after == revision {
                self.cache().keep(revision, &read);
                return Ok(read);
            }
            revision = after;
        }
    }
}

async fn revision(db: &mut Db<'_>) -> Read<i64> {
    let query = catalogue_revision::table.find(1).select(catalogue_revision::revision);
    on_db!(db, first_row, query).map_err(unread)
}

/// Stops that nobody has lifted.
async fn open_blocks(db: &mut Db<'_>) -> Read<BTreeMap<StandingBlockId, StandingBlock>> {
    let rows: QueryResult<Vec<StandingBlockRow>> = on_db!(
        db,
        load,
        standing_blocks::table
            .filter(sql::<Bool>("standing_blocks.lifted_at IS NULL"))
            .select(StandingBlockRow::as_select())
    );
    Ok(nouns(rows)?.into_iter().map(|n| (n.id, n)).collect())
}

async fn assemble(db: &mut Db<'_>) -> Read<Catalogue> {
    macro_rules! all {
        ($table:ident, $row:ty) => {{
            let rows: QueryResult<Vec<$row>> = on_db!(db, load, $table::table.select(<$row>::as_select()));
            rows
        }};
    }
    let mut catalogue = Catalogue {
        users: nouns(all!(users, UserRow))?.into_iter().map(|n| (n.id, n)).collect(),
        groups: nouns(all!(groups, GroupRow))?.into_iter().map(|n| (n.id, n)).collect(),
        workloads: nouns(all!(workloads, WorkloadRow))?.into_iter().map(|n| (n.id, n)).collect(),
        targets: nouns(all!(targets, TargetRow))?.into_iter().map(|n| (n.id, n)).collect(),
        roles: nouns(all!(roles, RoleRow))?.into_iter().map(|n| (n.id, n)).collect(),
        workflows: nouns(all!(workflows, WorkflowRow))?.into_iter().map(|n| (n.id, n)).collect(),
        standing_blocks: open_blocks(db).await?,
        clients: nouns(all!(clients, ClientRow))?.into_iter().collect(),
        revision: 0,
    };
    for row in all!(group_members, MemberRow).map_err(unread)? {
        if let Some(group) = catalogue.groups.get_mut(&GroupId(row.group_id.0)) {
            group.members.insert(principal_of(row.member_kind, row.member_id));
        }
    }
    for row in all!(workload_owners, WorkloadOwnerRow).map_err(unread)? {
        if let Some(workload) = catalogue.workloads.get_mut(&WorkloadId(row.workload_id.0)) {
            workload.owners.insert(UserId(row.user_id.0));
        }
    }
    for row in all!(target_owners, TargetOwnerRow).map_err(unread)? {
        if let Some(target) = catalogue.targets.get_mut(&TargetId(row.target_id.0)) {
            target.owners.insert(UserId(row.user_id.0));
        }
    }
    Ok(catalogue)
}
