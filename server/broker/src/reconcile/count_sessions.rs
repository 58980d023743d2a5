//! How many sessions logins have at their targets, for lists: asked for in the background and only of what somebody looks
//! at, so that a slow target slows no page.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::{CredentialId, TargetId};

use super::reports::Report;
use crate::broker::Broker;

/// Nobody has looked at a login for so long: it is counted no more.
const LOOKED_AT_SECONDS: i64 = 30;
/// A count older than this is no longer said.
const FRESH_SECONDS: i64 = 15;
/// Most logins that are counted.
const MOST: usize = 1_000;

struct Watched {
    credential: Credential,
    looked_at: Timestamp,
    found: Option<(u32, Timestamp)>,
}

/// Logins that somebody looks at, and their sessions.
#[derive(Default)]
pub struct SessionCounts(Mutex<BTreeMap<CredentialId, Watched>>);

impl SessionCounts {
    fn inner(&self) -> MutexGuard<'_, BTreeMap<CredentialId, Watched>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions of live logins together, where each was counted lately; from now on they are counted.
    pub fn of<'a>(&self, live: impl Iterator<Item = &'a Credential>, now: Timestamp) -> Option<i64> {
        let mut inner = self.inner();
        let mut sum = None;
        let mut all = true;
        for credential in live {
            if !inner.contains_key(&credential.id) && inner.len() >= MOST {
                all = false;
                continue;
            }
            let watched = inner.entry(credential.id).or_insert_with(|| Watched {
                credential: credential.clone(),
                looked_at: now,
                found: None,
            });
            watched.looked_at = now;
            match watched.found.filter(|(_, at)| now - *at <= Duration::seconds(FRESH_SECONDS)) {
                Some((count, _)) => sum = Some(sum.unwrap_or(0) + i64::from(count)),
                None => all = false,
            }
        }
        sum.filter(|_| all)
    }

    fn wanted(&self, now: Timestamp) -> BTreeMap<TargetId, Vec<Credential>> {
        let mut inner = self.inner();
        inner.retain(|_, w| {
            now - w.looked_at <= Duration::seconds(LOOKED_AT_SECONDS)
                && w.credential.state != CredentialState::Revoked
        });
        let mut wanted: BTreeMap<TargetId, Vec<Credential>> = BTreeMap::new();
        for watched in inner.values() {
            wanted.entry(watched.credential.target_id).or_default().push(watched.credential.clone());
        }
        wanted
    }
}

impl Broker {
    /// Counts what somebody looks at, a question a target.
    pub async fn step_count_sessions(&self) -> Report {
        let mut report = Report::default();
        let wanted = self.session_counts.wanted(self.now());
        if wanted.is_empty() {
            return report;
        }
        let catalogue = match self.store.catalogue().await {
            Ok(catalogue) => catalogue,
            Err(error) => return Report { error: Some(error.to_string()), ..report },
        };
        for (target, batch) in wanted {
            let Some(Ok(connector)) = catalogue.targets.get(&target).map(|t| self.targets.connector(t))
            else {
                continue;
            };
            let counts = connector.count_sessions(&batch).await;
            let now = self.now();
            let mut inner = self.session_counts.inner();
            for (credential, count) in batch.iter().zip(counts) {
                match (inner.get_mut(&credential.id), count) {
                    (Some(watched), Ok(count)) => {
                        watched.found = Some((count, now));
                        report.done += 1;
                    }
                    // What cannot be told is not said.
                    _ => report.left += 1,
                }
            }
        }
        report
    }
}
