//! The outbox.
use async_trait::async_trait;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::Bool;
use hallpass_domain::Timestamp;
use hallpass_domain::ids::{GrantId, MailId, RequestId};
use hallpass_domain::mail::Mail;
use hallpass_domain::ports::credentials::Claim;
use hallpass_domain::ports::mails::Mails;
use hallpass_domain::ports::store::Read;

use super::{count, many, one, value};
use crate::commit::{Done, Job};
use crate::db::types::{Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::mails::MailRow;
use crate::schema::mails;

#[async_trait]
impl Mails for StoreHandle {
    async fn claim_mails(&self, claim: Claim<'_>) -> Read<Vec<Mail>> {
        match self.claim(Job::ClaimMails(claim.into())).await? {
            Done::Mails(mails) => Ok(mails),
            _ => Ok(Vec::new()),
        }
    }

    async fn mail(&self, id: MailId) -> Read<Option<Mail>> {
        one!(self, MailRow, mails::table.find(Uid(id.0)))
    }

    async fn mails_of_request(&self, id: RequestId) -> Read<Vec<Mail>> {
        many!(
            self,
            MailRow,
            mails::table.filter(mails::request_id.eq(Some(Uid(id.0)))).order(mails::id.asc())
        )
    }

    async fn mails_of_grant(&self, id: GrantId) -> Read<Vec<Mail>> {
        many!(self, MailRow, mails::table.filter(mails::grant_id.eq(Some(Uid(id.0)))).order(mails::id.asc()))
    }

    async fn outbox_age(&self) -> Read<(Option<Timestamp>, u64)> {
        let queued = || mails::table.filter(sql::<Bool>("mails.state = 'queued'"));
        let oldest = value!(self, Option<Ts>, queued().select(diesel::dsl::min(mails::queued_at)))?;
        let waiting = value!(self, i64, queued().count())?;
        Ok((oldest.map(|at| at.0), count(waiting)))
    }
}
