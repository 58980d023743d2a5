//! What is special to PostgreSQL.
mod canary;
mod create;
mod drift;
mod fleet;
mod hoards;
mod hostile;
mod interference;
mod probe;
mod revocation;
pub(crate) mod rig;
mod starting;
mod transport;
