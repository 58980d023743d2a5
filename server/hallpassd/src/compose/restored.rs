//! A restored backup: an exported checkpoint that is ahead of the database.
use std::sync::Arc;

use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::keys::VerifierKey;
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;
use hallpass_domain::ports::store::Store;

use super::StartError;

/// Refuses to start on a database that is older than what was published of it: tokens issued and revocations made
/// since the backup are unknown to it, and going on would revive or orphan them.
pub async fn refuse(
    store: &dyn Store,
    sinks: &[Arc<dyn CheckpointSink>],
    key: &VerifierKey,
) -> Result<(), StartError> {
    let head = store.log_head().await.map_err(|e| StartError(e.to_string()))?;
    for sink in sinks {
        let Some(note) = sink.newest().await else { continue };
        match Checkpoint::open(&note, std::slice::from_ref(key)) {
            Ok(published) if published.size > head.size => {
                return Err(StartError(format!(
                    "this database holds {} sealed events, but {} holds a checkpoint of {}: it is a restored backup, or events were cut off. \
                     Nothing is served from it. Read “Restoring a backup” in docs/operations.md.",
                    head.size,
                    sink.describe(),
                    published.size
                )));
            }
            Ok(_) => {}
            Err(error) => {
                return Err(StartError(format!(
                    "{} holds a checkpoint that this database's key did not sign ({error}): it belongs to another log. Move the file away, or restore the database that it belongs to.",
                    sink.describe()
                )));
            }
        }
    }
    Ok(())
}
