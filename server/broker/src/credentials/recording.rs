//! What comes of a removal, written down: its beginning before anything is taken away, how far it is, and its end. Others
//! write the same rows at the same time, an end of a grant or an alert; what is ours is written on top of that.
use std::collections::HashMap;

use chrono::Duration;
use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::ports::target::TargetError;
use hallpass_domain::secret::random_bytes;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::login::subjects;
use super::perform::Work;
use crate::broker::Broker;
use crate::events::event;
use crate::grants::ending::revoking_event;
use crate::mails;

/// Who removes, in audit events.
const ACTOR: &str = "system:revoker";
/// For so long a hand-over is ours before another may begin it again.
const LEASE: Duration = Duration::seconds(30);
/// Tries to write a row that others move at the same time.
const TRIES: usize = 5;
/// Most removals that came to nothing in one commit: the writer does nothing else meanwhile.
const TOGETHER: usize = 200;
/// Longest time between two tries while somebody may still be in, or come in.
const SOON: Duration = Duration::seconds(5);

impl Broker {
    /// Moves what is not `revoking` yet there, with its event. Ends of grants move most of the rows meanwhile: all are
    /// looked at first.
    pub(super) async fn begin(&self, batch: Vec<Work>) -> Vec<Work> {
        let ids: Vec<CredentialId> =
            batch.iter().map(|w| &w.credential).filter(|c| !is_begun(c)).map(|c| c.id).collect();
        let rows = match self.store.credentials(&ids).await {
            Ok(rows) if rows.len() == ids.len() => rows,
            // One by one, then, as far as that can be done.
            _ => Vec::new(),
        };
        let rows: HashMap<CredentialId, Credential> = rows.into_iter().map(|c| (c.id, c)).collect();
        let (rows, now) = (&rows, self.now());
        let begun = batch.into_iter().map(|work| async move {
            let credential = match rows.get(&work.credential.id) {
                Some(row) => on_top_of(self.if_ours(&work.credential, row.clone())?, &work.credential),
                None => work.credential,
            };
            Some(Work { credential: self.begin_one(credential, now).await?, ..work })
        });
        join_all(begun).await.into_iter().flatten().collect()
    }

    /// One of them. The grant's end may move the row between our claim and this: the claim stands, so the row is taken
    /// as it is now. Left alone it would wait for the end of our lease, with its sessions open.
    async fn begin_one(&self, claimed: Credential, now: Timestamp) -> Option<Credential> {
        let mut c = claimed;
        for _ in 0..TRIES {
            if is_begun(&c) {
                return Some(c);
            }
            let next = Credential { state: CredentialState::Revoking, version: c.version + 1, ..c.clone() };
            let transition = Transition::new(now)
                .event(revoking_event(&next, ACTOR, now))
                .with(Change::Credential(Box::new(next.clone())));
            match self.commit(transition).await {
                Ok(()) => return Some(next),
                Err(CommitError::Conflict(_)) => c = on_top_of(self.still_ours(&c).await?, &c),
                // Fail safe: what is due is removed even where it cannot be recorded; the row is taken up again later.
                Err(error) => {
                    tracing::error!(credential = %next.id, %error, "removing without a record; it is recorded when the store is back");
                    return Some(next);
                }
            }
        }
        None
    }

    /// The row as it is now, where our claim on it still holds.
    async fn still_ours(&self, claimed: &Credential) -> Option<Credential> {
        self.if_ours(claimed, self.store.credential(claimed.id).await.ok().flatten()?)
    }

    fn if_ours(&self, claimed: &Credential, row: Credential) -> Option<Credential> {
        let ours = row.fence == claimed.fence && row.claimed_by.as_deref() == Some(&self.settings.worker);
        (ours && row.state != CredentialState::Revoked).then_some(row)
    }

    /// Records how far it is, and keeps the claim while the rest is done; none where somebody else has it now.
    pub(super) async fn keep(&self, mut work: Work) -> Option<Work> {
        for _ in 0..TRIES {
            let now = self.now();
            let next = Credential {
                claimed_until: Some(now + LEASE),
                version: work.credential.version + 1,
                ..work.credential.clone()
            };
            match self.commit(Transition::new(now).with(Change::Credential(Box::new(next.clone())))).await {
                Ok(()) => return Some(Work { credential: next, ..work }),
                Err(CommitError::Conflict(_)) => {
                    let row = self.still_ours(&work.credential).await?;
                    work.credential = on_top_of(row, &work.credential);
                }
                Err(error) => {
                    tracing::warn!(credential = %next.id, %error, "how far its removal is was not recorded");
                    return Some(work);
                }
            }
        }
        None
    }

    /// Records what came of a batch at one target; for each, whether it is revoked now. Those whose removal people were
    /// alerted about are recorded together, so that there is one all-clear for them; those that are not removed yet are,
    /// too, so that hundreds at a dead target are a few commits at each look at it. Where a row of them had moved they are
    /// recorded one by one, as the others are.
    pub(super) async fn record_all(&self, batch: Vec<Work>) -> Vec<bool> {
        let (verified, failed): (Vec<Work>, Vec<Work>) = batch.into_iter().partition(Work::verified);
        let (alerted, mut alone): (Vec<Work>, Vec<Work>) =
            verified.into_iter().partition(|w| w.credential.alerted_at.is_some());
        let mut done = Vec::new();
        for together in portions(alerted, usize::MAX).chain(portions(failed, TOGETHER)) {
            if together.len() == 1 {
                alone.extend(together);
                continue;
            }
            match self.try_record(&together).await {
                Ok(()) => done.extend(together.iter().map(Work::verified)),
                Err(CommitError::Conflict(_) | CommitError::Refused(_)) => alone.extend(together),
                Err(error) => {
                    tracing::warn!(%error, credentials = together.len(), "outcomes were not recorded; they are looked at again");
                    done.extend(together.iter().map(|_| false));
                }
            }
        }
        done.extend(join_all(alone.into_iter().map(|w| self.record(w))).await);
        done
    }

