//! A log as a server would have it, with its export and the proofs of its events.
use std::path::PathBuf;

use hallpass_domain::audit::export::{BLOCK, Block, FORMAT, Header, event_line};
use hallpass_domain::audit::{
    Checkpoint, Event, Frontier, Hash, NewEvent, NodeMap, NoteSigner, Receipt, Salt, append_nodes, proof,
};
use serde_json::{Value, json};

use crate::kit::{Home, Ran};
use crate::sample;

/// What an event says.
pub(crate) struct Told {
    pub(crate) at: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) actor: &'static str,
    pub(crate) subjects: Value,
    pub(crate) data: Value,
    pub(crate) private: Value,
}

pub(crate) struct Log {
    pub(crate) events: Vec<Event>,
    private: Vec<(Value, Salt)>,
    nodes: NodeMap,
    signer: NoteSigner,
}

impl Log {
    /// So many events without much to say.
    pub(crate) fn new(size: u64) -> Self {
        Self::of((0..size).map(|n| Told {
            at: "2026-11-23T16:00:00Z",
            kind: "grant.ended",
            actor: "system:expiry",
            subjects: json!({"grant": sample::GRANT}),
            data: json!({"n": n, "digest": "d1"}),
            private: json!({"name": format!("Person {n}")}),
        }))
    }

    /// These events, in this order.
    pub(crate) fn of(told: impl IntoIterator<Item = Told>) -> Self {
        let mut private = Vec::new();
        let events: Vec<Event> = (0_u8..=u8::MAX)
            .cycle()
            .zip(told)
            .enumerate()
            .map(|(n, (byte, told))| {
                let salt = Salt::from_bytes([byte; 32]);
                private.push((told.private.clone(), salt));
                Event::new(NewEvent {
                    id: uuid::Uuid::from_u128(n as u128),
                    at: told.at.parse().unwrap(),
                    kind: told.kind.to_owned(),
                    actor: told.actor.to_owned(),
                    subjects: serde_json::from_value(told.subjects).unwrap(),
                    data: told.data,
                    private: told.private,
                    salt,
                })
                .unwrap()
            })
            .collect();
        let leaves: Vec<Hash> = events.iter().map(|event| event.leaf_hash()).collect();
        let nodes = append_nodes(&mut Frontier::new(), &leaves).into_iter().collect();
        Self {
            events,
            private,
            nodes,
            signer: NoteSigner::from_seed("hallpass.example/audit", &[3; 32]).unwrap(),
        }
    }

    pub(crate) fn checkpoint(&self, size: u64) -> String {
        let root = proof::root_at(&self.nodes, size).unwrap();
        Checkpoint { origin: "hallpass.example/audit".to_owned(), size, root }.sign(&self.signer).unwrap()
    }

    pub(crate) fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    pub(crate) fn export(&self) -> String {
        let size = self.events.len() as u64;
        let header = Header {
            checkpoint: self.checkpoint(size),
            format: FORMAT.to_owned(),
            origin: "hallpass.example/audit".to_owned(),
            size,
            vkey: self.vkey(),
        };
        let mut text = header.to_line().unwrap();
        for (index, event) in (0..size).zip(&self.events) {
            if index % BLOCK == 0 {
                text.push_str(&Block::read(&self.nodes, index / BLOCK, size).unwrap().to_line());
            }
            text.push_str(&event_line(index, event).unwrap());
        }
        text
    }

    /// The events of a receipt: these, with their proofs.
    pub(crate) fn proved(&self, indexes: impl IntoIterator<Item = usize>) -> Vec<Value> {
        let size = self.events.len() as u64;
        indexes.into_iter()
            .map(|at| {
                let proof = proof::inclusion_proof(&self.nodes, at as u64, size).unwrap();
                let leaf = self.events[at].leaf().unwrap().into_bytes();
                let text = Receipt { leaf: Some(leaf), index: at as u64, proof, checkpoint: self.checkpoint(size) }.to_text();
                json!({"tlog_proof": text, "private": self.private[at].0, "salt": self.private[at].1.to_hex()})
            })
            .collect()
    }
}

pub(crate) fn file(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

pub(crate) fn verify(home: &Home, args: &[&str]) -> Ran {
    let args: Vec<&str> = ["audit", "verify"].iter().chain(args).copied().collect();
    Ran::of(home.command("", &args).env_remove("HALLPASS_SERVER").output().unwrap())
}
