//! A new key for the audit log's checkpoints, under the same origin. The old key vouches for it: it signs a checkpoint over the
//! event that announces the new one, and nothing that covers the rotation. Cut off anywhere and run again, it goes on from there.
use std::time::{Duration, Instant};

use hallpass_adapters::signers::CheckpointKeyRecord;
use hallpass_broker::events::event;
use hallpass_broker::reconcile::seal_audit::RETIRED;
use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::keys::VerifierKey;
use hallpass_domain::ports::audit_log::AuditFilter;
use hallpass_domain::ports::store::{CommitError, ReadError};
use hallpass_domain::transition::{Change, Transition};
use serde_json::{Value, json};

use super::keys::{CHECKPOINT_KEY, NEXT_CHECKPOINT_KEY};
use super::{Composed, StartError};

/// How long sealing and publishing may take, and the pause between two looks.
const PATIENCE: Duration = Duration::from_secs(30);
const LOOK: Duration = Duration::from_millis(100);
/// Announcements that are looked at: a new one stands among the newest.
const ANNOUNCEMENTS: u32 = 50;

/// What was done.
#[derive(Clone, Debug)]
pub struct Rotated {
    /// The verifier key before.
    pub before: String,
    /// The verifier key from now on.
    pub now: String,
    /// The event that announces it, which a checkpoint by the key before covers.
    pub announced: u64,
    /// That checkpoint: a place outside that cannot be read back, such as the log, may not have it.
    pub vouching: String,
    /// Why no checkpoint by the new key is everywhere yet; a server that runs goes on with that.
    pub unpublished: Option<String>,
}

/// A key as it stands in the database: its text, to be replaced only as it was read.
struct Stored {
    text: String,
    record: CheckpointKeyRecord,
}

fn read(error: ReadError) -> StartError {
    StartError(error.to_string())
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError(error.to_string())
}

/// Rotates the key, or brings a rotation that was cut off to its end.
///
/// # Errors
/// The store cannot be written, the announcement did not get out, or somebody else does the same. Then the old key goes on,
/// and it can be run again.
pub async fn rotate(composed: &Composed) -> Result<Rotated, StartError> {
    let current = required(composed, CHECKPOINT_KEY).await?;
    let (before, now, announced, vouching) = match unfinished(composed, &current.record).await? {
        Some((before, note)) => {
            let now = current.record.verifier;
            let announced = announced(composed, &now).await?.unwrap_or_default();
            (before, now, announced, note)
        }
        None => {
            let before: VerifierKey = current.record.verifier.parse().map_err(failed)?;
            let now = announce(composed, &current.record).await?;
            let (announced, note) = vouched_for(composed, &before, &now).await?;
            replace(composed, &before.to_string(), &now).await?;
            (before.to_string(), now, announced, note)
        }
    };
    let unpublished = publish(composed).await?;
    Ok(Rotated { before, now, announced, vouching, unpublished })
}

async fn stored(composed: &Composed, key: &str) -> Result<Option<Stored>, StartError> {
    let Some(text) = composed.broker.store.meta(key).await.map_err(read)? else { return Ok(None) };
    let record = serde_json::from_str(&text)
        .map_err(|e| StartError::because("the stored checkpoint key is damaged", e))?;
    Ok(Some(Stored { text, record }))
}

async fn required(composed: &Composed, key: &str) -> Result<Stored, StartError> {
    stored(composed, key).await?.ok_or_else(somebody_else)
}

fn somebody_else() -> StartError {
    StartError("somebody else changed the log's keys at the same moment. Look with: hallpass audit vkey, and run this again if it is still the old one".to_owned())
}

/// Where a rotation was committed and the new key has signed nothing yet: the key before, and its last checkpoint.
async fn unfinished(
    composed: &Composed,
    current: &CheckpointKeyRecord,
) -> Result<Option<(String, String)>, StartError> {
    let store = &composed.broker.store;
    let retired = store.meta(RETIRED).await.map_err(read)?.unwrap_or_default();
    let Some(note) = store.log_head().await.map_err(read)?.checkpoint else { return Ok(None) };
    let last = retired.lines().next_back().and_then(|last| last.parse::<VerifierKey>().ok());
    let signed = last.filter(|key| key.name() == current.name && covers(&note, key, 0));
    Ok(signed.map(|key| (key.to_string(), note)))
}

/// Whether a note is a checkpoint over the event with this index, signed with this key.
fn covers(note: &str, key: &VerifierKey, index: u64) -> bool {
    Checkpoint::open(note, std::slice::from_ref(key)).is_ok_and(|checkpoint| checkpoint.size > index)
}

/// Makes the successor and announces it, or takes up the one that is announced already; its verifier key.
async fn announce(composed: &Composed, current: &CheckpointKeyRecord) -> Result<String, StartError> {
    let waiting = stored(composed, NEXT_CHECKPOINT_KEY).await?;
    // One that was made for the log before a restore may have signed that log elsewhere: it is never taken up.
    if let Some(waiting) = waiting.as_ref().filter(|waiting| waiting.record.name == current.name) {
        return Ok(waiting.record.verifier.clone());
    }
    let next = CheckpointKeyRecord::generate(&current.name, composed.sealer.as_ref()).map_err(failed)?;
    let now = composed.broker.now();
    let transition = Transition::new(now)
        .with(Change::Meta {
            key: NEXT_CHECKPOINT_KEY.to_owned(),
            expected: waiting.map(|waiting| waiting.text),
            value: Some(serde_json::to_string(&next).map_err(failed)?),
        })
        .event(event(
            now,
            "key.log_announced",
            "system:operator",
            &[],
            json!({ "what": current.name, "vkey_before": current.verifier, "vkey": next.verifier }),
            json!({}),
        ));
    commit(composed, transition).await?;
    Ok(next.verifier)
}

