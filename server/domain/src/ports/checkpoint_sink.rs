//! Places outside the database that hold signed checkpoints.
use async_trait::async_trait;

/// A place outside the database that holds signed checkpoints: what makes truncation and forks detectable.
#[async_trait]
pub trait CheckpointSink: Send + Sync {
    /// What it is, for reports (`file checkpoints.txt`).
    fn describe(&self) -> String;
    /// Appends a signed checkpoint note, durably where the place can.
    async fn publish(&self, note: &str) -> Result<(), String>;
    /// The newest note it holds, to detect a restored backup; `None` where it cannot be read back or is empty.
    async fn newest(&self) -> Option<String>;
    /// The newest note of one log among the last that it holds: after a restore the log goes on under another origin.
    async fn newest_of(&self, origin: &str) -> Option<String>;
}
