//! Grants.
use async_trait::async_trait;
use diesel::dsl::{exists, min, not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use hallpass_domain::Timestamp;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::{GrantId, RequestId, RoleId};
use hallpass_domain::ports::grants::{GrantFilter, Grants};
use hallpass_domain::ports::store::{Page, Read};
use hallpass_domain::principal::Principal;

use super::credentials::NOT_REVOKED;
use super::{limit, many, one, value};
use crate::db::conn::on_db;
use crate::db::fail::unread;
use crate::db::literal::literal;
use crate::db::types::{Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::grants::GrantRow;
use crate::rows::principal_columns;
use crate::schema::{credentials, grants, targets};

/// Spelt as in the partial indexes: a bound parameter would not be recognised.
const OPEN: &str = "grants.state IN ('scheduled', 'active')";

literal!(
    /// Of the index `grants_usable`.
    Active,
    "grants.state = 'active'"
);

#[async_trait]
impl Grants for StoreHandle {
    async fn grant(&self, id: GrantId) -> Read<Option<Grant>> {
        one!(self, GrantRow, grants::table.find(Uid(id.0)))
    }

    async fn grant_of(&self, request: RequestId) -> Read<Option<Grant>> {
        one!(self, GrantRow, grants::table.filter(grants::request_id.eq(Some(Uid(request.0)))))
    }

    async fn grants(&self, filter: &GrantFilter, page: Page) -> Read<Vec<Grant>> {
        // One bounded range of an index for each state; a list of states in one query would have to sort them all.
        let mut states: Vec<_> = filter.states.iter().copied().map(Some).collect();
        if states.is_empty() {
            states.push(None);
        }
        let mut found = Vec::new();
        for state in states {
            found.extend(self.grants_in(filter, state, page).await?);
        }
        found.sort_by_key(|grant| std::cmp::Reverse(grant.id));
        found.dedup_by_key(|grant| grant.id);
        found.truncate(usize::try_from(limit(page.limit)).unwrap_or(0));
        Ok(found)
    }

    async fn usable_grant(&self, principal: Principal, role: RoleId, now: Timestamp) -> Read<Option<Grant>> {
        let (kind, id) = principal_columns(principal);
        one!(
            self,
            GrantRow,
            grants::table
                .filter(grants::principal_kind.eq(kind))
                .filter(grants::principal_id.eq(id))
                .filter(grants::role_id.eq(Uid(role.0)))
                .filter(Active)
                .filter(grants::ends_at.gt(Ts(now)))
                .filter(grants::starts_at.le(Ts(now)))
                .order(grants::ends_at.desc())
        )
    }

    async fn due_grants(&self, now: Timestamp, rows: u32) -> Read<Vec<Grant>> {
        many!(
            self,
            GrantRow,
            grants::table
                .filter(sql::<Bool>(OPEN))
                .filter(grants::ends_at.le(Ts(now)))
                .order(grants::ends_at.asc())
                .limit(limit(rows))
        )
    }

    async fn emptied_grants(&self, after: Option<(Timestamp, GrantId)>, rows: u32) -> Read<Vec<Grant>> {
        let (end, id) = after.unwrap_or((Timestamp::UNIX_EPOCH, GrantId(uuid::Uuid::nil())));
        let left =
            credentials::table.filter(credentials::grant_id.eq(grants::id)).filter(sql::<Bool>(NOT_REVOKED));
        let same_end = grants::ends_at.eq(Ts(end)).and(grants::id.gt(Uid(id.0)));
        many!(
            self,
            GrantRow,
            grants::table
                .filter(sql::<Bool>("grants.state = 'ending'"))
                .filter(not(exists(left)))
                .filter(grants::ends_at.ge(Ts(end)))
                .filter(grants::ends_at.gt(Ts(end)).or(same_end))
                .order((grants::ends_at.asc(), grants::id.asc()))
                .limit(limit(rows))
        )
    }

    async fn starting_grants(&self, now: Timestamp, rows: u32) -> Read<Vec<Grant>> {
        many!(
            self,
            GrantRow,
            grants::table
                .filter(sql::<Bool>("grants.state = 'scheduled'"))
                .filter(grants::starts_at.le(Ts(now)))
                .filter(grants::ends_at.gt(Ts(now)))
                .order(grants::starts_at.asc())
                .limit(limit(rows))
        )
    }

    async fn next_due(&self, looked: Timestamp) -> Read<Option<Timestamp>> {
        let end = value!(
            self,
            Option<Ts>,
            grants::table
                .filter(sql::<Bool>(OPEN))
                .filter(grants::ends_at.gt(Ts(looked)))
                .select(min(grants::ends_at))
        )?;
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        // One probe of the index for each target, however many credentials there are.
        let query = targets::table.select(
            credentials::table
                .filter(credentials::target_id.eq(targets::id))
                .filter(sql::<Bool>(NOT_REVOKED))
                .filter(credentials::claimable_at.gt(Ts(looked)))
                .select(min(credentials::claimable_at))
                .single_value(),
        );
        let work: QueryResult<Vec<Option<Ts>>> = on_db!(&mut db, load, query);
        let work = work.map_err(unread)?;
        Ok(work.into_iter().chain([end]).flatten().map(|at| at.0).min())
    }
}

impl StoreHandle {
    async fn grants_in(
        &self,
        filter: &GrantFilter,
        state: Option<GrantState>,
        page: Page,
    ) -> Read<Vec<Grant>> {
        many!(self, GrantRow, {
            let mut query = grants::table.into_boxed();
            if let Some(principal) = filter.principal {
                let (kind, id) = principal_columns(principal);
                query = query.filter(grants::principal_kind.eq(kind)).filter(grants::principal_id.eq(id));
            }
            if let Some(role) = filter.role {
                query = query.filter(grants::role_id.eq(Uid(role.0)));
            }
            if let Some(state) = state {
                query = query.filter(sql::<Bool>(match state {
                    GrantState::Scheduled => "grants.state = 'scheduled'",
                    GrantState::Active => "grants.state = 'active'",
                    GrantState::Ending => "grants.state = 'ending'",
                    GrantState::Ended => "grants.state = 'ended'",
                }));
            }
            if let Some(after) = page.after {
                query = query.filter(grants::id.lt(Uid(after)));
            }
            query.order(grants::id.desc()).limit(limit(page.limit))
        })
    }
}
