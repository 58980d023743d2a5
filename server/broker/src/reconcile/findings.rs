//! Open findings of one target, and what events about them say.
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::store::Read;

use crate::broker::Broker;

/// Open findings read at a time.
const PAGE: u32 = 1_000;

impl Broker {
    /// Every open finding at one target, however many there are: whoever may create roles there can make any number, and
    /// must hide none, there or elsewhere.
    pub(crate) async fn findings_at(&self, target: TargetId) -> Read<Vec<Finding>> {
        let mut all: Vec<Finding> = Vec::new();
        loop {
            let after = all.last().map(|f| f.external_name.clone());
            let page = self.store.open_findings_at(target, after.as_deref(), PAGE).await?;
            let last = page.len() < PAGE as usize;
            all.extend(page);
            if last {
                return Ok(all);
            }
        }
    }
}

/// The kind of the event that tells of it.
pub(super) fn kind_of(kind: FindingKind) -> &'static str {
    match kind {
        FindingKind::Unknown => "account.unknown",
        FindingKind::Reappeared => "credential.reappeared",
        FindingKind::Changed => "credential.changed",
        FindingKind::Missing => "credential.missing",
    }
}

/// Noun and id of everything that an event about a finding is about.
pub(super) fn about(finding: &Finding) -> Vec<(&'static str, String)> {
    let mut about = vec![("finding", finding.id.to_string()), ("target", finding.target_id.to_string())];
    about.extend(finding.credential_id.map(|id| ("credential", id.to_string())));
    about
}
