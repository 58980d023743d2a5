//! Verification, offline: the server of these tests does not exist.
use std::collections::BTreeMap;
use std::path::PathBuf;

use hallpass_domain::audit::export::{BLOCK, Block, FORMAT, Header, event_line};
use hallpass_domain::audit::{
    Checkpoint, Event, Frontier, Hash, NewEvent, NodeMap, NoteSigner, Receipt, Salt, append_nodes, proof,
};
use serde_json::{Value, json};

use crate::kit::{Home, Ran};
use crate::sample;

struct Log {
    events: Vec<Event>,
    private: Vec<(Value, Salt)>,
    nodes: NodeMap,
    signer: NoteSigner,
}

impl Log {
    fn new(size: u64) -> Self {
        let mut private = Vec::new();
        let events: Vec<Event> = (0..size)
            .map(|n| {
                let (names, salt) = (json!({"name": format!("Person {n}")}), Salt::from_bytes([n as u8; 32]));
                private.push((names.clone(), salt));
                Event::new(NewEvent {
                    id: uuid::Uuid::from_u128(u128::from(n)),
                    at: "2026-11-23T16:00:00Z".parse().unwrap(),
                    kind: "grant.ended".to_owned(),
                    actor: "system:expiry".to_owned(),
                    subjects: BTreeMap::from([("grant".to_owned(), sample::GRANT.to_owned())]),
                    data: json!({"n": n, "digest": "d1"}),
                    private: names,
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

    fn checkpoint(&self, size: u64) -> String {
        let root = proof::root_at(&self.nodes, size).unwrap();
        Checkpoint { origin: "hallpass.example/audit".to_owned(), size, root }.sign(&self.signer).unwrap()
    }

    fn vkey(&self) -> String {
        self.signer.verifier().to_string()
    }

    fn export(&self) -> String {
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

    fn receipt(&self, indexes: &[u64]) -> Value {
        let size = self.events.len() as u64;
        let events: Vec<Value> = indexes.iter()
            .map(|index| {
                let at = usize::try_from(*index).unwrap();
                let proof = proof::inclusion_proof(&self.nodes, *index, size).unwrap();
                let leaf = self.events[at].leaf().unwrap().into_bytes();
                let text = Receipt { leaf: Some(leaf), index: *index, proof, checkpoint: self.checkpoint(size) }.to_text();
                json!({"tlog_proof": text, "private": self.private[at].0, "salt": self.private[at].1.to_hex()})
            })
            .collect();
        json!({
            "version": 1, "instance": "https://access.example.org", "made_at": "2026-11-23T17:00:00Z", "unsealed": 0, "vkey": self.vkey(), "events": events,
            "grant": sample::grant("db-read", "postgresql_login", "ended", "2026-11-23T16:30:00Z"), "request": sample::request("approved", "low"),
        })
    }
}

fn file(home: &Home, name: &str, text: &str) -> PathBuf {
    let path = home.dir.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn verify(home: &Home, args: &[&str]) -> Ran {
    let args: Vec<&str> = ["audit", "verify"].iter().chain(args).copied().collect();
    Ran::of(home.command("", &args).env_remove("HALLPASS_SERVER").output().unwrap())
}

#[test]
fn an_export_verifies_and_a_changed_event_is_named() {
    let (log, home) = (Log::new(300), Home::new());
    let export = log.export();
    file(&home, "good", &export);
    file(
        &home,
        "bad",
        &export.replacen("\"n\":123,", "\"n\":999,", 1).replacen("\"n\":123}", "\"n\":999}", 1),
    );
    file(&home, "short", &export[..export.trim_end().rfind('\n').unwrap() + 1]);
    file(&home, "held", &log.checkpoint(290));
    file(&home, "vkey", &log.vkey());
    file(
        &home,
        "other",
        &NoteSigner::from_seed("hallpass.example/audit", &[4; 32]).unwrap().verifier().to_string(),
    );
    let ran =
        verify(&home, &["--export", "good", "--checkpoint", "held", "--vkey", "vkey", "--json"]).expect(0);
    assert_eq!((ran.json()["size"].as_u64(), ran.json()["held_to"].as_u64()), (Some(300), Some(290)));
    let ran = verify(&home, &["--export", "good", "--checkpoint", "held"]).expect(0);
    assert!(ran.out.contains("10 events rest on the export's own key: not proved"), "{}", ran.out);
    let ran =
        verify(&home, &["--export", "bad", "--checkpoint", "held", "--vkey", "vkey", "--json"]).expect(1);
    let last: Value = serde_json::from_str(ran.err.lines().last().unwrap()).unwrap();
    assert_eq!(
        (last["code"].as_str(), last["details"]["index"].as_u64()),
        (Some("not_verified"), Some(123)),
        "{}",
        ran.err
    );
    verify(&home, &["--export", "short", "--checkpoint", "held", "--vkey", "vkey"]).expect(1);
    verify(&home, &["--export", "good", "--checkpoint", "held", "--vkey", "other"]).expect(1);
    verify(&home, &["--export", "good"]).expect(2);
    verify(&home, &["--export", "absent", "--checkpoint", "held"]).expect(2);
}

#[test]
fn a_receipt_needs_a_key_of_ones_own() {
    let (log, home) = (Log::new(40), Home::new());
    let good = log.receipt(&[3, 17, 39]);
    file(&home, "good", &good.to_string());
    file(&home, "vkey", &log.vkey());
    let ran = verify(&home, &["--receipt", "good", "--vkey", "vkey"]).expect(0);
    assert!(
        ran.out.contains("3 events proved") && ran.out.contains("#17 ") && ran.out.contains("Person 17"),
        "{}",
        ran.out
    );
    let ran = verify(&home, &["--receipt", "good"]).expect(1);
    assert!(ran.err.contains("--vkey"), "{}", ran.err);
    // The key that the first login remembered will do.
    let config = home.config().join("default");
    std::fs::create_dir_all(&config).unwrap();
    std::fs::write(config.join("https___access.example.org.vkey"), log.vkey()).unwrap();
    verify(&home, &["--receipt", "good"]).expect(0);
    type Change = fn(&mut Value);
    let changes: [(&str, Change); 5] = [
        ("another name", |r| r["events"][1]["private"]["name"] = json!("Somebody else")),
        ("another grant", |r| {
            r["grant"]["id"] = json!("0193572e-0000-7000-8000-000000000002");
            r["request"]["id"] = json!("r2");
        }),
        ("another digest", |r| r["request"]["digest"] = json!("d2")),
        ("another proof", |r| r["events"][0]["tlog_proof"] = r["events"][1]["tlog_proof"].clone()),
        ("no events", |r| r["events"] = json!([])),
    ];
    for (what, change) in changes {
        let mut bad = good.clone();
        change(&mut bad);
        file(&home, "bad", &bad.to_string());
        let ran = verify(&home, &["--receipt", "bad", "--vkey", "vkey"]);
        assert_eq!((ran.code, ran.out.as_str()), (1, ""), "{what}: {ran:?}");
    }
}
