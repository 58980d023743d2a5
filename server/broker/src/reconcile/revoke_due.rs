//! Removes what is due at targets: one lane per target, so that a dead one delays no other.
use std::sync::Arc;

use chrono::Duration;
use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::clock::Trust;
use hallpass_domain::ports::credentials::Claim;
use hallpass_domain::ports::target::TargetConnector;

use super::reports::Report;
use crate::broker::Broker;
use crate::credentials::perform::Batch;

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
        if !self.journal_is_recorded().await {
            return Report {
                error: Some("what was removed without a record is not recorded yet".to_owned()),
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

    /// Refuses new logins of what is due at one target, batch by batch; whether the target was down. The rest of each
    /// batch goes on beside the next one, so that whoever makes his own removal slow keeps nobody else in.
    pub async fn revoke_at(self: &Arc<Self>, target_id: TargetId) -> (Report, bool) {
        if self.restored.is_on() {
            return (Report::default(), false);
        }
        let failed = |error: String| Report { error: Some(error), ..Report::default() };
        let catalogue = match self.store.catalogue().await {
            Ok(catalogue) => catalogue,
            Err(error) => return (failed(error.to_string()), false),
        };
        let Some(target) = catalogue.targets.get(&target_id) else { return (Report::default(), false) };
        let connector = match self.targets.connector(target) {
            Ok(connector) => connector,
            Err(error) => return (failed(format!("{}: {error}", target.name)), true),
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
                Ok(batch) if batch.is_empty() => return (Report::default(), false),
                Ok(batch) => batch,
                Err(error) => return (failed(error.to_string()), false),
            };
            let batch = self.deny_batch(connector.as_ref(), batch).await;
            let down = batch.is_down();
            let rest = Arc::clone(self).revoke_rest(target_id, Arc::clone(&connector), batch);
            if down {
                // Sessions may end by a way in that is open still.
                rest.await;
                return (failed(format!("{} cannot be reached", target.name)), true);
            }
            tokio::spawn(rest);
            if self.breakers.is_open(target_id, self.now()) {
                return (Report::default(), false);
            }
        }
    }

    /// What follows for a batch.
    async fn revoke_rest(
        self: Arc<Self>,
        target: TargetId,
        connector: Arc<dyn TargetConnector>,
        batch: Batch,
    ) {
        let removed = self.finish_batch(connector.as_ref(), batch).await;
        let now = self.now();
        if removed.down {
            self.breakers.fail(target, now);
        }
        let report = Report {
            done: u64::try_from(removed.revoked).unwrap_or(0),
            left: u64::try_from(removed.left).unwrap_or(0),
            error: removed.down.then(|| "a target could not be reached".to_owned()),
        };
        self.reports.note("revoke", report, now);
        self.nudges.ends.notify_one();
    }
}
