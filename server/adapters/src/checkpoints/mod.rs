//! Places outside the database that hold signed checkpoints: a file, and the log.

mod file;
mod log;

pub use file::CheckpointFile;
pub use log::CheckpointLog;
