//! The audit log: events to read, the export, the newest checkpoint, the verifier key.
pub mod checkpoint;
pub mod events;
pub mod export;
