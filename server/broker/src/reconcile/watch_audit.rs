//! Notices that the audit log is behind: events that wait for their seal, or checkpoints that do not get out. While events
//! wait for too long nothing is issued; of either, people are told once when it has lasted, and once when it is over.
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::ids::made_at;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use super::tell_audit::{Part, Told, notice};
use crate::broker::Broker;
use crate::events::event;
use crate::restored::overseers;

/// An event is sealed within a second or two. One that is older at a look is late, and that is counted from this look: an
/// event that only seems old because the clock has jumped is sealed at the next one.
const LATE: Duration = Duration::seconds(2);
/// Events that wait for longer stop issuing, and `/readyz` says so; also of checkpoints that have not got out for so long.
pub const TOO_LONG: Duration = Duration::seconds(30);
/// What lasts for so long is told.
const TELL_AFTER: Duration = Duration::seconds(60);
/// What another server said to be over so recently may be over here at its next look.
const JUST_NOW: Duration = Duration::seconds(10);
/// Looks that are passed over at a start, and once the store can be written again: the sealer first catches up.
const SETTLING: u32 = 3;

/// Since when something has been behind, and why.
#[derive(Clone, Debug)]
struct Since {
    at: Timestamp,
    why: String,
}

/// Something that is behind, or is not.
#[derive(Debug, Default)]
struct Behind(Mutex<Option<Since>>);

impl Behind {
    fn get(&self) -> Option<Since> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Why it is behind, or that it is not; since when stays as it was. Only what changes is logged.
    fn note(&self, part: Part, now: Timestamp, why: Option<String>) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (&*kept, &why) {
            (Some(before), Some(why)) if before.why == *why => return,
            (_, Some(why)) => tracing::error!(part = part.word(), why, "the audit log is behind"),
            (Some(_), None) => tracing::warn!(part = part.word(), "the audit log is not behind any more"),
            (None, None) => return,
        }
        let at = kept.as_ref().map_or(now, |before| before.at);
        *kept = why.map(|why| Since { at, why });
    }

    fn lasts(&self, now: Timestamp) -> Duration {
        self.get().map_or(Duration::zero(), |since| (now - since.at).max(Duration::zero()))
    }
}

/// How far the audit log is behind, as this server sees it.
#[derive(Debug, Default)]
pub struct AuditWatch {
    unsealed: Behind,
    unpublished: Behind,
    stops_issuing: AtomicBool,
    /// Looks in a row at which the store could be written.
    settled: AtomicU32,
}

impl AuditWatch {
    /// Whether events have waited for their seal for too long to issue anything.
    pub fn stops_issuing(&self) -> bool {
        self.stops_issuing.load(Ordering::Acquire)
    }
    /// For how long the newest checkpoint has been missing at a place outside; zero where it is everywhere.
    pub fn unpublished_for(&self, now: Timestamp) -> Duration {
        self.unpublished.lasts(now)
    }
    /// What the last try to publish came to.
    pub(super) fn published(&self, now: Timestamp, failed: Option<String>) {
        self.unpublished.note(Part::Publish, now, failed);
    }
    fn of(&self, part: Part) -> &Behind {
        match part {
            Part::Seal => &self.unsealed,
            Part::Publish => &self.unpublished,
        }
    }
}

impl Broker {
    /// Looks how far the audit log is behind, stops issuing or lets it go on, and tells administrators and auditors.
    pub async fn step_watch_audit(&self) -> Report {
        let (watch, now) = (&self.audit_watch, self.now());
        if !self.health.is_writable() {
            // That stops issuing by itself, nothing can be sealed meanwhile, and nobody can be told.
            watch.settled.store(0, Ordering::Release);
            return Report::default();
        }
        if watch.settled.fetch_add(1, Ordering::AcqRel) < SETTLING {
            return Report::default();
        }
        watch.unsealed.note(Part::Seal, now, self.unsealed_because(now).await);
        let stops = watch.unsealed.lasts(now) >= TOO_LONG;
        if watch.stops_issuing.swap(stops, Ordering::AcqRel) != stops {
            tracing::error!(stops, "issuing stops, or goes on, by how long audit events wait for their seal");
        }
        let mut report = Report::default();
        if stops {
            let seconds = TOO_LONG.num_seconds();
            report.error = Some(format!(
                "Events wait for their seal for more than {seconds} s, so nothing is issued. The report of seal says why; issuing goes on by itself."
            ));
        }
        for part in [Part::Seal, Part::Publish] {
            match self.tell_of_audit(part, now).await {
                Ok(told) => report.done += u64::from(told),
                Err(error) => {
                    report.error = Some(format!("That the audit log is behind was not told: {error}"))
                }
            }
        }
        report
    }

