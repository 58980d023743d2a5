//! Access tokens.
use async_trait::async_trait;
use chrono::TimeDelta;
use diesel::prelude::*;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::Token;
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ids::{GrantId, TargetId, TokenId};
use hallpass_domain::ports::store::Read;
use hallpass_domain::ports::tokens::{LiveTokens, Tokens};
use hallpass_domain::presented::Presented;

use super::{count, limit, many, one, value};
use crate::db::conn::on_db;
use crate::db::fail::unread;
use crate::db::types::{Digest, Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::Row as _;
use crate::rows::credentials::TokenRow;
use crate::rows::grants::GrantRow;
use crate::schema::{grants, tokens};

/// More than the leeway of any target (the catalogue allows 300 s).
const LONGEST_LEEWAY: TimeDelta = TimeDelta::minutes(10);

#[async_trait]
impl Tokens for StoreHandle {
    async fn token_presented(&self, token: Presented) -> Read<Option<(Token, Grant)>> {
        if let Some(gates) = self.gates() {
            return gates.presented(self, token).await;
        }
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let row: QueryResult<(TokenRow, GrantRow)> = on_db!(
            &mut db,
            first_row,
            tokens::table
                .inner_join(grants::table)
                .filter(tokens::id.eq(Uid(token.jti.0)))
                .filter(tokens::hash.eq(Digest(token.hash.0)))
                .select((TokenRow::as_select(), GrantRow::as_select()))
        );
        let row = row.optional().map_err(unread)?;
        let Some((token, grant)) = row else { return Ok(None) };
        Ok(Some((token.noun().map_err(unread)?, grant.noun().map_err(unread)?)))
    }

    async fn token(&self, id: TokenId) -> Read<Option<Token>> {
        one!(self, TokenRow, tokens::table.find(Uid(id.0)))
    }

    async fn tokens_of(&self, grant: GrantId, rows: u32) -> Read<Vec<Token>> {
        many!(
            self,
            TokenRow,
            tokens::table
                .filter(tokens::grant_id.eq(Uid(grant.0)))
                .order((tokens::expires_at.desc(), tokens::id.desc()))
                .limit(limit(rows))
        )
    }

    async fn live_tokens(&self, grant: GrantId, now: Timestamp) -> Read<LiveTokens> {
        let of_grant = || tokens::table.filter(tokens::grant_id.eq(Uid(grant.0)));
        let live = value!(
            self,
            i64,
            of_grant().filter(tokens::expires_at.gt(Ts(now))).filter(tokens::revoked_at.is_null()).count()
        )?;
        let last = value!(self, Option<Ts>, of_grant().select(diesel::dsl::max(tokens::expires_at)))?;
        let Some(Ts(last)) = last else { return Ok(LiveTokens::default()) };
        // Only those that end within a leeway of the last one can be accepted longer than it.
        let late = of_grant().filter(tokens::expires_at.ge(Ts(last - LONGEST_LEEWAY)));
        let accepted = value!(self, Option<Ts>, late.select(diesel::dsl::max(tokens::accepted_until)))?;
        Ok(LiveTokens { live: count(live), last_exp: Some(last), accepted_until: accepted.map(|at| at.0) })
    }

    async fn tokens_outlast(
        &self,
        target: TargetId,
        now: Timestamp,
        life: TimeDelta,
    ) -> Read<Option<Timestamp>> {
        let after = |at: Timestamp| {
            tokens::table
                .inner_join(grants::table)
                .filter(tokens::target_id.eq(Uid(target.0)))
                .filter(tokens::expires_at.gt(Ts(at)))
                .select(diesel::dsl::max(tokens::expires_at))
        };
        let longest = value!(self, Option<Ts>, after(now + life))?.map(|at| at.0 - life);
        let over = tokens::revoked_at.is_not_null().or(grants::state.ne(GrantState::Active.as_str()));
        let over = value!(self, Option<Ts>, after(now).filter(over))?.map(|at| at.0);
        Ok(longest.max(over))
    }
}