    /// Records what came of one credential; true where it is revoked now. Where the row was moved meanwhile, by an alert
    /// for instance, and is still ours, it is recorded on top of that.
    pub(super) async fn record(&self, mut work: Work) -> bool {
        for _ in 0..TRIES {
            match self.try_record(std::slice::from_ref(&work)).await {
                Ok(()) => return work.verified(),
                Err(CommitError::Conflict(_)) => match self.still_ours(&work.credential).await {
                    Some(row) => work.credential = on_top_of(row, &work.credential),
                    None => {
                        tracing::warn!(credential = %work.credential.id, "the outcome was not recorded: somebody else has it now");
                        return false;
                    }
                },
                Err(error) => {
                    tracing::warn!(credential = %work.credential.id, %error, "the outcome was not recorded; it is looked at again");
                    return false;
                }
            }
        }
        false
    }

    /// Records all of them or none.
    async fn try_record(&self, batch: &[Work]) -> Result<(), CommitError> {
        let now = self.now();
        let mut transition = Transition::new(now);
        let mut recovered = Vec::new();
        for work in batch {
            let next = outcome(work, now);
            if work.verified() {
                transition = transition.event(event(
                    now,
                    "credential.revoked",
                    ACTOR,
                    &subjects(&next),
                    evidence(&next, &work.left),
                    json!({}),
                ));
                if next.alerted_at.is_some() {
                    recovered.push(next.clone());
                }
            }
            transition = transition.with(Change::Credential(Box::new(next)));
        }
        if !recovered.is_empty()
            && let Ok(catalogue) = self.catalogue().await
        {
            transition = transition.mails(mails::revocation_recovered(&catalogue, &recovered, now));
        }
        self.commit(transition).await?;
        for work in batch.iter().filter(|w| w.verified()) {
            self.reports.lag.observe(now - work.credential.due_at);
        }
        Ok(())
    }
}

/// The same in portions of at most so many.
fn portions(mut all: Vec<Work>, most: usize) -> impl Iterator<Item = Vec<Work>> {
    std::iter::from_fn(move || {
        let rest = all.split_off(all.len().min(most));
        Some(std::mem::replace(&mut all, rest)).filter(|portion| !portion.is_empty())
    })
}

/// The row after the last step that was tried: revoked where it was verified absent, else when it is looked at again.
fn outcome(work: &Work, now: Timestamp) -> Credential {
    let c = &work.credential;
    let mut next = Credential { version: c.version + 1, claimed_by: None, claimed_until: None, ..c.clone() };
    if work.verified() {
        next.state = CredentialState::Revoked;
        next.verified_at = Some(now);
        next.last_error = None;
        return next;
    }
    next.last_error = work.failed.as_ref().map(|e| e.class().to_owned());
    if let Some(error) = &work.failed {
        tracing::warn!(credential = %next.id, target = %next.target_id, %error, "not removed yet");
        // A dead target spends no attempts: its breaker says when to come back.
        next.attempts += i32::from(!work.is_down());
        let mut wait = backoff(next.attempts);
        if next.sessions_ended_at.is_none() && *error != TargetError::NotOurs {
            wait = wait.min(SOON);
        }
        next.next_attempt_at = if work.is_down() { now } else { now + wait };
    } else {
        // Removed, but a create could still land: look again when it cannot.
        next.next_attempt_at = now.max(next.create_deadline) + Duration::milliseconds(500);
    }
    next
}

fn is_begun(credential: &Credential) -> bool {
    credential.state == CredentialState::Revoking
}

/// What was seen at the target, on the row as it is now; what stands there and was not seen by us stays.
fn on_top_of(row: Credential, seen: &Credential) -> Credential {
    Credential {
        denied_at: seen.denied_at.or(row.denied_at),
        sessions_ended_at: seen.sessions_ended_at.or(row.sessions_ended_at),
        sessions_cut: seen.sessions_cut.or(row.sessions_cut),
        removed_at: seen.removed_at.or(row.removed_at),
        external_oid: seen.external_oid.or(row.external_oid),
        ..row
    }
}

/// Milliseconds after the credential was due at which each fact was seen: the evidence of a receipt.
fn evidence(c: &Credential, left: &[String]) -> serde_json::Value {
    let after = |at: Option<Timestamp>| at.map(|t| (t - c.due_at).num_milliseconds());
    json!({
        "external_name": c.external_name, "due_at": c.due_at.to_rfc3339(), "no_login_ms": after(c.denied_at), "sessions_dead_ms": after(c.sessions_ended_at),
        "sessions_cut": c.sessions_cut,
        "removed_ms": after(c.removed_at), "verified_ms": after(c.verified_at), "left_in_quarantine": left.len(),
    })
}

/// Full jitter between 1 s and 5 min, doubling by attempt; without end.
pub fn backoff(attempts: i32) -> Duration {
    let cap = 1_000i64.saturating_mul(1i64 << attempts.clamp(0, 9)).min(300_000);
    let random = random_bytes::<4>().map(u32::from_le_bytes).unwrap_or(u32::MAX / 2);
    let share = f64::from(random) / f64::from(u32::MAX);
    #[expect(clippy::cast_possible_truncation, reason = "at most 300,000 ms")]
    let jittered = ((cap as f64) * share) as i64;
    Duration::milliseconds(jittered.max(1_000))
}
