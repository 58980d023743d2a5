//! Alerts people about removals that are overdue by a minute. An attribute that alerts, never an end.
use std::collections::BTreeMap;

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::TargetId;
use hallpass_domain::ports::store::{CommitError, Read};
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::credentials::login::subjects;
use crate::events::event;
use crate::mails;

/// Seconds overdue before people are told.
pub const ALERT_SECONDS: i64 = 60;
/// At most so many in one run; the next one is a second later.
const BATCH: u32 = 200;
/// How often all of a target are tried in one mail before they are told in halves.
const TRIES: usize = 4;

impl Broker {
    /// Tells people about what is overdue and not told yet: one mail for all of a target.
    pub async fn step_alert_overdue(&self) -> Report {
        let now = self.now();
        let (overdue, catalogue) = match (self.untold(now).await, self.store.catalogue().await) {
            (Ok(overdue), Ok(catalogue)) => (overdue, catalogue),
            (Err(error), _) | (_, Err(error)) => {
                return Report { error: Some(error.to_string()), ..Report::default() };
            }
        };
        let mut at: BTreeMap<TargetId, Vec<Credential>> = BTreeMap::new();
        for credential in overdue {
            at.entry(credential.target_id).or_default().push(credential);
        }
        let mut report = Report::default();
        for batch in at.into_values() {
            self.alert_at(&catalogue, batch, now, &mut report).await;
        }
        report
    }

    /// Overdue for long enough, and nobody was told.
    async fn untold(&self, now: Timestamp) -> Read<Vec<Credential>> {
        self.store.overdue_untold(now - Duration::seconds(ALERT_SECONDS), BATCH).await
    }

    /// Tells people about a batch at one target. Where a worker moved some of them meanwhile, all are read and tried again,
    /// since halves would be a mail each; halves come where that does not help.
    async fn alert_at(
        &self,
        catalogue: &Catalogue,
        batch: Vec<Credential>,
        now: Timestamp,
        report: &mut Report,
    ) {
        let Some(target) = batch.first().map(|c| c.target_id) else { return };
        let mut tries = 0;
        let mut batches = vec![batch];
        while let Some(mut batch) = batches.pop() {
            if batch.is_empty() {
                continue;
            }
            let count = u64::try_from(batch.len()).unwrap_or(0);
            match self.commit(alert(catalogue, &batch, now)).await {
                Ok(()) => report.done += count,
                Err(CommitError::Conflict(_)) if tries < TRIES => {
                    tries += 1;
                    match self.untold(now).await {
                        // Whatever was left of the first reading is in it.
                        Ok(again) => {
                            batches = vec![again.into_iter().filter(|c| c.target_id == target).collect()];
                        }
                        Err(error) => {
                            report.left += count;
                            report.error = Some(error.to_string());
                        }
                    }
                }
                Err(_) if count > 1 => {
                    batches.push(batch.split_off(batch.len() / 2));
                    batches.push(batch);
                }
                Err(_) => report.left += count,
            }
        }
    }
}

fn alert(catalogue: &Catalogue, overdue: &[Credential], now: Timestamp) -> Transition {
    let mut transition = Transition::new(now).mails(mails::revocation_overdue(catalogue, overdue, now));
    for credential in overdue {
        let next =
            Credential { alerted_at: Some(now), version: credential.version + 1, ..credential.clone() };
        let facts = json!({ "due_at": next.due_at.to_rfc3339(), "attempts": next.attempts, "error": next.last_error });
        transition = transition
            .event(event(now, "credential.overdue", "system:revoker", &subjects(&next), facts, json!({})))
            .with(Change::Credential(Box::new(next)));
    }
    transition
}
