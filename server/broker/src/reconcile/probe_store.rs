//! Looks whether a store that could not be written can be again, and sweeps what has expired.
use super::reports::Report;
use crate::broker::Broker;

impl Broker {
    /// Probes the store while it is known to be unwritable.
    pub async fn step_probe_store(&self) -> Report {
        if self.health.is_writable() {
            return Report::default();
        }
        match self.store.probe().await {
            Ok(()) => {
                self.health.written();
                Report { done: 1, ..Report::default() }
            }
            Err(error) => Report { error: Some(error.to_string()), ..Report::default() },
        }
    }

    /// Deletes expired sessions, devices, API tokens and long-expired token records, a bounded number at a time.
    pub async fn step_sweep(&self) -> Report {
        match self.store.sweep(self.now(), 5_000).await {
            Ok(done) => Report { done, ..Report::default() },
            Err(error) => Report { error: Some(error.to_string()), ..Report::default() },
        }
    }
}
