//! Removes what is due at targets: one lane per target, so that a dead one delays no other.
use std::sync::Arc;

use chrono::Duration;
use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::clock::Trust;
use hallpass_domain::ports::credentials::Claim;

use super::reports::Report;
use crate::broker::Broker;

/// Credentials in one batch: at the target they share transactions.
const BATCH: u32 = 1_000;
/// Seconds for which a claimed batch is ours. A removal that takes longer is begun again by another replica, and only one
/// of the two is recorded; one whose server died is taken up after it.
const LEASE: i64 = 30;

impl Broker {
    /// Starts a lane for every target that has something due and no lane; returns at once.
    pub async fn dispatch_revocations(self: &Arc<Self>) -> Report {
        let now = self.now();
        if self.restored.is_on() {
            return Report {
                error: Some("this is a restored backup; removals wait for an operator".to_owned()),
                ..Report::default()
            };
        }
        if self.clock.trust() == Trust::HoldBulk {
            return Report {
                error: Some(
                    "the clock jumped forward; removals wait for its confirmation (60 s at most)".to_owned(),
                ),
                ..Report::default()
            };
        }
        let targets = match self.store.targets_due(now).await {
            Ok(targets) => targets,
            Err(error) => return Report { error: Some(error.to_string()), ..Report::default() },
        };
        let mut report = Report::default();
        for target in targets {
            if self.breakers.enter(target, now) {
                let broker = Arc::clone(self);
                tokio::spawn(async move { broker.revoke_lane(target).await });
                report.done += 1;
            } else {
                report.left += 1;
            }
        }
        report
    }

    /// Works one target off, and gives its lane back.
    async fn revoke_lane(self: Arc<Self>, target: TargetId) {
        let (report, down) = self.revoke_at(target).await;
        self.breakers.leave(target, down, self.now());
        self.reports.note("revoke", report, self.now());
        self.nudges.ends.notify_one();
    }

    /// Removes what is due at one target, batch by batch; whether the target was down.
    pub async fn revoke_at(&self, target_id: TargetId) -> (Report, bool) {
        let mut report = Report::default();
        if self.restored.is_on() {
            return (report, false);
        }
        let failed = |report: Report, error: String| Report { error: Some(error), ..report };
        let catalogue = match self.store.catalogue().await {
            Ok(catalogue) => catalogue,
            Err(error) => return (failed(report, error.to_string()), false),
        };
        let Some(target) = catalogue.targets.get(&target_id) else { return (report, false) };
        let connector = match self.targets.connector(target) {
            Ok(connector) => connector,
            Err(error) => return (failed(report, format!("{}: {error}", target.name)), true),
        };
        loop {
            let now = self.now();
            let claim = Claim {
                owner: &self.settings.worker,
                now,
                until: now + Duration::seconds(LEASE),
                limit: BATCH,
            };
            let batch = match self.store.claim_due(target_id, claim).await {
                Ok(batch) if batch.is_empty() => return (report, false),
                Ok(batch) => batch,
                Err(error) => return (failed(report, error.to_string()), false),
            };
            let due: Vec<_> = batch.iter().map(|c| c.due_at).collect();
            let removed = self.remove_batch(connector.as_ref(), batch).await;
            for due in due.into_iter().take(removed.revoked) {
                self.reports.lag.observe(self.now() - due);
            }
            report.done += u64::try_from(removed.revoked).unwrap_or(0);
            report.left += u64::try_from(removed.left).unwrap_or(0);
            if removed.down {
                return (failed(report, format!("{} cannot be reached", target.name)), true);
            }
            if removed.revoked == 0 {
                return (report, false);
            }
        }
    }
}