    /// Why events wait for their seal, where they do.
    async fn unsealed_because(&self, now: Timestamp) -> Option<String> {
        match self.store.unsealed(1).await {
            Ok(oldest) => {
                let late = oldest.first().and_then(|e| made_at(e.id.0)).is_some_and(|at| now - at > LATE);
                late.then(|| {
                    let said = self.reports.error_of("seal");
                    said.unwrap_or_else(|| "The sealer does not come to an end.".to_owned())
                })
            }
            Err(error) => Some(format!("The audit log cannot be read: {error}.")),
        }
    }

    /// Tells what has lasted, or that it is over; whether something was told.
    async fn tell_of_audit(&self, part: Part, now: Timestamp) -> Result<bool, String> {
        let since = self.audit_watch.of(part).get();
        let before = self.store.meta(part.key()).await.map_err(|e| e.to_string())?;
        let told = before.as_deref().and_then(Told::read);
        let (word, is_behind) = match (&since, &told) {
            (Some(_), Some(told)) if told.is_behind || now - told.at < JUST_NOW => return Ok(false),
            (Some(since), _) if now - since.at >= TELL_AFTER => ("audit.behind", true),
            (None, Some(told)) if told.is_behind => ("audit.caught_up", false),
            _ => return Ok(false),
        };
        if let Some(told) = told.as_ref().filter(|_| !is_behind)
            && !self.answers_for(&told.by).await?
        {
            return Ok(false);
        }
        let catalogue = self.store.catalogue().await.map_err(|e| e.to_string())?;
        let begun = match (&since, &told) {
            (Some(since), _) => since.at,
            (None, Some(told)) => told.since,
            (None, None) => now,
        };
        let why = since.map(|since| since.why);
        let next = Told { is_behind, at: now, since: begun, by: self.settings.worker.clone() };
        let data = json!({ "part": part.word(), "since": begun.to_rfc3339() });
        let private = why.as_ref().map_or_else(|| json!({}), |why| json!({ "why": why }));
        let transition = Transition::new(now)
            .with(Change::Meta {
                key: part.key().to_owned(),
                expected: before,
                value: Some(next.to_string()),
            })
            .event(event(now, word, "system:audit", &[], data, private))
            .mails(overseers(&catalogue).map(|user| notice(user, part, begun, why.as_deref(), now)));
        match self.commit(transition).await {
            Ok(()) => Ok(true),
            // Another server told it at the same moment.
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Whether this server says that something is over: it told of it itself, or whoever did is gone. What goes well here may
    /// still go wrong there.
    async fn answers_for(&self, worker: &str) -> Result<bool, String> {
        if worker == self.settings.worker {
            return Ok(true);
        }
        let live = self.store.live_servers().await.map_err(|e| e.to_string())?;
        Ok(!live.iter().any(|name| name == worker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_lasts_since_the_first_look() {
        let at: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let watch = AuditWatch::default();
        assert_eq!(watch.unpublished_for(at), Duration::zero());
        watch.published(at, Some("No room.".to_owned()));
        watch.published(at + Duration::seconds(20), Some("No folder.".to_owned()));
        assert_eq!(watch.unpublished_for(at + Duration::seconds(31)), Duration::seconds(31));
        assert_eq!(watch.unpublished.get().unwrap().why, "No folder.");
        watch.published(at + Duration::seconds(32), None);
        assert_eq!(watch.unpublished_for(at + Duration::seconds(90)), Duration::zero());
        watch.published(at + Duration::seconds(90), Some("No room.".to_owned()));
        assert_eq!(watch.unpublished_for(at + Duration::seconds(91)), Duration::seconds(1));
    }
}
