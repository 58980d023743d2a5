//! Audit events, their subjects, nodes of the tree.
use std::collections::BTreeMap;

use diesel::prelude::*;
use hallpass_domain::audit::event::{Event, EventParts, Opening, Salt};
use hallpass_domain::audit::merkle::Hash;
use hallpass_domain::ports::audit_log::LoggedEvent;
use serde_json::Value;

use super::{BadRow, Row};
use crate::db::types::{Digest, Json, JsonText, Ts, Uid};
use crate::schema::{audit_events, audit_nodes};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = audit_events)]
pub(crate) struct EventRow {
    pub(crate) id: Uid,
    pub(crate) at: Ts,
    pub(crate) kind: String,
    pub(crate) actor: String,
    pub(crate) subjects: Json<BTreeMap<String, String>>,
    pub(crate) data: Json<Value>,
    pub(crate) commitment: Digest,
    pub(crate) private: Option<Json<Value>>,
    pub(crate) salt: Option<Digest>,
    pub(crate) leaf_index: Option<i64>,
    pub(crate) leaf_hash: Option<Digest>,
}

/// A kind up to and with its first dot; the whole kind where it has none.
pub(crate) fn family(kind: &str) -> &str {
    kind.split_inclusive('.').next().unwrap_or(kind)
}

/// An event as it is written: not sealed yet, its nested values as the text that is stored.
#[derive(Debug)]
pub(crate) struct NewEventRow {
    pub(crate) id: Uid,
    pub(crate) at: Ts,
    pub(crate) kind: String,
    pub(crate) family: String,
    pub(crate) actor: String,
    pub(crate) subjects: JsonText,
    pub(crate) data: JsonText,
    pub(crate) commitment: Digest,
    pub(crate) private: Option<JsonText>,
    pub(crate) salt: Option<Digest>,
    pub(crate) leaf_hash: Digest,
}

impl NewEventRow {
    /// Errors where something in it has no JSON, which an event of ours always has.
    pub(crate) fn of(event: &Event) -> serde_json::Result<Self> {
        let parts = event.parts();
        Ok(Self {
            id: Uid(parts.id),
            at: Ts(parts.at),
            kind: parts.kind.clone(),
            family: family(&parts.kind).to_owned(),
            actor: parts.actor.clone(),
            subjects: JsonText::of(&parts.subjects)?,
            data: JsonText::of(&parts.data)?,
            commitment: Digest(*parts.private_commitment.as_bytes()),
            private: parts.opening.as_ref().map(|o| JsonText::of(&o.private)).transpose()?,
            salt: parts.opening.as_ref().map(|o| Digest(*o.salt.as_bytes())),
            leaf_hash: Digest(*event.leaf_hash().as_bytes()),
        })
    }
}

impl Row for EventRow {
    type Noun = LoggedEvent;
    fn noun(self) -> Result<LoggedEvent, BadRow> {
        let bad = |why: &dyn std::fmt::Display| BadRow::new("audit event", why);
        let index = self.leaf_index.map(u64::try_from).transpose().map_err(|e| bad(&e))?;
        let opening = match (self.private, self.salt) {
            (Some(private), Some(salt)) => {
                Some(Opening { private: private.0, salt: Salt::from_bytes(salt.0) })
            }
            _ => None,
        };
        let event = Event::from_parts(EventParts {
            id: self.id.0,
            at: self.at.0,
            kind: self.kind,
            actor: self.actor,
            subjects: self.subjects.0,
            data: self.data.0,
            private_commitment: Hash::from_bytes(self.commitment.0),
            opening,
        })
        .map_err(|e| bad(&e))?;
        // It is a leaf's once there is one.
        let leaf_hash = self.leaf_hash.filter(|_| index.is_some()).map(|h| Hash::from_bytes(h.0));
        Ok(LoggedEvent { index, leaf_hash, event })
    }
}

#[derive(Debug, Queryable, Selectable, Insertable)]
#[diesel(table_name = audit_nodes)]
pub(crate) struct NodeRow {
    pub(crate) level: i32,
    pub(crate) place: i64,
    pub(crate) hash: Digest,
}
