//! The only way to remove something at a target: deny and end sessions, which waits for nobody; drop and verify, or first
//! hand over what it owns; then record it.
use chrono::Duration;
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt as _};
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::ports::target::{Removal, Step, TargetConnector, TargetError};
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

/// For so long a hand-over is ours before another may begin it again.
const LEASE: Duration = Duration::seconds(30);
/// Tries to write a row that others move at the same time.
const TRIES: usize = 5;
/// Hand-overs at a time: each is a connection to the database concerned.
const HAND_OVERS: usize = 8;
/// Longest time between two tries while somebody may still be in, or come in.
const SOON: Duration = Duration::seconds(5);

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
    /// What the last step that answered saw.
    seen: Removal,
    left: Vec<String>,
}

impl Work {
    fn new(credential: Credential) -> Self {
        Self { credential, failed: None, seen: Removal::default(), left: Vec::new() }
    }

    fn is_ours(&self) -> bool {
        !matches!(self.failed, Some(TargetError::NotOurs))
    }

    fn is_down(&self) -> bool {
        matches!(self.failed, Some(TargetError::Down(_)))
    }

    fn goes_on(&self) -> bool {
        self.failed.is_none()
    }

    fn verified(&self) -> bool {
        self.goes_on() && self.seen.verified_absent
    }

    /// Nobody is in and nobody comes in any more, but it is there: something hangs on it.
    fn is_laden(&self) -> bool {
        self.goes_on() && self.seen.denied && self.seen.sessions_ended && !self.seen.removed
    }
}

/// A batch of which new logins were refused, as far as that could be done.
pub(crate) struct Batch(Vec<Work>);

impl Batch {
    /// The target could not be reached for one of them.
    pub(crate) fn is_down(&self) -> bool {
        self.0.iter().any(Work::is_down)
    }
}

/// What was seen of a batch that could not be recorded: each credential, and whether it was verified absent.
pub(crate) struct Seen {
    pub(crate) down: bool,
    pub(crate) credentials: Vec<(Credential, bool)>,
}

impl Broker {
    /// First part of the removal of a batch that this worker has claimed: new logins are refused. Every step is
    /// idempotent; dying anywhere leaves rows that the next claim takes from the start.
    pub(crate) async fn deny_batch(&self, connector: &dyn TargetConnector, batch: Vec<Credential>) -> Batch {
        let mut work = self.begin(batch).await;
        self.run_step(connector, Step::Deny, &mut work, |_| true).await;
        Batch(work)
    }

    /// All that follows. What takes long for one credential delays no other of the batch: those on which nothing hangs
    /// are dropped, verified and recorded first.
    pub(crate) async fn finish_batch(&self, connector: &dyn TargetConnector, batch: Batch) -> Removed {
        let mut work = batch.0;
        self.throw_out(connector, &mut work).await;
        self.drop_plain(connector, &mut work).await;
        let (laden, plain): (Vec<Work>, Vec<Work>) = work.into_iter().partition(Work::is_laden);
        let down = plain.iter().any(Work::is_down);
        let plain = join_all(plain.into_iter().map(|w| self.record(w))).await;
        let laden = stream::iter(laden)
            .map(|w| self.hand_over(connector, w))
            .buffer_unordered(HAND_OVERS)
            .collect::<Vec<(bool, bool)>>()
            .await;
        let revoked = plain.iter().chain(laden.iter().map(|(revoked, _)| revoked)).filter(|r| **r).count();
        let down = down || laden.iter().any(|(_, down)| *down);
        Removed { revoked, left: plain.len() + laden.len() - revoked, down }
    }

    /// The steps alone, for what cannot be recorded now.
    pub(crate) async fn remove_without_record(
        &self,
        connector: &dyn TargetConnector,
        batch: Vec<Credential>,
    ) -> Seen {
        let mut work: Vec<Work> = batch.into_iter().map(Work::new).collect();
        self.run_step(connector, Step::Deny, &mut work, |_| true).await;
        self.throw_out(connector, &mut work).await;
        self.drop_plain(connector, &mut work).await;
        self.run_step(connector, Step::Remove, &mut work, Work::is_laden).await;
        self.run_step(connector, Step::VerifyAbsent, &mut work, |w| w.goes_on() && !w.verified()).await;
        Seen {
            down: work.iter().any(Work::is_down),
            credentials: work.into_iter().map(|w| (w.credential.clone(), w.verified())).collect(),
        }
    }

