//! What logins are at their targets now, for lists: whether they are accepted, and how many sessions they have. Asked for in
//! the background and only of what somebody looks at, so that a slow target slows no page.
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::{CredentialId, TargetId};
use hallpass_domain::ports::target::{AccountSeen, TargetError};

use super::reports::Report;
use crate::broker::Broker;

/// Nobody has looked at a login for so long: it is counted no more.
const LOOKED_AT_SECONDS: i64 = 30;
/// A look older than this is no longer said.
const FRESH_SECONDS: i64 = 15;
/// Most logins that are counted.
const MOST: usize = 1_000;

struct Watched {
    credential: Credential,
    looked_at: Timestamp,
    found: Option<Look>,
}

/// What a look found, and when.
#[derive(Clone, Debug)]
pub struct Look {
    /// What the target said, or why it said nothing.
    pub seen: Result<AccountSeen, TargetError>,
    /// When.
    pub at: Timestamp,
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
            match fresh(watched, now) {
                Some(Look { seen: Ok(seen), .. }) => sum = Some(sum.unwrap_or(0) + i64::from(seen.sessions)),
                // What cannot be told is not said.
                _ => all = false,
            }
        }
        sum.filter(|_| all)
    }

    /// The newest look at a login that is not too old.
    pub fn look(&self, credential: CredentialId, now: Timestamp) -> Option<Look> {
        fresh(self.inner().get(&credential)?, now).cloned()
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

fn fresh(watched: &Watched, now: Timestamp) -> Option<&Look> {
    watched.found.as_ref().filter(|look| now - look.at <= Duration::seconds(FRESH_SECONDS))
}

impl Broker {
    /// Looks at what somebody looks at, a question a target.
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
            let looks = connector.look_at(&batch).await;
            let now = self.now();
            let mut inner = self.session_counts.inner();
            for (credential, seen) in batch.iter().zip(looks) {
                if seen.is_ok() {
                    report.done += 1;
                } else {
                    report.left += 1;
                }
                if let Some(watched) = inner.get_mut(&credential.id) {
                    watched.found = Some(Look { seen, at: now });
                }
            }
        }
        report
    }
}
