//! Alerts people about removals that are overdue by a minute. An attribute that alerts, never an end.
use chrono::Duration;
use hallpass_domain::credential::Credential;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::credentials::login::subjects;
use crate::events::event;
use crate::mails;

/// Seconds overdue before people are told.
pub const ALERT_SECONDS: i64 = 60;

impl Broker {
    /// Tells people about what is overdue and not told yet.
    pub async fn step_alert_overdue(&self) -> Report {
        let now = self.now();
        let (overdue, catalogue) = match (
            self.store.overdue(now - Duration::seconds(ALERT_SECONDS), 200).await,
            self.store.catalogue().await,
        ) {
            (Ok(overdue), Ok(catalogue)) => (overdue, catalogue),
            (Err(error), _) | (_, Err(error)) => {
                return Report { error: Some(error.to_string()), ..Report::default() };
            }
        };
        let mut report = Report::default();
        for credential in overdue.into_iter().filter(|c| c.alerted_at.is_none()) {
            let next = Credential { alerted_at: Some(now), version: credential.version + 1, ..credential };
            let transition = Transition::new(now)
                .event(event(now, "credential.overdue", "system:revoker", &subjects(&next), json!({ "due_at": next.due_at.to_rfc3339(), "attempts": next.attempts, "error": next.last_error }), json!({})))
                .mails(mails::revocation_alert(&catalogue, &next, false, now))
                .with(Change::Credential(Box::new(next)));
            match self.commit(transition).await {
                Ok(()) => report.done += 1,
                // A worker moved it meanwhile: the next run sees whether it is still overdue.
                Err(_) => report.left += 1,
            }
        }
        report
    }
}
