//! Tells operators that the clock cannot be trusted: once per forward jump, and once per stop of issuing.
use std::sync::{Mutex, PoisonError};

use chrono::{Duration, TimeDelta};
use hallpass_domain::Timestamp;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::ports::clock::Trust;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::principal::User;
use hallpass_domain::transition::{Change, Transition};
use hallpass_domain::window::describe_seconds;
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::events::event;
use crate::mails::{mail, when_exactly};
use crate::restored::overseers;

/// What was told last, by whom: `clock.jumped 2026-11-23T09:00:00+00:00 worker`.
const TOLD: &str = "clock.told";
/// What another server of the same database told so recently is the same thing.
const SAME_SECONDS: i64 = 10;

/// What this process has told of the clock as it is.
#[derive(Debug)]
pub struct ClockWatch(Mutex<Trust>);

impl Default for ClockWatch {
    fn default() -> Self {
        Self(Mutex::new(Trust::Good))
    }
}

impl ClockWatch {
    fn told(&self) -> Trust {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn tell(&self, trust: Trust) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = trust;
    }
}

impl Broker {
    /// Tells administrators and auditors where the clock has stopped being trusted since the last look.
    pub async fn step_watch_clock(&self) -> Report {
        let (trust, off) = (self.clock.trust(), self.clock.off());
        if trust == self.clock_watch.told() {
            return Report::default();
        }
        let Some(word) = word(trust) else {
            self.clock_watch.tell(trust);
            return Report::default();
        };
        match self.tell_of_clock(trust, word, off).await {
            Ok(told) => {
                self.clock_watch.tell(trust);
                Report { done: u64::from(told), ..Report::default() }
            }
            Err(error) => Report { error: Some(error), ..Report::default() },
        }
    }

    async fn tell_of_clock(&self, trust: Trust, word: &'static str, off: TimeDelta) -> Result<bool, String> {
        // Everything is dated by the time that was agreed on: a mail dated by a jump that is taken back would wait for it.
        let at = self.now() - off.max(TimeDelta::zero());
        let before = self.store.meta(TOLD).await.map_err(|e| e.to_string())?;
        if before.as_deref().is_some_and(|b| another_told(b, word, at, &self.settings.worker)) {
            return Ok(false);
        }
        let catalogue = self.store.catalogue().await.map_err(|e| e.to_string())?;
        let value = format!("{word} {} {}", at.to_rfc3339(), self.settings.worker);
        let seconds = off.num_seconds();
        let transition = Transition::new(at)
            .with(Change::Meta { key: TOLD.to_owned(), expected: before, value: Some(value) })
            .event(event(at, word, "system:clock", &[], json!({ "seconds": seconds.to_string() }), json!({})))
            .mails(overseers(&catalogue).map(|user| notice(user, trust, seconds, at)));
        match self.commit(transition).await {
            Ok(()) => Ok(true),
            // Another server told it at the same moment.
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(error.to_string()),
        }
    }
}

/// The event, which is also the word for what was told; none while all is well.
fn word(trust: Trust) -> Option<&'static str> {
    match trust {
        Trust::Good => None,
        Trust::HoldBulk => Some("clock.jumped"),
        Trust::NoIssuing => Some("clock.issuing_stopped"),
    }
}

fn another_told(before: &str, word: &str, at: Timestamp, worker: &str) -> bool {
    let mut parts = before.splitn(3, ' ');
    let same = parts.next() == Some(word);
    let told: Option<Timestamp> = parts.next().and_then(|t| t.parse().ok());
    let by_another = parts.next().is_some_and(|by| by != worker);
    same && by_another && told.is_some_and(|t| (at - t).abs() < Duration::seconds(SAME_SECONDS))
}

fn notice(user: &User, trust: Trust, seconds: i64, at: Timestamp) -> Mail {
    let by = describe_seconds(seconds.abs());
    let (subject, headline, paragraphs) = if trust == Trust::HoldBulk {
        (
            format!("The database's time jumped forward by {by}"),
            format!("The database's time jumped forward by {by}, and nobody knows yet whether that is right."),
            vec![
                "Whatever would be over by the new time cannot be used any more, and nothing is issued. Removing it at targets, and lapsing requests, waits until the jump is confirmed by half a minute of samples, 60 s at most.".to_owned(),
                "If the jump is wrong, set the database server's clock right within that minute: then nothing is lost. Otherwise what is over by the new time ends for good.".to_owned(),
            ],
        )
    } else {
        (
            format!("Issuing has stopped: the database's time is {by} behind"),
            format!("The database's time is {by} behind the time that Hallpass has counted, so nothing is issued and nobody can sign in."),
            vec![
                "Access that ends still ends, by the time that Hallpass counts itself. What has ended stays ended.".to_owned(),
                "Set the database server's clock right; issuing goes on by itself within seconds.".to_owned(),
            ],
        )
    };
    let model = MailModel {
        subject,
        headline,
        facts: vec![Fact { label: "Noticed".to_owned(), value: when_exactly(at, user.zone()) }],
        quote: None,
        paragraphs,
        link: Some(("See the reports".to_owned(), "/reports".to_owned())),
        footer:
            "You get this because you administer or audit Hallpass. You are told once per jump and per stop."
                .to_owned(),
    };
    mail(at, MailKind::OperatorNotice, user, (None, None), model)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_another_told_just_now_is_the_same() {
        let at: Timestamp = "2026-11-23T09:00:00Z".parse().unwrap();
        let told = "clock.jumped 2026-11-23T08:59:55+00:00 two";
        assert!(another_told(told, "clock.jumped", at, "one"));
        assert!(!another_told(told, "clock.jumped", at, "two"), "a second jump that this server saw is told");
        assert!(!another_told(told, "clock.issuing_stopped", at, "one"));
        assert!(!another_told(told, "clock.jumped", at + Duration::seconds(6), "one"));
        assert!(!another_told("", "clock.jumped", at, "one"));
    }
}
