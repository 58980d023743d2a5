//! Requests and decisions.
use async_trait::async_trait;
use diesel::dsl::{not, sql};
use diesel::prelude::*;
use diesel::sql_types::Bool;
use hallpass_domain::Timestamp;
use hallpass_domain::ids::{RequestId, RoleId, UserId};
use hallpass_domain::ports::requests::{RequestFilter, Requests};
use hallpass_domain::ports::store::{Page, Read};
use hallpass_domain::principal::Principal;
use hallpass_domain::request::{Decision, Request, RequestState};

use super::{limit, many, one};
use crate::db::conn::on_db;
use crate::db::fail::unread;
use crate::db::types::{Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::requests::{DecisionRow, RequestRow};
use crate::rows::{Row as _, principal_columns};
use crate::schema::{decisions, requests};

/// Spelt as in the partial indexes: a bound parameter would not be recognised.
const PENDING: &str = "requests.state = 'pending'";

/// By which column a request belongs to somebody.
#[derive(Debug, Clone, Copy)]
enum Of {
    Anyone,
    Subject(Principal),
    Submitter(UserId),
}

#[async_trait]
impl Requests for StoreHandle {
    async fn request(&self, id: RequestId) -> Read<Option<Request>> {
        one!(self, RequestRow, requests::table.find(Uid(id.0)))
    }

    async fn request_by_reference(&self, reference: &str) -> Read<Option<Request>> {
        one!(self, RequestRow, requests::table.filter(requests::reference.eq(reference)))
    }

    async fn requests(&self, filter: &RequestFilter, page: Page) -> Read<Vec<Request>> {
        // "Held or submitted by" is two ranges of two indexes, each bounded by the page.
        let ranges = match filter.of {
            None => vec![Of::Anyone],
            Some(Principal::User(id)) => vec![Of::Subject(Principal::User(id)), Of::Submitter(id)],
            Some(other) => vec![Of::Subject(other)],
        };
        let mut found = Vec::new();
        for of in ranges {
            found.extend(self.requests_of(of, filter, page).await?);
        }
        found.sort_by_key(|request| std::cmp::Reverse(request.id));
        found.dedup_by_key(|request| request.id);
        found.truncate(usize::try_from(limit(page.limit)).unwrap_or(0));
        Ok(found)
    }

    async fn pending_requests(
        &self,
        roles: &[RoleId],
        after: Option<(Timestamp, RequestId)>,
        rows: u32,
    ) -> Read<Vec<Request>> {
        let (by, id) = after.unwrap_or((Timestamp::UNIX_EPOCH, RequestId(uuid::Uuid::nil())));
        let roles: Vec<Uid> = roles.iter().map(|role| Uid(role.0)).collect();
        let same_deadline = requests::decide_by.eq(Ts(by)).and(requests::id.gt(Uid(id.0)));
        many!(
            self,
            RequestRow,
            requests::table
                .filter(sql::<Bool>(PENDING))
                // Said so that SQLite does not look for an index of roles: by deadline it needs no sort.
                .filter(not(requests::role_id.ne_all(roles)))
                .filter(requests::decide_by.ge(Ts(by)))
                .filter(requests::decide_by.gt(Ts(by)).or(same_deadline))
                .order((requests::decide_by.asc(), requests::id.asc()))
                .limit(limit(rows))
        )
    }

    async fn lapsing_requests(&self, now: Timestamp, rows: u32) -> Read<Vec<Request>> {
        many!(
            self,
            RequestRow,
            requests::table
                .filter(sql::<Bool>(PENDING))
                .filter(requests::lapses_at.le(Ts(now)))
                .order(requests::lapses_at.asc())
                .limit(limit(rows))
        )
    }

    async fn decisions(&self, id: RequestId) -> Read<Vec<Decision>> {
        many!(
            self,
            DecisionRow,
            decisions::table
                .filter(decisions::request_id.eq(Uid(id.0)))
                .order((decisions::decided_at.asc(), decisions::id.asc()))
        )
    }

    async fn decisions_on(&self, ids: &[RequestId]) -> Read<Vec<Decision>> {
        let ids: Vec<Uid> = ids.iter().map(|id| Uid(id.0)).collect();
        many!(
            self,
            DecisionRow,
            decisions::table
                .filter(decisions::request_id.eq_any(ids))
                .order((decisions::decided_at.asc(), decisions::id.asc()))
        )
    }

    async fn decided_by(&self, approver: UserId, page: Page) -> Read<Vec<(Decision, Request)>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let rows: QueryResult<Vec<(DecisionRow, RequestRow)>> = on_db!(&mut db, load, {
            let mut query = decisions::table
                .inner_join(requests::table)
                .filter(decisions::approver.eq(Uid(approver.0)))
                .select((DecisionRow::as_select(), RequestRow::as_select()))
                .into_boxed();
            if let Some(after) = page.after {
                query = query.filter(decisions::id.lt(Uid(after)));
            }
            query.order(decisions::id.desc()).limit(limit(page.limit))
        });
        let both = |(decision, request): (DecisionRow, RequestRow)| {
            Ok((decision.noun().map_err(unread)?, request.noun().map_err(unread)?))
        };
        rows.map_err(unread)?.into_iter().map(both).collect()
    }
}

impl StoreHandle {
    async fn requests_of(&self, of: Of, filter: &RequestFilter, page: Page) -> Read<Vec<Request>> {
        many!(self, RequestRow, {
            let mut query = requests::table.into_boxed();
            match of {
                Of::Anyone => {}
                Of::Subject(principal) => {
                    let (kind, id) = principal_columns(principal);
                    query = query.filter(requests::subject_kind.eq(kind)).filter(requests::subject_id.eq(id));
                }
                Of::Submitter(id) => query = query.filter(requests::submitted_by.eq(Some(Uid(id.0)))),
            }
            if let Some(state) = filter.state {
                query = query.filter(sql::<Bool>(match state {
                    RequestState::Pending => PENDING,
                    RequestState::Approved => "requests.state = 'approved'",
                    RequestState::Denied => "requests.state = 'denied'",
                    RequestState::Withdrawn => "requests.state = 'withdrawn'",
                    RequestState::Lapsed => "requests.state = 'lapsed'",
                }));
            }
            if let Some(role) = filter.role {
                query = query.filter(requests::role_id.eq(Uid(role.0)));
            }
            if let Some(after) = page.after {
                query = query.filter(requests::id.lt(Uid(after)));
            }
            query.order(requests::id.desc()).limit(limit(page.limit))
        })
    }
}
