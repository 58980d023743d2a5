//! Mails under way: so many at once, and as soon as one has ended the next is claimed. A mail server that takes its time over
//! one mail holds up no other, as long as it does not take it over all of them.
use std::sync::Arc;

use chrono::Duration;
use hallpass_domain::ports::credentials::Claim;
use tokio::task::JoinSet;

use super::reports::Report;
use crate::broker::Broker;

/// Deliveries under way at once; mail servers refuse many connections from one client.
const PARALLEL: usize = 8;
/// Seconds for which a claimed mail is ours: longer than the longest conversation with a mail server. No more is claimed than is
/// begun at once, so none waits here while its lease runs.
const LEASE: i64 = 600;

/// Mails that are being delivered. Where this is dropped they are cut off; their leases end, and they are delivered again.
#[derive(Debug, Default)]
pub struct Deliveries {
    under_way: JoinSet<Result<bool, String>>,
}

impl Deliveries {
    /// None.
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether none is under way.
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// Claims as many mails as there is room for, and begins them; how many, or why none could be claimed. A claim is one
    /// guarded update that moves the fence, so no mail is begun twice, here or on another server.
    pub async fn begin(&mut self, broker: &Arc<Broker>) -> Result<usize, String> {
        let room = PARALLEL.saturating_sub(self.under_way.len());
        if room == 0 {
            return Ok(0);
        }
        let now = broker.now();
        let claim = Claim {
            owner: &broker.settings.worker,
            now,
            until: now + Duration::seconds(LEASE),
            limit: u32::try_from(room).unwrap_or(u32::MAX),
        };
        let claimed = broker.store.claim_mails(claim).await.map_err(|error| error.to_string())?;
        let begun = claimed.len();
        for mail in claimed {
            let broker = Arc::clone(broker);
            self.under_way.spawn(async move { broker.deliver(mail).await });
        }
        Ok(begun)
    }

    /// Waits until one has ended, and notes it with all that have; at once where none is under way.
    pub async fn one_ends(&mut self, report: &mut Report) {
        let mut ended = self.under_way.join_next().await;
        while let Some(one) = ended {
            match one.map_err(|e| e.to_string()).and_then(|delivered| delivered) {
                Ok(true) => report.done += 1,
                Ok(false) => report.left += 1,
                // One that could not be recorded is delivered again once its lease has ended.
                Err(error) => {
                    report.left += 1;
                    report.error = Some(error);
                }
            }
            ended = self.under_way.try_join_next();
        }
    }
}

impl Broker {
    /// Delivers what can be delivered now, to the end: a step for who moves the clock. A server begins the next as soon as one
    /// has ended, and waits for none ([`super::driver`]).
    pub async fn step_deliver_mail(self: &Arc<Self>) -> Report {
        let (mut deliveries, mut report) = (Deliveries::new(), Report::default());
        loop {
            match deliveries.begin(self).await {
                Ok(0) if deliveries.is_empty() => return report,
                Ok(_) => deliveries.one_ends(&mut report).await,
                Err(error) => {
                    report.error = Some(error);
                    while !deliveries.is_empty() {
                        deliveries.one_ends(&mut report).await;
                    }
                    return report;
                }
            }
        }
    }
}
