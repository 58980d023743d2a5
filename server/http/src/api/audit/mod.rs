//! The audit log: events to read, the export, the newest checkpoint, the verifier key.
pub mod checkpoint;
pub mod events;
pub mod export;

use hallpass_broker::Caller;
use hallpass_domain::principal::Duty;

use crate::problem::Problem;

/// Auditors and administrators; for everybody else it is absent.
///
/// # Errors
/// 404.
pub fn may_read(caller: &Caller) -> Result<(), Problem> {
    if caller.has(Duty::Auditor) || caller.has(Duty::Administrator) {
        Ok(())
    } else {
        Err(Problem::not_found("page"))
    }
}
