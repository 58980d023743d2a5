//! What is special to PostgreSQL.
mod canary;
mod create;
mod drift;
mod fleet;
mod revocation;
mod starting;
mod transport;
