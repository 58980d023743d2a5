//! What is due within the next minutes, kept in memory: while the store cannot be written it is still removed at its
//! target. The store's rows stay as they are; once it is back they are worked off in the ordinary way, which finds the
//! accounts gone, and records when each step was seen done.
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::{CredentialId, TargetId};
use hallpass_domain::transition::{Change, Transition};

use super::reports::Report;
use crate::broker::Broker;

/// How far ahead it looks, minutes. A store that is gone for longer is a disaster with people at work.
const AHEAD_MINUTES: i64 = 15;
/// Most credentials that it holds.
const MOST: u32 = 20_000;
/// Time for a read that fills it.
const PATIENCE: Duration = Duration::from_secs(2);
/// When each step of a removal was seen done, before it could be recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    denied_at: Option<Timestamp>,
    sessions_ended_at: Option<Timestamp>,
    sessions_cut: Option<i32>,
    removed_at: Option<Timestamp>,
    /// Verified absent: nothing is left to do but to record it.
    verified: bool,
}

#[derive(Default)]
struct Inner {
    due: BTreeMap<CredentialId, Credential>,
    unrecorded: BTreeMap<CredentialId, Unrecorded>,
    catalogue: Option<Arc<Catalogue>>,
    rest: HashMap<TargetId, Timestamp>,
    /// Something changed since it was written down.
    changed: bool,
    /// What was noted since the read began that fills it.
    noted: HashSet<CredentialId>,
}

impl Inner {
    /// Takes the place of what is in it, but for what was noted since the read began and is newer.
    fn fill(&mut self, read: Vec<Credential>) {
        let mut due: BTreeMap<_, _> = read.into_iter().map(|c| (c.id, c)).collect();
        for id in std::mem::take(&mut self.noted) {
            match self.due.get(&id) {
                Some(noted) if due.get(&id).is_none_or(|read| read.version < noted.version) => {
                    due.insert(id, noted.clone());
                }
                Some(_) => {}
                // Noted as revoked: nothing comes after that.
                None => drop(due.remove(&id)),
            }
        }
        self.changed |= self.due != due;
        self.due = due;
    }
}

/// The window.
#[derive(Default)]
pub struct Window(Mutex<Inner>);

impl Window {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes what a commit of ours made of credentials: those made since the window was filled are in it too.
    pub fn note(&self, changed: &[Credential], now: Timestamp) {
        if changed.is_empty() {
            return;
        }
        let horizon = now + chrono::Duration::minutes(AHEAD_MINUTES);
        let mut inner = self.inner();
        for credential in changed {
            inner.noted.insert(credential.id);
            if credential.state == CredentialState::Revoked {
                inner.changed |= inner.due.remove(&credential.id).is_some();
                inner.unrecorded.remove(&credential.id);
            } else if credential.due_at < horizon {
                inner.due.insert(credential.id, credential.clone());
                inner.changed = true;
            }
        }
    }

    /// Everything in it, where it changed since the last call.
    pub(super) fn changed(&self) -> Option<(Vec<Credential>, Option<Arc<Catalogue>>)> {
        let mut inner = self.inner();
        std::mem::take(&mut inner.changed)
            .then(|| (inner.due.values().cloned().collect(), inner.catalogue.clone()))
    }

    /// Writing it down failed: it is tried again.
    pub(super) fn changed_again(&self) {
        self.inner().changed = true;
    }

    /// Takes up what was kept.
    pub(super) fn load(&self, due: Vec<Credential>, catalogue: Arc<Catalogue>) {
        let mut inner = self.inner();
        inner.due = due.into_iter().map(|c| (c.id, c)).collect();
        inner.catalogue = Some(catalogue);
    }

    /// How many are in it and not verified gone.
    pub fn left(&self) -> usize {
        let inner = self.inner();
        inner.due.keys().filter(|id| !inner.unrecorded.get(*id).is_some_and(|seen| seen.verified)).count()
    }

    /// The row with what was seen of it while it could not be recorded.
    pub fn with_unrecorded(&self, credential: Credential) -> Credential {
        let Some(seen) = self.inner().unrecorded.get(&credential.id).copied() else { return credential };
        Credential {
            denied_at: credential.denied_at.or(seen.denied_at),
            sessions_ended_at: credential.sessions_ended_at.or(seen.sessions_ended_at),
            sessions_cut: credential.sessions_cut.or(seen.sessions_cut),
            removed_at: credential.removed_at.or(seen.removed_at),
            ..credential
        }
    }

    /// The targets as they were last known.
    pub(super) fn catalogue(&self) -> Option<Arc<Catalogue>> {
        self.inner().catalogue.clone()
    }

    /// Leaves a target alone until then.
    pub(super) fn rest(&self, target: TargetId, until: Timestamp) {
        self.inner().rest.insert(target, until);
    }

    /// Keeps what was seen of a credential without a record, and calls `gone` where it was verified absent, before anybody
    /// can see here that nothing of it is left. What is no longer in the window was recorded in the ordinary way meanwhile.
    pub(super) fn keep_seen(&self, credential: Credential, verified: bool, gone: impl FnOnce(&Credential)) {
        let mut inner = self.inner();
        if !inner.due.contains_key(&credential.id) {
            return;
        }
        if verified {
            gone(&credential);
        }
        let seen = Unrecorded {
            denied_at: credential.denied_at,
            sessions_ended_at: credential.sessions_ended_at,
            sessions_cut: credential.sessions_cut,
            removed_at: credential.removed_at,
            verified,
        };
        inner.unrecorded.insert(credential.id, seen);
        inner.due.insert(credential.id, credential);
    }

    /// What is due and not removed yet, by target, leaving out targets that are down.
    pub(super) fn to_remove(&self, now: Timestamp) -> BTreeMap<TargetId, Vec<Credential>> {
        let inner = self.inner();
        let mut out: BTreeMap<TargetId, Vec<Credential>> = BTreeMap::new();
        for credential in inner.due.values().filter(|c| c.due_at <= now) {
            let done = inner.unrecorded.get(&credential.id).is_some_and(|seen| seen.verified);
            let resting = inner.rest.get(&credential.target_id).is_some_and(|until| now < *until);
            if !done && !resting {
                out.entry(credential.target_id).or_default().push(credential.clone());
            }
        }
        out
    }
}

/// The credentials that a transition writes.
pub fn credentials_of(transition: &Transition) -> Vec<Credential> {
    transition
        .changes
        .iter()
        .filter_map(|c| if let Change::Credential(c) = c { Some((**c).clone()) } else { None })
        .collect()
}

impl Broker {
    /// Fills the window from the store.
    pub async fn step_fill_window(&self) -> Report {
        let now = self.now();
        // Everything overdue belongs in it too.
        let horizon = now + chrono::Duration::minutes(AHEAD_MINUTES);
        self.window.inner().noted.clear();
        let read = async {
            let catalogue = self.store.catalogue().await?;
            Ok::<_, hallpass_domain::ports::store::ReadError>((
                self.store.due_between(Timestamp::UNIX_EPOCH, horizon, MOST).await?,
                catalogue,
            ))
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(Ok((due, catalogue))) => {
                let mut inner = self.window.inner();
                let same = inner.catalogue.as_ref().is_some_and(|old| old.targets == catalogue.targets);
                inner.changed |= !same;
                inner.fill(due);
                inner.catalogue = Some(catalogue);
                Report::default()
            }
            Ok(Err(error)) => Report { error: Some(error.to_string()), ..Report::default() },
            Err(_) => {
                Report { error: Some("the store did not answer in time".to_owned()), ..Report::default() }
            }
        }
    }
}
