//! The audit log as stored.
use std::cmp::Reverse;
use std::collections::HashSet;

use async_trait::async_trait;
use chrono::Duration;
use diesel::dsl::sql;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Text};
use hallpass_domain::Timestamp;
use hallpass_domain::audit::event::Event;
use hallpass_domain::audit::merkle::Hash;
use hallpass_domain::ids::EventId;
use hallpass_domain::ports::audit_log::{
    AuditFilter, AuditLog, LogHead, LoggedEvent, Mention, Seal, Unsealed,
};
use hallpass_domain::ports::store::{CommitError, Read};
use uuid::Uuid;

use super::{count, limit, many, one, v7_ceiling, v7_floor, value, values};
use crate::commit::Job;
use crate::db::conn::on_db;
use crate::db::fail::unread;
use crate::db::types::{Digest, Ts, Uid};
use crate::handle::StoreHandle;
use crate::rows::audit::{EventRow, NodeRow, family};
use crate::schema::{audit_events, audit_head, audit_nodes, audit_subjects};

const UNSEALED: &str = "audit_events.leaf_index IS NULL";
/// An event's id is made at its time. So much apart they may be and are still found by time.
const APART: Duration = Duration::hours(1);

/// The events that a filter lets through, newest first, without what it says of subjects.
macro_rules! filtered {
    ($filter:expr, $after:expr, $rows:expr) => {{
        let (filter, after): (&AuditFilter, Option<Uuid>) = ($filter, $after);
        // Time is narrowed by the id, which every index here ends with, and then exactly.
        let oldest = filter.from.and_then(|at| at.checked_sub_signed(APART)).map(v7_floor);
        let newest = filter.until.and_then(|at| at.checked_add_signed(APART)).map(v7_ceiling);
        let mut query = audit_events::table.into_boxed();
        match filter.kind.as_deref() {
            Some(kind) if kind.ends_with('.') => {
                query = query.filter(audit_events::family.eq(family(kind)));
                if family(kind) != kind {
                    query = query.filter(
                        audit_events::kind.like(format!("{}%", kind.replace('_', "\\_"))).escape('\\'),
                    );
                }
            }
            Some(kind) => query = query.filter(audit_events::kind.eq(kind)),
            None => {}
        }
        if let Some(actor) = &filter.actor {
            query = query.filter(audit_events::actor.eq(actor));
        }
        if let Some(from) = filter.from {
            query = query.filter(audit_events::at.ge(Ts(from)));
        }
        if let Some(until) = filter.until {
            query = query.filter(audit_events::at.lt(Ts(until)));
        }
        if let Some(oldest) = oldest {
            query = query.filter(audit_events::id.ge(Uid(oldest)));
        }
        if let Some(before) = newest.into_iter().chain(after).min() {
            query = if Some(before) == after {
                query.filter(audit_events::id.lt(Uid(before)))
            } else {
                query.filter(audit_events::id.le(Uid(before)))
            };
        }
        query.order(audit_events::id.desc()).limit(limit($rows))
    }};
}

impl StoreHandle {
    /// Events about something that wait for their seal on SQLite, where the table of subjects does not know them yet.
    async fn unsealed_about(
        &self,
        (noun, id): &(String, String),
        filter: &AuditFilter,
        after: Option<Uuid>,
        rows: u32,
    ) -> Read<Vec<LoggedEvent>> {
        many!(self, EventRow, {
            let about = sql::<Bool>(UNSEALED)
                .sql(" AND EXISTS (SELECT 1 FROM json_each(CASE WHEN json_valid(audit_events.subjects) THEN audit_events.subjects ELSE '{}' END) WHERE key = ")
                .bind::<Text, _>(noun)
                .sql(" AND value = ")
                .bind::<Text, _>(id)
                .sql(")");
            filtered!(filter, after, rows).filter(about)
        })
    }
}

#[async_trait]
impl AuditLog for StoreHandle {
    async fn events(&self, filter: &AuditFilter, after: Option<Uuid>, rows: u32) -> Read<Vec<LoggedEvent>> {
        let Some(subject) = &filter.subject else {
            return many!(self, EventRow, filtered!(filter, after, rows));
        };
        // Read first: what is sealed meanwhile is found twice, not missed.
        let waiting = if self.is_shared() {
            Vec::new()
        } else {
            self.unsealed_about(subject, filter, after, rows).await?
        };
        let mut found = many!(self, EventRow, {
            let ids = audit_subjects::table
                .select(audit_subjects::event_id)
                .filter(audit_subjects::noun.eq(&subject.0))
                .filter(audit_subjects::subject_id.eq(&subject.1));
            filtered!(filter, after, rows).filter(audit_events::id.eq_any(ids))
        })?;
        if !waiting.is_empty() {
            let known: HashSet<Uuid> = found.iter().map(|e| e.event.parts().id).collect();
            found.extend(waiting.into_iter().filter(|e| !known.contains(&e.event.parts().id)));
            found.sort_unstable_by_key(|e| Reverse(e.event.parts().id));
            found.truncate(usize::try_from(limit(rows)).unwrap_or(usize::MAX));
        }
        Ok(found)
    }

