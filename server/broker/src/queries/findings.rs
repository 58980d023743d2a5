//! Accounts at targets that are not as our records say, in lines for the page and the API.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::ids::{FindingId, TargetId};
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;

use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::reports::FindingRow;

impl Broker {
    /// So many accounts that are not as our records say, newest first, from behind `before` on, for those of
    /// [`Self::overseen`]: at the target of this name, or at all.
    ///
    /// # Errors
    /// Not found for others, and where there is no such target.
    pub async fn findings_view(
        &self,
        caller: &Caller,
        target: Option<&str>,
        before: Option<FindingId>,
        limit: u32,
    ) -> Result<Vec<FindingRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        let target = target.map(|name| named(&catalogue, name)).transpose()?;
        let page = self.store.newest_findings(target, before, limit).await.map_err(unreadable)?;
        Ok(page.iter().map(|f| finding_row(&catalogue, caller, f)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// Not found for others.
    pub async fn finding_view(&self, caller: &Caller, finding: &Finding) -> Result<FindingRow, Refusal> {
        Ok(finding_row(&*self.overseen(caller).await?, caller, finding))
    }
}

/// The target of this name.
pub(super) fn named(catalogue: &Catalogue, name: &str) -> Result<TargetId, Refusal> {
    let found = catalogue.targets.values().find(|t| t.name.as_str() == name);
    found.map(|t| t.id).ok_or_else(|| Refusal::not_found("target"))
}

/// One in a line, for who looks.
pub(super) fn finding_row(catalogue: &Catalogue, caller: &Caller, f: &Finding) -> FindingRow {
    let waits = f.kind == FindingKind::Unknown && f.removing_since.is_none();
    let what_happens = match (f.kind, f.removing_since, f.credential_id) {
        (FindingKind::Unknown, None, None) => {
            "Its mark cannot be read, so Hallpass does not touch it: remove it by hand at the target."
        }
        (FindingKind::Unknown, None, Some(_)) => "It is left alone until an administrator says that it goes.",
        (_, Some(_), _) => "It is being removed: no new login first, then its sessions, then the account.",
        (FindingKind::Changed, ..) => {
            "It stays until its end, when everything of it goes. End the grant if it should not wait."
        }
        (FindingKind::Missing, ..) => "It is recorded as revoked once that is proven.",
        (FindingKind::Reappeared, ..) => "It is removed again.",
    };
    FindingRow {
        id: f.id.to_string(),
        name: f.external_name.clone(),
        target: catalogue.targets.get(&f.target_id).map(|t| t.name.to_string()).unwrap_or_default(),
        kind: f.kind.as_str().to_owned(),
        differences: f.differences.clone(),
        groups: f.groups.clone(),
        since: f.first_seen_at,
        removing_since: f.removing_since,
        confirmed_by: f.confirmed_by.map(|u| super::lines::user(catalogue, u).name),
        trouble: f.trouble.clone(),
        can_confirm: waits && f.credential_id.is_some() && caller.has(Duty::Administrator),
        what_happens: what_happens.to_owned(),
    }
}