    /// Ends sessions, whatever came of the refusal: a session can hold the very lock on which that failed. Where it failed
    /// it is tried again now, and who came in meanwhile goes too.
    async fn throw_out(&self, connector: &dyn TargetConnector, work: &mut [Work]) {
        let refused: Vec<Option<TargetError>> =
            work.iter_mut().map(|w| w.failed.take_if(|e| *e != TargetError::NotOurs)).collect();
        self.run_step(connector, Step::EndSessions, work, Work::is_ours).await;
        let mut again = false;
        for (w, refused) in work.iter_mut().zip(refused) {
            if let (true, Some(error)) = (w.goes_on(), refused) {
                w.failed = Some(error);
                w.seen = Removal::default();
                again = true;
            }
        }
        if !again {
            return;
        }
        let stuck: Vec<bool> = work.iter().map(|w| w.is_ours() && !w.goes_on()).collect();
        let mut second: Vec<&mut Work> =
            work.iter_mut().zip(stuck).filter(|(_, stuck)| *stuck).map(|(w, _)| w).collect();
        for w in &mut second {
            w.failed = None;
        }
        self.step_over(connector, Step::Deny, &mut second).await;
        second.retain(|w| w.goes_on());
        self.step_over(connector, Step::EndSessions, &mut second).await;
    }

    async fn drop_plain(&self, connector: &dyn TargetConnector, work: &mut [Work]) {
        self.run_step(connector, Step::Drop, work, Work::goes_on).await;
        self.run_step(connector, Step::VerifyAbsent, work, |w| w.goes_on() && !w.is_laden()).await;
    }

    /// The slow part, for one credential on which something hangs: whether it is revoked, and whether the target is down.
    async fn hand_over(&self, connector: &dyn TargetConnector, work: Work) -> (bool, bool) {
        let Some(work) = self.keep(work).await else { return (false, false) };
        let mut work = [work];
        self.run_step(connector, Step::Remove, &mut work, Work::goes_on).await;
        self.run_step(connector, Step::VerifyAbsent, &mut work, |w| w.goes_on() && w.seen.removed).await;
        let [work] = work;
        let down = work.is_down();
        (self.record(work).await, down)
    }

    /// Records how far it is, and keeps the claim while the rest is done; none where somebody else has it now.
    async fn keep(&self, work: Work) -> Option<Work> {
        let now = self.now();
        let next = Credential {
            claimed_until: Some(now + LEASE),
            version: work.credential.version + 1,
            ..work.credential.clone()
        };
        match self.commit(Transition::new(now).with(Change::Credential(Box::new(next.clone())))).await {
            Ok(()) => Some(Work { credential: next, ..work }),
            Err(CommitError::Conflict(_)) => None,
            Err(error) => {
                tracing::warn!(credential = %next.id, %error, "how far its removal is was not recorded");
                Some(work)
            }
        }
    }

    /// Moves what is not `revoking` yet there, with its event, before anything is touched at the target.
    async fn begin(&self, batch: Vec<Credential>) -> Vec<Work> {
        let now = self.now();
        let begun = join_all(batch.into_iter().map(|c| self.begin_one(c, now))).await;
        begun.into_iter().flatten().map(|c| Work::new(self.window.with_unrecorded(c))).collect()
    }

