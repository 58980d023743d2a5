//! Encryption at rest under a master key that lives outside the data folder and its backup.
//!
//! | file | what changes it |
//! |---|---|
//! | `master_key.rs` | how a master key looks, and what is derived from it |
//! | `key_file.rs` | where master keys come from, and how they are made |
//! | `sealer.rs` | the envelope format of sealed values |

mod key_file;
mod master_key;
mod sealer;

pub use key_file::{add_to_file, create_file, from_environment, from_file, keep_newest};
pub use master_key::{MasterKey, MasterKeyError, MasterKeys};
pub use sealer::AeadSealer;
