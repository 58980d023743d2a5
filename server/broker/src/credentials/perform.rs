//! The only way to remove something at a target: deny, end sessions, remove, verify; then record it.
use chrono::Duration;
use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::ports::target::{Step, TargetConnector, TargetError};
use hallpass_domain::secret::random_bytes;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::login::subjects;
use crate::broker::Broker;
use crate::events::event;
use crate::grants::ending::revoking_event;
use crate::mails;

/// Who removes, in audit events.
const ACTOR: &str = "system:revoker";

/// What one batch came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Removed {
    /// Verified absent and recorded.
    pub revoked: usize,
    /// Tried again later.
    pub left: usize,
    /// The target could not be reached.
    pub down: bool,
}

/// A credential on its way through the steps.
struct Work {
    credential: Credential,
    failed: Option<TargetError>,
    verified: bool,
    left: Vec<String>,
}

impl Work {
    fn new(credential: Credential) -> Self {
        Self { credential, failed: None, verified: false, left: Vec::new() }
    }
}

/// What was seen of a batch that could not be recorded: each credential, and whether it was verified absent.
pub(crate) struct Seen {
    pub(crate) down: bool,
    pub(crate) credentials: Vec<(Credential, bool)>,
}

impl Broker {
    /// Removes a batch that this worker has claimed. Every step is idempotent; dying anywhere leaves rows that the
    /// next claim takes from the start.
    pub async fn remove_batch(&self, connector: &dyn TargetConnector, batch: Vec<Credential>) -> Removed {
        let mut work = self.begin(batch).await;
        self.run_steps(connector, &mut work).await;
        let down = work.iter().any(|w| matches!(w.failed, Some(TargetError::Down(_))));
        let recorded = join_all(work.into_iter().map(|w| self.record(w))).await;
        let revoked = recorded.iter().filter(|r| **r).count();
        Removed { revoked, left: recorded.len() - revoked, down }
    }

    /// The steps alone, for what cannot be recorded now.
    pub(crate) async fn remove_without_record(
        &self,
        connector: &dyn TargetConnector,
        batch: Vec<Credential>,
    ) -> Seen {
        let mut work: Vec<Work> = batch.into_iter().map(Work::new).collect();
        self.run_steps(connector, &mut work).await;
        let down = work.iter().any(|w| matches!(w.failed, Some(TargetError::Down(_))));
        Seen {
            down,
            credentials: work.into_iter().map(|w| (w.credential, w.failed.is_none() && w.verified)).collect(),
        }
    }