    /// One of them. The grant's end may move the row between our claim and this: the claim stands, so the row is taken
    /// as it is now. Left alone it would wait for the end of our lease, with its sessions open.
    async fn begin_one(&self, claimed: Credential, now: Timestamp) -> Option<Credential> {
        let mut c = claimed;
        for _ in 0..TRIES {
            if c.state == CredentialState::Revoking {
                return Some(c);
            }
            let next = Credential { state: CredentialState::Revoking, version: c.version + 1, ..c.clone() };
            let transition = Transition::new(now)
                .event(revoking_event(&next, ACTOR, now))
                .with(Change::Credential(Box::new(next.clone())));
            match self.commit(transition).await {
                Ok(()) => return Some(next),
                Err(CommitError::Conflict(_)) => c = self.still_ours(&c).await?,
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
        let row = self.store.credential(claimed.id).await.ok().flatten()?;
        let ours = row.fence == claimed.fence && row.claimed_by.as_deref() == Some(&self.settings.worker);
        (ours && row.state != CredentialState::Revoked).then_some(row)
    }

    /// One step for those of the batch that want it.
    async fn run_step(
        &self,
        connector: &dyn TargetConnector,
        step: Step,
        work: &mut [Work],
        wants: fn(&Work) -> bool,
    ) {
        let mut some: Vec<&mut Work> = work.iter_mut().filter(|w| wants(w)).collect();
        self.step_over(connector, step, &mut some).await;
    }

    async fn step_over(&self, connector: &dyn TargetConnector, step: Step, work: &mut [&mut Work]) {
        let batch: Vec<Credential> = work.iter().map(|w| w.credential.clone()).collect();
        if batch.is_empty() {
            return;
        }
        let (before, after) = step_points(step);
        hallpass_domain::failpoint::hit(before);
        let answers = connector.step(step, &batch).await;
        hallpass_domain::failpoint::hit(after);
        let now = self.now();
        let mut answers = answers.into_iter();
        for w in work.iter_mut() {
            match answers.next() {
                Some(Ok(mut removal)) => {
                    let c = &mut w.credential;
                    mark(&mut c.denied_at, removal.denied, now);
                    // While somebody can come in, nobody being in is no fact for the record.
                    mark(&mut c.sessions_ended_at, removal.sessions_ended && c.denied_at.is_some(), now);
                    mark(&mut c.removed_at, removal.removed, now);
                    if step == Step::EndSessions {
                        let cut = i32::try_from(removal.sessions_cut).unwrap_or(i32::MAX);
                        c.sessions_cut = Some(c.sessions_cut.unwrap_or(0).saturating_add(cut));
                    }
                    // After a create whose answer was lost only the target knows it; sessions are counted by it.
                    c.external_oid = c.external_oid.or(removal.external_oid);
                    w.left.append(&mut removal.left);
                    w.seen = removal;
                }
                Some(Err(error)) => w.failed = Some(error),
                None => w.failed = Some(TargetError::Refused("the connector gave no answer".to_owned())),
            }
        }
    }

    /// Records what came of one credential; true where it is revoked now. Where the row was moved meanwhile, by an alert
    /// for instance, and is still ours, it is recorded on top of that.
    async fn record(&self, mut work: Work) -> bool {
        for _ in 0..TRIES {
            match self.try_record(&work).await {
                Ok(revoked) => return revoked,
                Err(CommitError::Conflict(_)) => match self.still_ours(&work.credential).await {
                    Some(row) => work.credential = on_top_of(row, &work.credential),
                    None => return false,
                },
                Err(error) => {
                    tracing::warn!(credential = %work.credential.id, %error, "the outcome was not recorded; it is looked at again");
                    return false;
                }
            }
        }
        false
    }

    async fn try_record(&self, work: &Work) -> Result<bool, CommitError> {
        let now = self.now();
        let revoked = work.verified();
        let c = &work.credential;
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
                transition = transition.mails(mails::revocation_recovered(
                    &catalogue,
                    std::slice::from_ref(&next),
                    now,
                ));
            }
        } else {
            let down = matches!(work.failed, Some(TargetError::Down(_)));
            next.last_error = work.failed.as_ref().map(|e| e.class().to_owned());
            if let Some(error) = &work.failed {
                tracing::warn!(credential = %next.id, target = %next.target_id, %error, "not removed yet");
                // A dead target spends no attempts: its breaker says when to come back.
                next.attempts += i32::from(!down);
                let mut wait = backoff(next.attempts);
                if next.sessions_ended_at.is_none() && *error != TargetError::NotOurs {
                    wait = wait.min(SOON);
                }
                next.next_attempt_at = if down { now } else { now + wait };
            } else {
                // Removed, but a create could still land: look again when it cannot.
                next.next_attempt_at = now.max(next.create_deadline) + Duration::milliseconds(500);
            }
        }
        self.commit(transition.with(Change::Credential(Box::new(next)))).await?;
        if revoked {
            self.reports.lag.observe(now - c.due_at);
        }
        Ok(revoked)
    }
}

/// What was seen at the target, on the row as it is now.
fn on_top_of(row: Credential, seen: &Credential) -> Credential {
    Credential {
        denied_at: seen.denied_at,
        sessions_ended_at: seen.sessions_ended_at,
        removed_at: seen.removed_at,
        external_oid: seen.external_oid,
        ..row
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

fn step_points(step: Step) -> (&'static str, &'static str) {
    match step {
        Step::Deny => ("target.deny.before", "target.deny.after"),
        Step::EndSessions => ("target.end_sessions.before", "target.end_sessions.after"),
        Step::Drop => ("target.drop.before", "target.drop.after"),
        Step::Remove => ("target.remove.before", "target.remove.after"),
        Step::VerifyAbsent => ("target.verify.before", "target.verify.after"),
    }
}