async fn commit(composed: &Composed, transition: Transition) -> Result<(), StartError> {
    match composed.broker.store.commit(transition).await {
        Ok(()) => Ok(()),
        Err(CommitError::Conflict(_)) => Err(somebody_else()),
        Err(error) => Err(failed(error)),
    }
}

/// The index of the event that announces this key, once it is sealed.
async fn announced(composed: &Composed, vkey: &str) -> Result<Option<u64>, StartError> {
    let filter = AuditFilter { kind: Some("key.log_announced".to_owned()), ..AuditFilter::default() };
    let events = composed.broker.store.events(&filter, None, ANNOUNCEMENTS).await.map_err(read)?;
    let found =
        events.iter().find(|e| e.event.parts().data.get("vkey").and_then(Value::as_str) == Some(vkey));
    Ok(found.and_then(|e| e.index))
}

/// Waits until a checkpoint by the old key covers the announcement, in the database and in every place outside; the index of
/// the announcement, and that checkpoint. Servers that run seal, too: the sealers are fenced from one another.
async fn vouched_for(
    composed: &Composed,
    before: &VerifierKey,
    now: &str,
) -> Result<(u64, String), StartError> {
    let over = Instant::now() + PATIENCE;
    loop {
        let report = composed.broker.step_seal_audit().await;
        let index = announced(composed, now).await?;
        let head = composed.broker.store.log_head().await.map_err(read)?.checkpoint;
        let sealed = index.and_then(|index| {
            let note = head.filter(|note| covers(note, before, index))?;
            Some((index, note))
        });
        let missing = match (sealed, report.error) {
            (_, Some(error)) => error,
            (None, None) => "The event that announces the new key is not sealed yet.".to_owned(),
            (Some((index, note)), None) => match uncovered(composed, before, index).await {
                None => return Ok((index, note)),
                Some(place) => {
                    format!("{place} holds no checkpoint that covers the event that announces the new key.")
                }
            },
        };
        if Instant::now() > over {
            return Err(StartError(format!(
                "The log's key is not rotated: nothing vouches for the new one yet. {missing} The old key goes on; put that right and run this again."
            )));
        }
        if report.done == 0 {
            tokio::time::sleep(LOOK).await;
        }
    }
}

/// A place outside that can be read and has no checkpoint over this event. One that cannot be read back is told by publishing.
async fn uncovered(composed: &Composed, key: &VerifierKey, index: u64) -> Option<String> {
    for sink in &composed.broker.checkpoint_sinks {
        let newest = sink.newest().await;
        if !newest.is_ok_and(|newest| newest.is_none_or(|note| covers(&note, key, index))) {
            return Some(sink.describe());
        }
    }
    None
}

/// From here on the new key signs. By their verifier keys: what is sealed may have been sealed again meanwhile.
async fn replace(composed: &Composed, before: &str, now: &str) -> Result<(), StartError> {
    let current = required(composed, CHECKPOINT_KEY).await?;
    let next = required(composed, NEXT_CHECKPOINT_KEY).await?;
    if current.record.verifier != before || next.record.verifier != now {
        return Err(somebody_else());
    }
    let retired = composed.broker.store.meta(RETIRED).await.map_err(read)?;
    let all: Vec<&str> = retired.as_deref().unwrap_or_default().lines().chain([before]).collect();
    let at = composed.broker.now();
    let set = |key: &str, expected, value| Change::Meta { key: key.to_owned(), expected, value };
    let transition = Transition::new(at)
        .with(set(CHECKPOINT_KEY, Some(current.text), Some(next.text.clone())))
        .with(set(NEXT_CHECKPOINT_KEY, Some(next.text), None))
        .with(set(RETIRED, retired.clone(), Some(all.join("\n"))))
        .event(event(
            at,
            "key.log_rotated",
            "system:operator",
            &[],
            json!({ "what": current.record.name, "vkey_before": before, "vkey": now }),
            json!({}),
        ));
    commit(composed, transition).await
}

/// Takes up the new key, seals and publishes; what did not get out in time.
async fn publish(composed: &Composed) -> Result<Option<String>, StartError> {
    let broker = &composed.broker;
    super::keys::reload_log_key(broker.store.as_ref(), &composed.sealer, &broker.log_signer).await?;
    let (key, over) = (broker.log_signer.verifier(), Instant::now() + PATIENCE);
    loop {
        let report = broker.step_seal_audit().await;
        let head = broker.store.log_head().await.map_err(read)?;
        let signed = head.checkpoint.is_some_and(|note| covers(&note, &key, 0));
        if signed && report.error.is_none() {
            return Ok(None);
        }
        if Instant::now() > over {
            return Ok(Some(report.error.unwrap_or_else(|| "It has signed nothing yet.".to_owned())));
        }
        tokio::time::sleep(LOOK).await;
    }
}