    async fn mentions(&self, noun: &str, subjects: &[String], rows: u32) -> Read<Vec<Mention>> {
        // Read first, as above.
        let mut found = if self.is_shared() {
            Vec::new()
        } else {
            // They are held against each event that waits, so they come as one list, which SQLite indexes once.
            let list = serde_json::json!(subjects).to_string();
            values!(
                self,
                (String, Uid, String),
                audit_events::table
                    .filter(
                        sql::<Bool>(UNSEALED)
                            .sql(" AND json_valid(audit_events.subjects) AND json_extract(audit_events.subjects, '$.' || ")
                            .bind::<Text, _>(noun)
                            .sql(") IN (SELECT value FROM json_each(")
                            .bind::<Text, _>(&list)
                            .sql("))")
                    )
                    .limit(limit(rows))
                    .select((
                        sql::<Text>("json_extract(audit_events.subjects, '$.' || ").bind::<Text, _>(noun).sql(")"),
                        audit_events::id,
                        audit_events::kind
                    ))
            )?
        };
        found.extend(values!(
            self,
            (String, Uid, String),
            audit_subjects::table
                .inner_join(audit_events::table.on(audit_events::id.eq(audit_subjects::event_id)))
                .filter(audit_subjects::noun.eq(noun))
                .filter(audit_subjects::subject_id.eq_any(subjects))
                .limit(limit(rows))
                .select((audit_subjects::subject_id, audit_events::id, audit_events::kind))
        )?);
        found.truncate(usize::try_from(limit(rows)).unwrap_or(usize::MAX));
        Ok(found
            .into_iter()
            .map(|(subject, event, kind)| Mention { subject, event: EventId(event.0), kind })
            .collect())
    }

    async fn sealed_events(&self, first: u64, rows: u32) -> Read<Vec<LoggedEvent>> {
        let first = i64::try_from(first).unwrap_or(i64::MAX);
        many!(
            self,
            EventRow,
            audit_events::table
                .filter(audit_events::leaf_index.ge(Some(first)))
                .order(audit_events::leaf_index.asc())
                .limit(limit(rows))
        )
    }

    async fn unsealed(&self, rows: u32) -> Read<Vec<Unsealed>> {
        let waiting = values!(
            self,
            (Uid, String, Option<Digest>),
            audit_events::table
                .filter(sql::<Bool>(UNSEALED))
                .order(audit_events::id.asc())
                .limit(limit(rows))
                .select((audit_events::id, audit_events::kind, audit_events::leaf_hash))
        )?;
        let mut unsealed = Vec::with_capacity(waiting.len());
        for (id, kind, hash) in waiting {
            let id = EventId(id.0);
            let leaf_hash = match hash {
                Some(hash) => Hash::from_bytes(hash.0),
                // From before hashes were stored with their events.
                None => match self.event(id).await? {
                    Some(event) => event.leaf_hash(),
                    None => continue,
                },
            };
            unsealed.push(Unsealed { id, kind, leaf_hash });
        }
        Ok(unsealed)
    }

    async fn event(&self, id: EventId) -> Read<Option<Event>> {
        let row = one!(self, EventRow, audit_events::table.find(Uid(id.0)))?;
        Ok(row.map(|logged| logged.event))
    }

    async fn unsealed_tail(&self) -> Read<(u64, Option<Timestamp>)> {
        let waiting = || audit_events::table.filter(sql::<Bool>(UNSEALED));
        let tail = value!(self, i64, waiting().count())?;
        let oldest = value!(self, Option<Ts>, waiting().select(diesel::dsl::min(audit_events::at)))?;
        Ok((count(tail), oldest.map(|at| at.0)))
    }

    async fn log_head(&self) -> Read<LogHead> {
        let (size, checkpoint, frontier, sealed_at) = value!(
            self,
            (i64, Option<String>, Option<String>, Option<Ts>),
            audit_head::table.find(1).select((
                audit_head::size,
                audit_head::checkpoint,
                audit_head::frontier,
                audit_head::sealed_at
            ))
        )?;
        Ok(LogHead { size: count(size), checkpoint, frontier, sealed_at: sealed_at.map(|at| at.0) })
    }

    async fn seal(&self, seal: Seal) -> Result<(), CommitError> {
        self.write(Job::Seal(Box::new(seal))).await.map(drop)
    }

    async fn nodes(&self, wanted: &[(u8, u64)]) -> Read<Vec<((u8, u64), Hash)>> {
        let mut reader = self.reader().await?;
        let mut db = reader.db();
        let mut found = Vec::with_capacity(wanted.len());
        let mut levels: Vec<u8> = wanted.iter().map(|(level, _)| *level).collect();
        levels.sort_unstable();
        levels.dedup();
        for level in levels {
            let places: Vec<i64> = wanted
                .iter()
                .filter(|(l, _)| *l == level)
                .filter_map(|(_, p)| i64::try_from(*p).ok())
                .collect();
            for places in places.chunks(500) {
                let rows: QueryResult<Vec<NodeRow>> = on_db!(
                    &mut db,
                    load,
                    audit_nodes::table
                        .filter(audit_nodes::level.eq(i32::from(level)))
                        .filter(audit_nodes::place.eq_any(places))
                        .select(NodeRow::as_select())
                );
                for row in rows.map_err(unread)? {
                    found.push(((level, count(row.place)), Hash::from_bytes(row.hash.0)));
                }
            }
        }
        Ok(found)
    }
}
