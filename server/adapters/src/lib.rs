//! The outside world: one folder for each port of the domain, one file or folder for each kind of adapter.

pub mod checkpoints;
pub mod clock;
pub mod journal;
pub mod kept;
pub mod notifiers;
pub mod sealing;
pub mod signers;
pub mod targets;
