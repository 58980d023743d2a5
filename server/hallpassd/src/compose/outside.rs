//! What the places outside say of the database: whether it is behind the checkpoints that were published of it.
use std::sync::Arc;

use hallpass_adapters::signers::CheckpointKeyRecord;
use hallpass_broker::reconcile::seal_audit::RETIRED;
use hallpass_broker::restored::BEFORE;
use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::frontier::Frontier;
use hallpass_domain::audit::keys::VerifierKey;
use hallpass_domain::audit::merkle::Hash;
use hallpass_domain::audit::nodes::{NodeId, NodeMap};
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;
use hallpass_domain::ports::store::{ReadError, Store};

use super::StartError;
use super::keys::{CHECKPOINT_KEY, NEXT_CHECKPOINT_KEY};

/// What shows that a database is a restored one.
#[derive(Clone, Debug)]
pub struct Evidence {
    pub(super) found_in: String,
    pub(super) why: String,
    pub(super) cited: Option<(String, u64)>,
}

/// What the places outside say.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// Whether any of them holds a checkpoint of this log, so that it could tell.
    pub told: bool,
    /// That the database is behind.
    pub evidence: Option<Evidence>,
}

fn read(error: ReadError) -> StartError {
    StartError(error.to_string())
}

/// A place that cannot be read may hold what shows a restored backup.
fn silent(sink: &dyn CheckpointSink, error: String) -> StartError {
    StartError(format!(
        "Whether this database is the newest cannot be told: {} cannot be read ({error}). Let the server read it, or take it out of the configuration.",
        sink.describe()
    ))
}

/// The keys that may have signed what is outside.
struct Keys {
    /// Of this log: the one that signs, those that were rotated away, and one that is announced.
    own: Vec<VerifierKey>,
    /// Of the log before a restore.
    before: Option<VerifierKey>,
}

impl Keys {
    /// As they are stored now, beside the one that signs here: another server may have rotated it.
    async fn of(store: &dyn Store, signs: &VerifierKey) -> Result<Self, StartError> {
        let mut texts = Vec::new();
        for record in [CHECKPOINT_KEY, NEXT_CHECKPOINT_KEY] {
            let stored = store.meta(record).await.map_err(read)?;
            let record = stored.and_then(|text| serde_json::from_str::<CheckpointKeyRecord>(&text).ok());
            texts.extend(record.map(|record| record.verifier));
        }
        let retired = store.meta(RETIRED).await.map_err(read)?.unwrap_or_default();
        texts.extend(retired.lines().map(str::to_owned));
        let mut own = vec![signs.clone()];
        for key in texts.iter().filter_map(|text| text.parse::<VerifierKey>().ok()) {
            // A note opens by no key that is named twice.
            if key.name() == signs.name() && !own.contains(&key) {
                own.push(key);
            }
        }
        let before = store.meta(BEFORE).await.map_err(read)?.and_then(|text| text.parse().ok());
        Ok(Self { before: before.filter(|key| !own.contains(key)), own })
    }

    fn opens(&self, note: &str) -> Option<Checkpoint> {
        Checkpoint::open(note, &self.own).ok()
    }

    fn is_from_before(&self, note: &str) -> bool {
        self.before.as_ref().is_some_and(|key| Checkpoint::open(note, std::slice::from_ref(key)).is_ok())
    }

    fn all(&self) -> Vec<VerifierKey> {
        self.own.iter().chain(&self.before).cloned().collect()
    }
}

/// Compares the database with what was published of it. `key` signs its checkpoints here.
///
/// # Errors
/// The store or a place cannot be read, or a place holds the checkpoints of another log.
pub async fn judge(
    store: &dyn Store,
    sinks: &[Arc<dyn CheckpointSink>],
    key: &VerifierKey,
) -> Result<Judged, StartError> {
    let mut judged = Judged::default();
    for sink in sinks {
        // The place first: what the log gains meanwhile is no evidence.
        let newest = sink.newest().await.map_err(|error| silent(sink.as_ref(), error))?;
        let Some(newest) = newest else { continue };
        let (keys, head) = (Keys::of(store, key).await?, store.log_head().await.map_err(read)?);
        if keys.is_from_before(&newest) {
            // The log moved on by a restore, and has not published under its new name yet.
            judged.told = true;
            continue;
        }
        let (note, published) = match keys.opens(&newest) {
            Some(published) => (newest.clone(), published),
            // The log moved on by a later restore or a later rotation, and this copy is from before it.
            None => {
                let older =
                    sink.newest_by(&keys.all()).await.map_err(|error| silent(sink.as_ref(), error))?;
                match older.map(|note| (keys.opens(&note), note)) {
                    Some((Some(published), note)) => (note, published),
                    // A restore of a copy from before a rotation, whose successor it does not know, has not published yet.
                    Some((None, _)) => {
                        judged.told = true;
                        continue;
                    }
                    None => return Err(StartError(no_checkpoint_of_ours(sink.as_ref(), &newest, key))),
                }
            }
        };
        judged.told = true;
        let here = head.size;
        let why = if published.size > here {
            format!(
                "The database holds {here} sealed events, and {} were published: it is a restored backup, or events were cut off.",
                published.size
            )
        } else if note != newest && is_of(&newest, key) {
            "The log went on with a key that this database does not know: it is a restored backup from before a rotation (hallpassd keys rotate-log).".to_owned()
        } else if note != newest {
            "The log went on under another origin after an earlier restore, and this database is from before it.".to_owned()
        } else if root_at(store, published.size).await? != Some(published.root) {
            format!(
                "The database's first {} events are not those that were published: it is a restored backup that went on, or history was changed.",
                published.size
            )
        } else {
            continue;
        };
        judged.evidence =
            Some(Evidence { found_in: sink.describe(), why, cited: Some((note, published.size)) });
        return Ok(judged);
    }
    Ok(judged)
}

/// Whether a note says that it is of the log of this key.
fn is_of(note: &str, key: &VerifierKey) -> bool {
    note.lines().next() == Some(key.name())
}

fn no_checkpoint_of_ours(sink: &dyn CheckpointSink, newest: &str, key: &VerifierKey) -> String {
    let place = sink.describe();
    if is_of(newest, key) {
        format!(
            "{place} holds checkpoints of {} that are signed with a key that this database does not know, and none that it signed itself. Either the log's key was rotated since (hallpassd keys rotate-log), and this database is a backup from before: put the older checkpoints beside them (files that were rotated away, such as checkpoints.txt.1), by which it is known as a restored one, or restore a newer backup. Or they belong to another log, of an installation with the same origin: move the file away.",
            key.name()
        )
    } else {
        format!(
            "{place} holds a checkpoint that this database's key did not sign: it belongs to another log. Move the file away, or restore the database that it belongs to."
        )
    }
}

/// The root over the first `size` events as stored; none where nodes are missing.
async fn root_at(store: &dyn Store, size: u64) -> Result<Option<Hash>, StartError> {
    let wanted: Vec<(u8, u64)> = Frontier::nodes(size).iter().map(|n| (n.level, n.index)).collect();
    let nodes: NodeMap = store
        .nodes(&wanted)
        .await
        .map_err(read)?
        .into_iter()
        .map(|((level, index), hash)| (NodeId { level, index }, hash))
        .collect();
    Ok(Frontier::read(&nodes, size).ok().map(|f| f.root()))
}
