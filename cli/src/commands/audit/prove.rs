//! The events of an access receipt: each is in the log, and is about this grant or its request. What the receipt says beside
//! them is compared with them in `compare/`.
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use hallpass_client::wire::receipt::{GrantReceipt, ProvedEvent};
use hallpass_domain::audit::{Checkpoint, Event, EventParts, Hash, Opening, Receipt, VerifierKey};
use serde::Deserialize;
use serde_json::{Value, json};

/// A proved event.
pub(super) struct Proved {
    pub(super) index: u64,
    pub(super) at: DateTime<Utc>,
    pub(super) kind: String,
    pub(super) actor: String,
    pub(super) subjects: BTreeMap<String, String>,
    pub(super) data: Value,
    /// Names and reasons, checked against what was sealed of them; none where they were erased or left out.
    pub(super) private: Option<Value>,
}

/// Everything that is proved, and the state of the log that all of it leads to.
pub(super) struct Evidence {
    pub(super) events: Vec<Proved>,
    pub(super) checkpoint: Checkpoint,
}

impl Proved {
    /// For `--json`.
    pub(super) fn json(&self) -> Value {
        json!({ "index": self.index, "at": self.at, "kind": self.kind, "actor": self.actor, "subjects": self.subjects, "data": self.data, "private": self.private })
    }
}

/// The leaf as canonical JSON has it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Leaf {
    actor: String,
    at: DateTime<Utc>,
    data: Value,
    id: uuid::Uuid,
    kind: String,
    private_commitment: String,
    subjects: BTreeMap<String, String>,
    v: u32,
}

/// Checks every event. The error names the first that fails.
pub(super) fn events(receipt: &GrantReceipt, keys: &[VerifierKey]) -> Result<Evidence, String> {
    if receipt.version != 1 {
        return Err(format!(
            "The receipt is of version {}, which this command does not know",
            receipt.version
        ));
    }
    let (mut proved, mut led_to): (Vec<Proved>, Option<Checkpoint>) = (Vec::new(), None);
    for (place, event) in receipt.events.iter().enumerate() {
        let (event, checkpoint) = one(receipt, event, keys)
            .map_err(|why| format!("The receipt's event {} is NOT proved: {why}", place + 1))?;
        if *led_to.get_or_insert_with(|| checkpoint.clone()) != checkpoint {
            return Err("The receipt's events lead to different checkpoints".to_owned());
        }
        if proved.last().is_some_and(|before| before.index >= event.index) {
            return Err("The receipt's events are not in the order of the log".to_owned());
        }
        proved.push(event);
    }
    let Some(checkpoint) = led_to else {
        return Err("The receipt proves nothing: it has no events".to_owned());
    };
    Ok(Evidence { events: proved, checkpoint })
}

fn one(
    receipt: &GrantReceipt,
    event: &ProvedEvent,
    keys: &[VerifierKey],
) -> Result<(Proved, Checkpoint), String> {
    let proof = Receipt::parse(&event.tlog_proof).map_err(|error| error.to_string())?;
    let (bytes, checkpoint) = proof.verify_own_leaf(keys).map_err(|error| error.to_string())?;
    let leaf: Leaf =
        serde_json::from_slice(bytes).map_err(|error| format!("its leaf cannot be read: {error}"))?;
    if leaf.v != 1 {
        return Err(format!("its leaf is of version {}", leaf.v));
    }
    let request = receipt.request.as_ref().map(|request| request.id.as_str());
    let about_grant = leaf.subjects.get("grant").is_some_and(|id| *id == receipt.grant.id);
    let about_request = leaf.subjects.get("request").is_some_and(|id| Some(id.as_str()) == request);
    if !about_grant && !about_request {
        return Err("it is about something else than this grant".to_owned());
    }
    // What the receipt shows of the request must be what was sealed of it.
    if let (Some(sealed), Some(shown)) = (leaf.data.get("digest").and_then(Value::as_str), &receipt.request)
        && sealed != shown.digest
    {
        return Err("the digest of the request that the receipt shows is another one".to_owned());
    }
    let opening = match (&event.private, &event.salt) {
        (Some(private), Some(salt)) => Some(Opening {
            private: private.clone(),
            salt: salt.parse().map_err(|error| format!("{error}"))?,
        }),
        (None, None) => None,
        _ => return Err("its names and its salt come without one another".to_owned()),
    };
    let rebuilt = Event::from_parts(EventParts {
        id: leaf.id,
        at: leaf.at,
        kind: leaf.kind,
        actor: leaf.actor,
        subjects: leaf.subjects,
        data: leaf.data,
        private_commitment: commitment(&leaf.private_commitment)?,
        opening,
    })
    .map_err(|error| error.to_string())?;
    // One spelling: what was read is what was hashed, nothing twice and nothing beside it.
    if rebuilt.leaf().is_ok_and(|own| own.as_bytes() != bytes) {
        return Err("its leaf is not in the one spelling of a leaf".to_owned());
    }
    if !rebuilt.commitment_holds() {
        return Err("its names and reasons are not the ones that were sealed".to_owned());
    }
    let parts = rebuilt.into_parts();
    let private = parts.opening.map(|opening| opening.private);
    let proved = Proved {
        index: proof.index,
        at: parts.at,
        kind: parts.kind,
        actor: parts.actor,
        subjects: parts.subjects,
        data: parts.data,
        private,
    };
    Ok((proved, checkpoint))
}

/// 64 lower-case hexadecimal digits.
fn commitment(text: &str) -> Result<Hash, String> {
    let bytes: Option<Vec<u8>> = (0..text.len())
        .step_by(2)
        .map(|at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok()))
        .collect();
    bytes
        .and_then(|bytes| Hash::from_slice(&bytes).ok())
        .ok_or_else(|| "its commitment cannot be read".to_owned())
}
