//! Credentials: reads and claims.
use async_trait::async_trait;
use diesel::dsl::{exists, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::{CredentialId, GrantId, TargetId};
use hallpass_domain::ports::credentials::{Claim, Credentials};
use hallpass_domain::ports::store::Read;

use super::{count, limit, many, one, value};
use crate::commit::{Done, Job, Lease};
use crate::db::conn::on_db;
use crate::db::fail::unread;
use crate::db::types::{Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::credentials::CredentialRow;
use crate::schema::{credentials, targets};

/// Spelt as in the partial indexes: a bound parameter would not be recognised.
pub(crate) const NOT_REVOKED: &str = "credentials.state <> 'revoked'";

impl From<Claim<'_>> for Lease {
    fn from(claim: Claim<'_>) -> Self {
        Self { owner: claim.owner.to_owned(), now: claim.now, until: claim.until, limit: limit(claim.limit) }
    }
}

#[async_trait]
impl Credentials for StoreHandle {
    async fn credential(&self, id: CredentialId) -> Read<Option<Credential>> {
        one!(self, CredentialRow, credentials::table.find(Uid(id.0)))
    }

    async fn credentials(&self, ids: &[CredentialId]) -> Read<Vec<Credential>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<Uid> = ids.iter().map(|id| Uid(id.0)).collect();
        many!(self, CredentialRow, credentials::table.filter(credentials::id.eq_any(&ids)))
    }

    async fn credentials_of(&self, grant: GrantId) -> Read<Vec<Credential>> {
        many!(
            self,
            CredentialRow,
            credentials::table.filter(credentials::grant_id.eq(Uid(grant.0))).order(credentials::id.asc())
        )
    }

    async fn credentials_of_all(&self, grants: &[GrantId]) -> Read<Vec<Credential>> {
        let grants: Vec<Uid> = grants.iter().map(|grant| Uid(grant.0)).collect();
        many!(
            self,
            CredentialRow,
            credentials::table.filter(credentials::grant_id.eq_any(&grants)).order(credentials::id.asc())
        )
    }

    async fn unrevoked_at(&self, target: TargetId) -> Read<Vec<Credential>> {
        many!(
            self,
            CredentialRow,
            credentials::table
                .filter(credentials::target_id.eq(Uid(target.0)))
                .filter(sql::<Bool>(NOT_REVOKED))
                .order(credentials::claimable_at.asc())
        )
    }

    async fn credential_named(&self, target: TargetId, external_name: &str) -> Read<Option<Credential>> {
        one!(
            self,
            CredentialRow,
            credentials::table
                .filter(credentials::target_id.eq(Uid(target.0)))
                .filter(credentials::external_name.eq(external_name))
        )
    }

    async fn claim_due(&self, target: TargetId, claim: Claim<'_>) -> Read<Vec<Credential>> {
        match self.claim(Job::ClaimDue(target, claim.into())).await? {
            Done::Credentials(credentials) => Ok(credentials),
            _ => Ok(Vec::new()),
        }
    }

    async fn claim_one(&self, id: CredentialId, claim: Claim<'_>) -> Read<Option<Credential>> {
        match self.claim(Job::ClaimOne(id, claim.into())).await? {
            Done::Credentials(credentials) => Ok(credentials.into_iter().next()),
            _ => Ok(None),
        }
    }

    async fn release_claims(&self, worker: &str) -> Read<u64> {
        match self.claim(Job::ReleaseClaims(worker.to_owned())).await? {
            Done::Count(released) => Ok(released),
            _ => Ok(0),
        }
    }

    async fn targets_due(&self, now: Timestamp) -> Read<Vec<TargetId>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        // One probe of the index for each target, however many credentials there are.
        let query = targets::table.select(targets::id).filter(exists(
            credentials::table
                .filter(credentials::target_id.eq(targets::id))
                .filter(sql::<Bool>(NOT_REVOKED))
                .filter(credentials::claimable_at.le(Ts(now))),
        ));
        let ids: QueryResult<Vec<Uid>> = on_db!(&mut db, load, query);
        Ok(ids.map_err(unread)?.into_iter().map(|id| TargetId(id.0)).collect())
    }

    async fn overdue(&self, before: Timestamp, rows: u32) -> Read<Vec<Credential>> {
        many!(
            self,
            CredentialRow,
            credentials::table
                .filter(sql::<Bool>(NOT_REVOKED))
                .filter(credentials::due_at.lt(Ts(before)))
                .order(credentials::due_at.asc())
                .limit(limit(rows))
        )
    }

    async fn overdue_untold(&self, before: Timestamp, rows: u32) -> Read<Vec<Credential>> {
        many!(
            self,
            CredentialRow,
            credentials::table
                .filter(sql::<Bool>(NOT_REVOKED))
                .filter(credentials::due_at.lt(Ts(before)))
                .filter(credentials::alerted_at.is_null())
                .order(credentials::due_at.asc())
                .limit(limit(rows))
        )
    }

    async fn count_overdue(&self, before: Timestamp) -> Read<u64> {
        let overdue = value!(
            self,
            i64,
            credentials::table
                .filter(sql::<Bool>(NOT_REVOKED))
                .filter(credentials::due_at.lt(Ts(before)))
                .count()
        )?;
        Ok(count(overdue))
    }

    async fn due_between(&self, from: Timestamp, to: Timestamp, rows: u32) -> Read<Vec<Credential>> {
        many!(
            self,
            CredentialRow,
            credentials::table
                .filter(sql::<Bool>(NOT_REVOKED))
                .filter(credentials::due_at.ge(Ts(from)))
                .filter(credentials::due_at.lt(Ts(to)))
                .order(credentials::due_at.asc())
                .limit(limit(rows))
        )
    }

    async fn newest_credential(&self) -> Read<Option<CredentialId>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let query = credentials::table.select(credentials::id).order(credentials::id.desc());
        let newest: Option<Uid> = on_db!(&mut db, first, query).optional().map_err(unread)?;
        Ok(newest.map(|id| CredentialId(id.0)))
    }

    async fn count_unrevoked(&self, grant: GrantId) -> Read<u64> {
        let unrevoked = value!(
            self,
            i64,
            credentials::table
                .filter(credentials::grant_id.eq(Uid(grant.0)))
                .filter(sql::<Bool>(NOT_REVOKED))
                .count()
        )?;
        Ok(count(unrevoked))
    }
}
