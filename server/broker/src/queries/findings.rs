//! Accounts at targets that are not as our records say, in lines for the page and the API.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;

use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::reports::FindingRow;

impl Broker {
    /// So many accounts at targets that are not as our records say, newest first, from behind `before` on, for those of
    /// [`Self::overseen`].
    ///
    /// # Errors
    /// Not found for others.
    pub async fn findings_view(
        &self,
        caller: &Caller,
        before: Option<uuid::Uuid>,
        limit: usize,
    ) -> Result<Vec<FindingRow>, Refusal> {
        let catalogue = self.overseen(caller).await?;
        let findings = self.shown_findings().await.map_err(unreadable)?;
        let page = following(&findings, before).into_iter().take(limit);
        Ok(page.map(|f| finding_row(&catalogue, caller, f)).collect())
    }

    /// One of them.
    ///
    /// # Errors
    /// Not found for others.
    pub async fn finding_view(&self, caller: &Caller, finding: &Finding) -> Result<FindingRow, Refusal> {
        Ok(finding_row(&*self.overseen(caller).await?, caller, finding))
    }
}

/// Those of a list, newest first, that follow the one with this id, whether or not it is still in it.
pub(super) fn following(newest_first: &[Finding], before: Option<uuid::Uuid>) -> Vec<&Finding> {
    newest_first.iter().filter(|f| before.is_none_or(|id| f.id.0 < id)).collect()
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
