//! Places outside the database that hold signed checkpoints.
use async_trait::async_trait;

use crate::audit::keys::VerifierKey;

/// A place outside the database that holds signed checkpoints: what makes truncation and forks detectable.
#[async_trait]
pub trait CheckpointSink: Send + Sync {
    /// What it is, for reports (`file checkpoints.txt`).
    fn describe(&self) -> String;
    /// Appends a signed checkpoint note, durably where the place can.
    async fn publish(&self, note: &str) -> Result<(), String>;
    /// The newest note it holds, to detect a restored backup; `None` where it is empty, or where nothing can be read back
    /// from such a place.
    ///
    /// # Errors
    /// It can be read back, but not now: that says nothing of what it holds.
    async fn newest(&self) -> Result<Option<String>, String>;
    /// The newest checkpoint that one of these keys signed, among the last notes that it holds: after a restore the log goes on
    /// under another origin, and after a rotation with another key.
    ///
    /// # Errors
    /// As [`Self::newest`].
    async fn newest_by(&self, keys: &[VerifierKey]) -> Result<Option<String>, String>;
}
