//! Looks each second whether the store can be written, and sweeps what has expired.
use std::time::Duration;

use super::reports::Report;
use crate::broker::Broker;

/// A store that takes longer for one small write is as good as gone.
const PATIENCE: Duration = Duration::from_secs(2);

impl Broker {
    /// Writes a little. Reads alone would go on from a full disk, and a token would stay active in memory although its
    /// revocation could not be stored.
    pub async fn step_probe_store(&self) -> Report {
        let probed = match tokio::time::timeout(PATIENCE, self.store.probe()).await {
            Ok(probed) => probed.map_err(|e| e.to_string()),
            Err(_) => Err(format!("the store did not answer within {} s", PATIENCE.as_secs())),
        };
        let known = self.health.is_writable();
        match probed {
            Ok(()) => {
                self.health.written();
                Report { done: u64::from(!known), ..Report::default() }
            }
            Err(error) => {
                self.health.failed();
                Report { error: Some(error), ..Report::default() }
            }
        }
    }

    /// Takes up what a server that died was doing; what another live server does stays its own.
    pub async fn step_release_claims(&self) -> Report {
        match self.store.release_claims(&self.settings.worker).await {
            Ok(done) => Report { done, ..Report::default() },
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
