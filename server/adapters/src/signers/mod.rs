//! Signing keys: those of tokens with their rotation, and the one of the audit log's checkpoints.
//!
//! | file | what changes it |
//! |---|---|
//! | `jwk.rs` | public keys as published, and their thumbprints |
//! | `key_pair.rs` | private keys in memory and how they sign |
//! | `record.rs` | what is stored of a key, and when it is used |
//! | `rotation.rs` | when keys are made, used and forgotten |
//! | `key_ring.rs` | the signer that the use cases have |
//! | `verify.rs` | checking a token offline |
//! | `checkpoint.rs` | the key of the audit log |

mod checkpoint;
mod jwk;
mod key_pair;
mod key_ring;
mod record;
mod rotation;
mod verify;

pub use checkpoint::CheckpointKeyRecord;
pub use jwk::{jwks, thumbprint};
pub use key_pair::KeyPair;
pub use key_ring::KeyRing;
pub use record::SigningKeyRecord;
pub use rotation::RotationPolicy;
pub use verify::{Expected, VerifyError, verify_access_token};
