//! Checkpoints as log lines: whoever collects the log holds them.
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use hallpass_domain::audit::{Checkpoint, VerifierKey};
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;

/// Writes each checkpoint as one event of the target `hallpass::checkpoint`, field `note`. Cannot be read back after a
/// restart; what this process wrote last is remembered, so that it is not written again each second.
#[derive(Debug, Default)]
pub struct CheckpointLog(Mutex<Option<String>>);

#[async_trait]
impl CheckpointSink for CheckpointLog {
    fn describe(&self) -> String {
        "log".to_owned()
    }

    async fn publish(&self, note: &str) -> Result<(), String> {
        tracing::info!(target: "hallpass::checkpoint", note, "audit checkpoint");
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(note.to_owned());
        Ok(())
    }

    async fn newest_by(&self, keys: &[VerifierKey]) -> Result<Option<String>, String> {
        Ok(self.newest().await?.filter(|note| Checkpoint::open(note, keys).is_ok()))
    }

    async fn newest(&self) -> Result<Option<String>, String> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }
}
