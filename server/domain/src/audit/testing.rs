//! A small log for the tests of this folder.

use std::collections::BTreeMap;

use chrono::{Duration, TimeZone, Utc};
use serde_json::json;
use uuid::Uuid;

use super::checkpoint::Checkpoint;
use super::event::{Event, NewEvent, Salt};
use super::export::{BLOCK, Block, FORMAT, Header, event_line};
use super::frontier::Frontier;
use super::keys::NoteSigner;
use super::merkle::Hash;
use super::nodes::{NodeMap, append_nodes};
use super::proof::root_at;

pub(super) fn new_event(n: u64) -> NewEvent {
    let id = |n: u64| Uuid::from_u128(u128::from(n));
    let start = Utc.with_ymd_and_hms(2026, 1, 1, 0, 0, 0).unwrap();
    NewEvent {
        id: id(n),
        at: start + Duration::seconds(n as i64) + Duration::microseconds(n as i64),
        kind: "request.submitted".to_owned(),
        actor: format!("user:{}", id(n)),
        subjects: BTreeMap::from([
            ("request".to_owned(), id(n).to_string()),
            ("grant".to_owned(), id(n + 1).to_string()),
        ]),
        data: json!({"state": "pending", "n": n}),
        private: json!({"name": format!("Person {n}"), "reason": "a \"reason\""}),
        salt: Salt::from_bytes([n as u8; 32]),
    }
}

pub(super) struct Log {
    pub(super) events: Vec<Event>,
    pub(super) nodes: NodeMap,
    pub(super) signer: NoteSigner,
}

impl Log {
    pub(super) fn new(size: u64) -> Self {
        Self::of((0..size).map(|n| Event::new(new_event(n)).unwrap()).collect())
    }

    pub(super) fn of(events: Vec<Event>) -> Self {
        let leaves: Vec<Hash> = events.iter().map(|event| event.leaf_hash()).collect();
        let nodes = append_nodes(&mut Frontier::new(), &leaves).into_iter().collect();
        Self { events, nodes, signer: NoteSigner::from_seed("hallpass.example/audit", &[3; 32]).unwrap() }
    }

    pub(super) fn checkpoint(&self, size: u64) -> String {
        let root = root_at(&self.nodes, size).unwrap();
        let origin = self.signer.verifier().name().to_owned();
        Checkpoint { origin, size, root }.sign(&self.signer).unwrap()
    }

    pub(super) fn header(&self, size: u64) -> Header {
        Header {
            checkpoint: self.checkpoint(size),
            format: FORMAT.to_owned(),
            origin: self.signer.verifier().name().to_owned(),
            size,
            vkey: self.signer.verifier().to_string(),
        }
    }

    pub(super) fn block(&self, block: u64, size: u64) -> Block {
        Block::read(&self.nodes, block, size).unwrap()
    }

    /// The lines after the header, of an export of the first `size` events.
    pub(super) fn lines(&self, size: u64) -> Vec<String> {
        let mut lines = Vec::new();
        for (index, event) in (0..size).zip(&self.events) {
            if index % BLOCK == 0 {
                lines.push(self.block(index / BLOCK, size).to_line());
            }
            lines.push(event_line(index, event).unwrap());
        }
        lines
    }
}
