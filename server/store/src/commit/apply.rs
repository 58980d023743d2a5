//! A transition as statements.
use diesel::prelude::*;
use hallpass_domain::Timestamp;
use hallpass_domain::audit::event::Event;
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::transition::{Change, Transition};
use uuid::Uuid;

use super::many::{insert_commands, insert_events, insert_tokens, revoke_tokens};
use super::put::{move_catalogue, put, put_answer};
use super::rested::{rest_on, unused};
use crate::db::conn::{Db, on_db};
use crate::db::fail::Fail;
use crate::db::types::Uid;
use crate::rows::credentials::{RevokedToken, TokenRow};
use crate::rows::mails::MailRow;
use crate::schema::{commands, mails};

/// PostgreSQL takes 65 535 parameters a statement; the widest row here has 18.
pub(super) const ROWS_AT_ONCE: usize = 1_000;

/// Rows of which there are many at a time, gathered so that PostgreSQL gets them in one statement.
#[derive(Debug, Default)]
pub(crate) struct Later<'t> {
    commands: Vec<Uid>,
    pub(super) tokens: Vec<TokenRow>,
    pub(super) revoked: Vec<RevokedToken>,
    pub(super) mails: Vec<MailRow>,
    events: Vec<&'t Event>,
}

impl Later<'_> {
    /// Writes what was gathered.
    pub(crate) async fn flush(self, db: &mut Db<'_>) -> Result<(), Fail> {
        insert_commands(db, self.commands).await?;
        insert_tokens(db, self.tokens).await?;
        revoke_tokens(db, &self.revoked).await?;
        insert_mails(db, &self.mails).await?;
        insert_events(db, &self.events).await
    }
}

/// One row a statement on SQLite (prepared once, no round trip), many on PostgreSQL.
async fn insert_mails(db: &mut Db<'_>, rows: &[MailRow]) -> Result<(), Fail> {
    match db {
        Db::Lite(conn) => {
            for row in rows {
                diesel::RunQueryDsl::execute(diesel::insert_into(mails::table).values(row), &mut **conn)?;
            }
        }
        Db::Pg(conn) => {
            for rows in rows.chunks(ROWS_AT_ONCE) {
                let query = diesel::insert_into(mails::table).values(rows);
                diesel_async::RunQueryDsl::execute(query, &mut **conn).await?;
            }
        }
    }
    Ok(())
}

/// Applies one transition, checking every version with statements.
pub(crate) async fn apply(db: &mut Db<'_>, transition: &Transition) -> Result<(), Fail> {
    if is_recorded(db, transition.command_id.0).await? {
        return Ok(()); // the same command again: what is recorded stands
    }
    for rested in &transition.rested {
        rest_on(db, *rested).await?;
    }
    let mut later = Later::default();
    write(db, transition, &mut later).await?;
    later.flush(db).await
}

/// When a transition was decided: its command's id carries it (UUIDv7, milliseconds).
fn decided_at(transition: &Transition) -> Timestamp {
    let (seconds, nanos) = transition.command_id.0.get_timestamp().map_or((0, 0), |at| at.to_unix());
    i64::try_from(seconds)
        .ok()
        .and_then(|s| Timestamp::from_timestamp(s, nanos))
        .unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Writes everything of a transition but its resting rows, or hands it to `later`.
pub(crate) async fn write<'t>(
    db: &mut Db<'_>,
    transition: &'t Transition,
    later: &mut Later<'t>,
) -> Result<(), Fail> {
    later.commands.push(Uid(transition.command_id.0));
    let mut changes: Vec<&Change> = transition.changes.iter().collect();
    changes.sort_by_key(|change| rank(change));
    for change in changes {
        put(db, change, later).await?;
    }
    if let Some(answer) = &transition.idempotency {
        put_answer(db, answer, decided_at(transition)).await?;
    }
    later.events.extend(&transition.events);
    if moves_catalogue(transition) {
        move_catalogue(db).await?;
    }
    unused(db, &transition.rested).await
}

/// Whether a transition changes anything of the catalogue.
pub(super) fn moves_catalogue(transition: &Transition) -> bool {
    transition.changes.iter().any(|c| matches!(c, Change::User(_) | Change::Client(_) | Change::Catalogue(_)))
}

/// Whether a command was committed before.
pub(super) async fn is_recorded(db: &mut Db<'_>, command: Uuid) -> Result<bool, Fail> {
    let query = commands::table.select(commands::id).find(Uid(command));
    let found: Option<Uid> = on_db!(db, get_result, query).optional()?;
    Ok(found.is_some())
}

/// Order of writing: what is referred to first; in one table what is replaced before what is new (a name may pass from
/// one to the other), by id.
fn rank(change: &Change) -> (u8, bool, Uuid) {
    let (table, version, id) = match change {
        Change::User(n) => (0, n.version, n.id.0),
        Change::Catalogue(c) => match &**c {
            CatalogueChange::Group(n) => (1, n.version, n.id.0),
            CatalogueChange::Workload(n) => (2, n.version, n.id.0),
            CatalogueChange::Workflow(n) => (3, n.version, n.id.0),
            CatalogueChange::Target(n) => (4, n.version, n.id.0),
            CatalogueChange::Role(n) => (5, n.version, n.id.0),
            CatalogueChange::StandingBlock(n) => (18, n.version, n.id.0),
        },
        Change::Account(n) => (6, n.version, n.user_id.0),
        Change::Client(n) => (7, n.version, n.id.0),
        Change::Session(n) => (8, n.version, n.id.0),
        Change::Device(n) => (9, n.version, n.id.0),
        Change::ApiToken(n) => (10, n.version, n.id.0),
        Change::Request(n) => (11, n.version, n.id.0),
        Change::Decision(n) => (12, 1, n.id.0),
        Change::Grant(n) => (13, n.version, n.id.0),
        Change::Credential(n) => (14, n.version, n.id.0),
        Change::TargetCheck(n) => (14, n.version, n.account.id.0),
        Change::Finding(n) => (14, n.version, n.id.0),
        Change::Token(n) => (15, 1, n.id.0),
        Change::RevokeToken { id, version, .. } => (15, *version, id.0),
        Change::Mail(n) => (16, n.version, n.id.0),
        Change::Meta { .. } => (17, 1, Uuid::nil()),
        Change::EndBearers { .. } => (18, 1, Uuid::nil()),
        Change::EraseEvents(_) => (19, 1, Uuid::nil()),
    };
    (table, version == 1, id)
}
