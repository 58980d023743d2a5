//! Access tokens.
use std::collections::HashMap;

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

use super::{count, limit, many, one, value, values};
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

    async fn live_tokens(&self, grants: &[GrantId], now: Timestamp) -> Read<HashMap<GrantId, LiveTokens>> {
        let ids: Vec<Uid> = grants.iter().map(|grant| Uid(grant.0)).collect();
        let of_grant = || tokens::table.filter(tokens::grant_id.eq(grants::id));
        let live = of_grant().filter(tokens::expires_at.gt(Ts(now))).filter(tokens::revoked_at.is_null());
        let last = of_grant().select(diesel::dsl::max(tokens::expires_at));
        let counted = values!(
            self,
            (Uid, Option<i64>, Option<Ts>),
            grants::table.filter(grants::id.eq_any(&ids)).select((
                grants::id,
                live.count().single_value(),
                last.single_value()
            ))
        )?;
        // Only those that end within a leeway of the last one can be accepted longer than it.
        let late = counted.iter().filter_map(|(_, _, last)| *last).map(|last| last.0 - LONGEST_LEEWAY).min();
        let accepted: HashMap<Uid, Option<Ts>> = match late {
            None => HashMap::new(),
            Some(late) => values!(
                self,
                (Uid, Option<Ts>),
                grants::table.filter(grants::id.eq_any(&ids)).select((
                    grants::id,
                    of_grant()
                        .filter(tokens::expires_at.ge(Ts(late)))
                        .select(diesel::dsl::max(tokens::accepted_until))
                        .single_value()
                ))
            )?
            .into_iter()
            .collect(),
        };
        let tokens = |(id, live, last): (Uid, Option<i64>, Option<Ts>)| {
            let accepted_until = accepted.get(&id).copied().flatten().map(|at| at.0);
            let last_exp = last.map(|at| at.0);
            (GrantId(id.0), LiveTokens { live: count(live.unwrap_or(0)), last_exp, accepted_until })
        };
        Ok(counted.into_iter().map(tokens).collect())
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
