//! Credentials and access tokens.
use diesel::prelude::*;
use hallpass_domain::credential::{Credential, CredentialState, Plan, Probe, Token};
use hallpass_domain::ids::{ClientId, CredentialId, GrantId, TargetId, TokenId};
use hallpass_domain::role::CredentialKind;
use hallpass_domain::secret::SecretHash;

use super::{BadRow, Row};
use crate::db::types::{Digest, Json, Ts, Uid, Word};
use crate::schema::{credentials, tokens};

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = credentials, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct CredentialRow {
    pub(crate) id: Uid,
    pub(crate) grant_id: Uid,
    pub(crate) target_id: Uid,
    pub(crate) kind: Word<CredentialKind>,
    pub(crate) state: Word<CredentialState>,
    pub(crate) external_name: String,
    pub(crate) plan: Json<Plan>,
    pub(crate) not_after: Ts,
    pub(crate) create_deadline: Ts,
    pub(crate) due_at: Ts,
    pub(crate) intended_at: Ts,
    pub(crate) live_at: Option<Ts>,
    pub(crate) probe: Option<Json<Probe>>,
    pub(crate) denied_at: Option<Ts>,
    pub(crate) sessions_ended_at: Option<Ts>,
    pub(crate) sessions_cut: Option<i32>,
    pub(crate) removed_at: Option<Ts>,
    pub(crate) verified_at: Option<Ts>,
    pub(crate) attempts: i32,
    pub(crate) next_attempt_at: Ts,
    pub(crate) last_error: Option<String>,
    pub(crate) alerted_at: Option<Ts>,
    pub(crate) claimed_by: Option<String>,
    pub(crate) claimed_until: Option<Ts>,
    pub(crate) fence: i64,
    pub(crate) external_oid: Option<i64>,
    pub(crate) claimable_at: Ts,
    pub(crate) version: i64,
}

impl From<&Credential> for CredentialRow {
    fn from(n: &Credential) -> Self {
        let work_at = n.due_at.max(n.next_attempt_at);
        let claimable_at = n.claimed_until.map_or(work_at, |until| until.max(work_at));
        Self {
            id: Uid(n.id.0),
            grant_id: Uid(n.grant_id.0),
            target_id: Uid(n.target_id.0),
            kind: Word(n.kind),
            state: Word(n.state),
            external_name: n.external_name.clone(),
            plan: Json(n.plan.clone()),
            not_after: Ts(n.not_after),
            create_deadline: Ts(n.create_deadline),
            due_at: Ts(n.due_at),
            intended_at: Ts(n.intended_at),
            live_at: n.live_at.map(Ts),
            probe: n.probe.clone().map(Json),
            denied_at: n.denied_at.map(Ts),
            sessions_ended_at: n.sessions_ended_at.map(Ts),
            sessions_cut: n.sessions_cut,
            removed_at: n.removed_at.map(Ts),
            verified_at: n.verified_at.map(Ts),
            attempts: n.attempts,
            next_attempt_at: Ts(n.next_attempt_at),
            last_error: n.last_error.clone(),
            alerted_at: n.alerted_at.map(Ts),
            claimed_by: n.claimed_by.clone(),
            claimed_until: n.claimed_until.map(Ts),
            fence: n.fence,
            external_oid: n.external_oid,
            claimable_at: Ts(claimable_at),
            version: n.version,
        }
    }
}
impl Row for CredentialRow {
    type Noun = Credential;
    fn noun(self) -> Result<Credential, BadRow> {
        Ok(Credential {
            id: CredentialId(self.id.0),
            grant_id: GrantId(self.grant_id.0),
            target_id: TargetId(self.target_id.0),
            kind: self.kind.0,
            state: self.state.0,
            external_name: self.external_name,
            plan: self.plan.0,
            not_after: self.not_after.0,
            create_deadline: self.create_deadline.0,
            due_at: self.due_at.0,
            intended_at: self.intended_at.0,
            live_at: self.live_at.map(|at| at.0),
            probe: self.probe.map(|p| p.0),
            denied_at: self.denied_at.map(|at| at.0),
            sessions_ended_at: self.sessions_ended_at.map(|at| at.0),
            sessions_cut: self.sessions_cut,
            removed_at: self.removed_at.map(|at| at.0),
            verified_at: self.verified_at.map(|at| at.0),
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at.0,
            last_error: self.last_error,
            alerted_at: self.alerted_at.map(|at| at.0),
            claimed_by: self.claimed_by,
            claimed_until: self.claimed_until.map(|at| at.0),
            fence: self.fence,
            external_oid: self.external_oid,
            version: self.version,
        })
    }
}

#[derive(Debug, Queryable, Selectable, AsChangeset)]
#[diesel(table_name = tokens, treat_none_as_null = true)]
pub(crate) struct TokenRow {
    pub(crate) id: Uid,
    pub(crate) hash: Digest,
    pub(crate) grant_id: Uid,
    pub(crate) target_id: Uid,
    pub(crate) client_id: Option<Uid>,
    pub(crate) issued_at: Ts,
    pub(crate) expires_at: Ts,
    pub(crate) accepted_until: Option<Ts>,
    pub(crate) revoked_at: Option<Ts>,
    pub(crate) version: i64,
}

/// The columns that a revocation changes, and nothing else: no index and no foreign key of the row is touched.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RevokedToken {
    pub(crate) id: Uid,
    pub(crate) at: Ts,
    /// After it.
    pub(crate) version: i64,
}

impl From<&Token> for TokenRow {
    fn from(n: &Token) -> Self {
        Self {
            id: Uid(n.id.0),
            hash: Digest(n.hash.0),
            grant_id: Uid(n.grant_id.0),
            target_id: Uid(n.target_id.0),
            client_id: n.client_id.map(|id| Uid(id.0)),
            issued_at: Ts(n.issued_at),
            expires_at: Ts(n.expires_at),
            accepted_until: n.accepted_until.map(Ts),
            revoked_at: n.revoked_at.map(Ts),
            version: n.version,
        }
    }
}
impl Row for TokenRow {
    type Noun = Token;
    fn noun(self) -> Result<Token, BadRow> {
        Ok(Token {
            id: TokenId(self.id.0),
            hash: SecretHash(self.hash.0),
            grant_id: GrantId(self.grant_id.0),
            target_id: TargetId(self.target_id.0),
            client_id: self.client_id.map(|id| ClientId(id.0)),
            issued_at: self.issued_at.0,
            expires_at: self.expires_at.0,
            accepted_until: self.accepted_until.map(|at| at.0),
            revoked_at: self.revoked_at.map(|at| at.0),
            version: self.version,
        })
    }
}
