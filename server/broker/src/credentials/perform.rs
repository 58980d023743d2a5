//! The only way to remove something at a target: deny and end sessions, which waits for nobody, not for the record of it
//! either; drop and verify, or first hand over what it owns. What came of it is written down in `recording.rs`.
use futures_util::stream::{self, StreamExt as _};
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ports::target::{Removal, Step, TargetConnector, TargetError};

use crate::broker::Broker;

/// Hand-overs at a time: each is a connection to the database concerned.
const HAND_OVERS: usize = 8;

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
pub(super) struct Work {
    pub(super) credential: Credential,
    pub(super) failed: Option<TargetError>,
    /// What the last step that answered saw.
    pub(super) seen: Removal,
    /// What stayed in quarantine.
    pub(super) left: Vec<String>,
}

impl Work {
    pub(super) fn new(credential: Credential) -> Self {
        Self { credential, failed: None, seen: Removal::default(), left: Vec::new() }
    }

    fn is_ours(&self) -> bool {
        !matches!(self.failed, Some(TargetError::NotOurs))
    }

    pub(super) fn is_down(&self) -> bool {
        matches!(self.failed, Some(TargetError::Down(_)))
    }

    fn goes_on(&self) -> bool {
        self.failed.is_none()
    }

    pub(super) fn verified(&self) -> bool {
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
    /// idempotent; dying anywhere leaves rows that the next claim takes from the start. What may be in the middle of being
    /// made is moved first, so that it is not called live any more. A live login that is due is not: nobody stays in for
    /// as long as a thousand rows take to be written.
    pub(crate) async fn deny_batch(&self, connector: &dyn TargetConnector, batch: Vec<Credential>) -> Batch {
        let batch = batch.into_iter().map(|c| Work::new(self.window.with_unrecorded(c)));
        let (mut work, other): (Vec<Work>, Vec<Work>) =
            batch.partition(|w| w.credential.state == CredentialState::Live);
        work.extend(self.begin(other).await);
        self.run_step(connector, Step::Deny, &mut work, |_| true).await;
        Batch(work)
    }

    /// All that follows. What takes long for one credential delays no other of the batch: those on which nothing hangs
    /// are dropped, verified and recorded first.
    pub(crate) async fn finish_batch(&self, connector: &dyn TargetConnector, batch: Batch) -> Removed {
        let mut work = batch.0;
        self.throw_out(connector, &mut work).await;
        let mut work = self.begin(work).await;
        self.drop_plain(connector, &mut work).await;
        let (laden, plain): (Vec<Work>, Vec<Work>) = work.into_iter().partition(Work::is_laden);
        let down = plain.iter().any(Work::is_down);
        let plain = self.record_all(plain).await;
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
}

fn mark(at: &mut Option<Timestamp>, done: bool, now: Timestamp) {
    if done && at.is_none() {
        *at = Some(now);
    }
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