    async fn run_steps(&self, connector: &dyn TargetConnector, work: &mut [Work]) {
        for step in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
            self.run_step(connector, step, work).await;
            if work.iter().all(|w| w.failed.is_some()) {
                break;
            }
        }
    }

    /// Moves what is not `revoking` yet there, with its event, before anything is touched at the target.
    async fn begin(&self, batch: Vec<Credential>) -> Vec<Work> {
        let now = self.now();
        let begun = join_all(batch.into_iter().map(|c| async move {
            if c.state == CredentialState::Revoking {
                return Some(c);
            }
            let next = Credential { state: CredentialState::Revoking, version: c.version + 1, ..c };
            let transition = Transition::new(now).event(revoking_event(&next, ACTOR, now)).with(Change::Credential(Box::new(next.clone())));
            match self.commit(transition).await {
                Ok(()) => Some(next),
                // Somebody else moved it: it is claimed again from its new state.
                Err(CommitError::Conflict(_)) => None,
                // Fail safe: what is due is removed even where it cannot be recorded; the row is taken up again later.
                Err(error) => {
                    tracing::error!(credential = %next.id, %error, "removing without a record; it is recorded when the store is back");
                    Some(next)
                }
            }
        }))
        .await;
        begun.into_iter().flatten().map(|c| Work::new(self.window.with_unrecorded(c))).collect()
    }

    async fn run_step(&self, connector: &dyn TargetConnector, step: Step, work: &mut [Work]) {
        let batch: Vec<Credential> =
            work.iter().filter(|w| w.failed.is_none()).map(|w| w.credential.clone()).collect();
        if batch.is_empty() {
            return;
        }
        hallpass_domain::failpoint::hit(step_point(step, false));
        let answers = connector.step(step, &batch).await;
        hallpass_domain::failpoint::hit(step_point(step, true));
        let now = self.now();
        let mut answers = answers.into_iter();
        for w in work.iter_mut().filter(|w| w.failed.is_none()) {
            match answers.next() {
                Some(Ok(removal)) => {
                    let c = &mut w.credential;
                    mark(&mut c.denied_at, removal.denied, now);
                    mark(&mut c.sessions_ended_at, removal.sessions_ended, now);
                    mark(&mut c.removed_at, removal.removed, now);
                    // After a create whose answer was lost only the target knows it; sessions are counted by it.
                    c.external_oid = c.external_oid.or(removal.external_oid);
                    w.left.extend(removal.left);
                    w.verified = removal.verified_absent;
                }
                Some(Err(error)) => w.failed = Some(error),
                None => w.failed = Some(TargetError::Refused("the connector gave no answer".to_owned())),
            }
        }
    }

    /// Records what came of one credential; true where it is revoked now.
    async fn record(&self, work: Work) -> bool {
        let now = self.now();
        let revoked = work.failed.is_none() && work.verified;
        let c = work.credential;
        let mut next =
            Credential { version: c.version + 1, claimed_by: None, claimed_until: None, ..c.clone() };
        let mut transition = Transition::new(now);
        if revoked {
            next.state = CredentialState::Revoked;
            next.verified_at = Some(now);
            next.last_error = None;
            transition = transition.event(event(
                now,
                "credential.revoked",
                ACTOR,
                &subjects(&next),
                evidence(&next, &work.left),
                json!({}),
            ));
            if next.alerted_at.is_some()
                && let Ok(catalogue) = self.catalogue().await
            {
                transition = transition.mails(mails::revocation_alert(&catalogue, &next, true, now));
            }
        } else {
            let down = matches!(work.failed, Some(TargetError::Down(_)));
            next.last_error = work.failed.as_ref().map(|e| e.class().to_owned());
            if let Some(error) = &work.failed {
                tracing::warn!(credential = %next.id, target = %next.target_id, %error, "not removed yet");
                // A dead target spends no attempts: its breaker says when to come back.
                next.attempts += i32::from(!down);
                next.next_attempt_at = if down { now } else { now + backoff(next.attempts) };
            } else {
                // Removed, but a create could still land: look again when it cannot.
                next.next_attempt_at = now.max(next.create_deadline) + Duration::milliseconds(500);
            }
        }
        match self.commit(transition.with(Change::Credential(Box::new(next)))).await {
            Ok(()) => revoked,
            Err(error) => {
                tracing::warn!(credential = %c.id, %error, "the outcome was not recorded; it is looked at again");
                false
            }
        }
    }
}

fn mark(at: &mut Option<Timestamp>, done: bool, now: Timestamp) {
    if done && at.is_none() {
        *at = Some(now);
    }
}

/// Milliseconds after the credential was due at which each fact was seen: the evidence of a receipt.
fn evidence(c: &Credential, left: &[String]) -> serde_json::Value {
    let after = |at: Option<Timestamp>| at.map(|t| (t - c.due_at).num_milliseconds());
    json!({
        "external_name": c.external_name, "due_at": c.due_at.to_rfc3339(), "no_login_ms": after(c.denied_at), "sessions_dead_ms": after(c.sessions_ended_at),
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

fn step_point(step: Step, after: bool) -> &'static str {
    match (step, after) {
        (Step::Deny, false) => "target.deny.before",
        (Step::Deny, true) => "target.deny.after",
        (Step::EndSessions, false) => "target.end_sessions.before",
        (Step::EndSessions, true) => "target.end_sessions.after",
        (Step::Remove, false) => "target.remove.before",
        (Step::Remove, true) => "target.remove.after",
        (Step::VerifyAbsent, false) => "target.verify.before",
        (Step::VerifyAbsent, true) => "target.verify.after",
    }
}
