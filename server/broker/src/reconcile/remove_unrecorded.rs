//! While the store cannot be written: removes at the targets what is due, from memory. One lane for each target, so that one
//! that does not answer keeps no other from its next pass.
use std::collections::HashMap;
use std::sync::Arc;

use chrono::Duration;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::clock::Trust;
use tokio::task::{Id, JoinSet};

use super::reports::Report;
use crate::broker::Broker;

/// Credentials removed at a time.
const BATCH: usize = 1_000;
/// A target that was down is left alone for so long, seconds.
const REST: i64 = 5;

/// Removals under way. Where this is dropped they are cut off, and whoever comes next finds what they did.
#[derive(Debug, Default)]
pub struct Removals {
    under_way: JoinSet<Report>,
    lanes: HashMap<Id, TargetId>,
}

impl Removals {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a lane for each target that has something due, and none; returns at once.
    pub fn begin(&mut self, broker: &Arc<Broker>) {
        let now = broker.now();
        if broker.health.is_writable() || broker.restored.is_on() || broker.clock.trust() == Trust::HoldBulk {
            return;
        }
        let Some(catalogue) = broker.window.catalogue() else { return };
        for (target, due) in broker.window.to_remove(now) {
            if self.lanes.values().any(|busy| *busy == target) {
                continue;
            }
            let (broker, catalogue) = (Arc::clone(broker), Arc::clone(&catalogue));
            let lane =
                self.under_way.spawn(async move { broker.remove_unrecorded(&catalogue, target, due).await });
            self.lanes.insert(lane.id(), target);
        }
    }

    /// What the lanes did that have ended since the last call.
    pub fn ended(&mut self) -> Report {
        let mut report = Report::default();
        while let Some(ended) = self.under_way.try_join_next_with_id() {
            match ended {
                Ok((id, lane)) => {
                    self.lanes.remove(&id);
                    report.done += lane.done;
                    report.left += lane.left;
                }
                Err(error) => {
                    self.lanes.remove(&error.id());
                    report.error = Some(error.to_string());
                }
            }
        }
        report
    }
}

impl Broker {
    async fn remove_unrecorded(
        &self,
        catalogue: &Catalogue,
        target: TargetId,
        mut due: Vec<Credential>,
    ) -> Report {
        let count = |n: usize| u64::try_from(n).unwrap_or(u64::MAX);
        let all = due.len();
        due.truncate(BATCH);
        let Some(Ok(connector)) = catalogue.targets.get(&target).map(|t| self.targets.connector(t)) else {
            return Report { left: count(all), ..Report::default() };
        };
        tracing::error!(%target, credentials = due.len(), "removing without a record; it is recorded when the store is back");
        let seen = self.remove_without_record(connector.as_ref(), due).await;
        let now = self.now();
        if seen.down {
            self.window.rest(target, now + Duration::seconds(REST));
        }
        let mut removed = 0;
        for (credential, verified) in seen.credentials {
            self.window.keep_seen(credential, verified, |credential| {
                self.journal_removed(credential, now);
                removed += 1;
            });
        }
        Report { done: removed, left: count(all).saturating_sub(removed), ..Report::default() }
    }
}
