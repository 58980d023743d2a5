//! Who sees the installation as a whole: one answer for the pages and the API.
use std::sync::Arc;

use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;

use crate::broker::Broker;
use crate::caller::Caller;

impl Broker {
    /// The catalogue, for those who may read its objects, how targets are, and what was found there: owners of targets,
    /// auditors and administrators.
    ///
    /// # Errors
    /// Not found for everybody else: for them there is nothing.
    pub async fn overseen(&self, caller: &Caller) -> Result<Arc<Catalogue>, Refusal> {
        let catalogue = self.catalogue().await?;
        let owner = caller.user().is_some_and(|u| catalogue.targets.values().any(|t| t.owners.contains(&u)));
        if owner || caller.has(Duty::Administrator) || caller.has(Duty::Auditor) {
            Ok(catalogue)
        } else {
            Err(Refusal::not_found("page"))
        }
    }

    /// The audit log: auditors and administrators.
    ///
    /// # Errors
    /// Not found for everybody else.
    pub fn may_audit(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.has(Duty::Auditor) || caller.has(Duty::Administrator) {
            Ok(())
        } else {
            Err(Refusal::not_found("page"))
        }
    }
}
