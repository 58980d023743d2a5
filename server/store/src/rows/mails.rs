//! The outbox.
use diesel::prelude::*;
use hallpass_domain::ids::{GrantId, MailId, RequestId};
use hallpass_domain::mail::{Mail, MailKind, MailModel, MailState};

use super::{BadRow, Row};
use crate::db::types::{Json, Ts, Uid, Word};
use crate::schema::mails;

#[derive(Debug, Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = mails, treat_none_as_default_value = false, treat_none_as_null = true)]
pub(crate) struct MailRow {
    pub(crate) id: Uid,
    pub(crate) kind: Word<MailKind>,
    pub(crate) to_email: String,
    pub(crate) to_name: String,
    pub(crate) request_id: Option<Uid>,
    pub(crate) grant_id: Option<Uid>,
    pub(crate) model: Json<MailModel>,
    pub(crate) state: Word<MailState>,
    pub(crate) queued_at: Ts,
    pub(crate) sent_at: Option<Ts>,
    pub(crate) attempts: i32,
    pub(crate) next_attempt_at: Ts,
    pub(crate) last_error: Option<String>,
    pub(crate) claimed_by: Option<String>,
    pub(crate) claimed_until: Option<Ts>,
    pub(crate) fence: i64,
    pub(crate) claimable_at: Ts,
    pub(crate) version: i64,
}

impl From<&Mail> for MailRow {
    fn from(n: &Mail) -> Self {
        let claimable_at = n.claimed_until.map_or(n.next_attempt_at, |until| until.max(n.next_attempt_at));
        Self {
            id: Uid(n.id.0),
            kind: Word(n.kind),
            to_email: n.to_email.clone(),
            to_name: n.to_name.clone(),
            request_id: n.request_id.map(|id| Uid(id.0)),
            grant_id: n.grant_id.map(|id| Uid(id.0)),
            model: Json(n.model.clone()),
            state: Word(n.state),
            queued_at: Ts(n.queued_at),
            sent_at: n.sent_at.map(Ts),
            attempts: n.attempts,
            next_attempt_at: Ts(n.next_attempt_at),
            last_error: n.last_error.clone(),
            claimed_by: n.claimed_by.clone(),
            claimed_until: n.claimed_until.map(Ts),
            fence: n.fence,
            claimable_at: Ts(claimable_at),
            version: n.version,
        }
    }
}
impl Row for MailRow {
    type Noun = Mail;
    fn noun(self) -> Result<Mail, BadRow> {
        Ok(Mail {
            id: MailId(self.id.0),
            kind: self.kind.0,
            to_email: self.to_email,
            to_name: self.to_name,
            request_id: self.request_id.map(|id| RequestId(id.0)),
            grant_id: self.grant_id.map(|id| GrantId(id.0)),
            model: self.model.0,
            state: self.state.0,
            queued_at: self.queued_at.0,
            sent_at: self.sent_at.map(|at| at.0),
            attempts: self.attempts,
            next_attempt_at: self.next_attempt_at.0,
            last_error: self.last_error,
            claimed_by: self.claimed_by,
            claimed_until: self.claimed_until.map(|at| at.0),
            fence: self.fence,
            version: self.version,
        })
    }
}
