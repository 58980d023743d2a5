//! Nudges: a commit wakes the reconcilers that act on it. A lost nudge costs a second, never correctness.
use std::sync::Arc;

use hallpass_domain::mail::MailState;
use hallpass_domain::transition::{Change, Transition};
use tokio::sync::Notify;

/// Which reconcilers to wake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wake {
    /// Outbox.
    pub mail: bool,
    /// Ends of grants and removals.
    pub ends: bool,
    /// Audit sealer.
    pub seal: bool,
}

/// One bell per kind of work.
#[derive(Clone, Debug, Default)]
pub struct Nudges {
    /// Outbox.
    pub mail: Arc<Notify>,
    /// Ends of grants and removals.
    pub ends: Arc<Notify>,
    /// Audit sealer.
    pub seal: Arc<Notify>,
}

impl Nudges {
    /// Silent bells.
    pub fn new() -> Self {
        Self::default()
    }
    /// Rings. Somebody not waiting yet is woken at once when they wait.
    pub fn wake(&self, wake: Wake) {
        for (ring, bell) in [(wake.mail, &self.mail), (wake.ends, &self.ends), (wake.seal, &self.seal)] {
            if ring {
                bell.notify_one();
            }
        }
    }
}

/// Who acts on a transition.
pub fn wakes(transition: &Transition) -> Wake {
    Wake {
        mail: transition
            .changes
            .iter()
            .any(|c| matches!(c, Change::Mail(m) if m.state == MailState::Queued && m.attempts == 0)),
        ends: transition.changes.iter().any(|c| matches!(c, Change::Grant(_) | Change::Credential(_))),
        seal: !transition.events.is_empty(),
    }
}
