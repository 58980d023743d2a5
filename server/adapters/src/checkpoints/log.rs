//! Checkpoints as log lines: whoever collects the log holds them.
use async_trait::async_trait;
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;

/// Writes each checkpoint as one event of the target `hallpass::checkpoint`, field `note`. Cannot be read back.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckpointLog;

#[async_trait]
impl CheckpointSink for CheckpointLog {
    fn describe(&self) -> String {
        "log".to_owned()
    }

    async fn publish(&self, note: &str) -> Result<(), String> {
        tracing::info!(target: "hallpass::checkpoint", note, "audit checkpoint");
        Ok(())
    }

    async fn newest(&self) -> Option<String> {
        None
    }
}
