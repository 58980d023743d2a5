//! Delivers the outbox: at least once, with a stable Message-ID, retrying with backoff for three days.
use chrono::Duration;
use futures_util::{StreamExt as _, stream};
use hallpass_domain::mail::{Mail, MailState};
use hallpass_domain::ports::credentials::Claim;
use hallpass_domain::ports::notifier::NotifyError;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::credentials::recording::backoff;
use crate::events::event;

/// Mails claimed at a time.
const BATCH: u32 = 50;
/// Seconds for which a claimed mail is ours: longer than the longest conversation with a mail server.
const LEASE: i64 = 600;
/// Deliveries under way at once.
const PARALLEL: usize = 8;
/// A mail that could not be delivered for so long has failed.
const GIVE_UP_DAYS: i64 = 3;

impl Broker {
    /// Delivers one batch.
    pub async fn step_deliver_mail(&self) -> Report {
        let now = self.now();
        let claim =
            Claim { owner: &self.settings.worker, now, until: now + Duration::seconds(LEASE), limit: BATCH };
        let batch = match self.store.claim_mails(claim).await {
            Ok(batch) => batch,
            Err(error) => return Report { error: Some(error.to_string()), ..Report::default() },
        };
        let results: Vec<Result<bool, String>> =
            stream::iter(batch).map(|m| self.deliver(m)).buffer_unordered(PARALLEL).collect().await;
        let mut report = Report::default();
        for result in results {
            match result {
                Ok(true) => report.done += 1,
                Ok(false) => report.left += 1,
                Err(error) => {
                    report.left += 1;
                    report.error = Some(error);
                }
            }
        }
        report
    }

    async fn deliver(&self, mail: Mail) -> Result<bool, String> {
        let outcome = match self.renderer.render(&mail) {
            Ok(rendered) => {
                hallpass_domain::failpoint::hit("mail.deliver.before");
                let outcome = self.notifier.deliver(&rendered).await;
                hallpass_domain::failpoint::hit("mail.deliver.after");
                outcome
            }
            Err(error) => Err(NotifyError::Permanent(format!("could not be rendered: {error}"))),
        };
        let now = self.now();
        let mut next = Mail { version: mail.version + 1, claimed_by: None, claimed_until: None, ..mail };
        let (kind, error) = match outcome {
            Ok(_) => {
                next.state = MailState::Sent;
                next.sent_at = Some(now);
                next.last_error = None;
                ("mail.sent", None)
            }
            Err(NotifyError::Transient(why)) if now - next.queued_at < Duration::days(GIVE_UP_DAYS) => {
                next.attempts += 1;
                next.next_attempt_at = now + backoff(next.attempts);
                next.last_error = Some(clip(&why));
                ("", Some(why))
            }
            Err(error) => {
                next.state = MailState::Failed;
                next.attempts += 1;
                next.last_error = Some(clip(&error.to_string()));
                ("mail.failed", Some(error.to_string()))
            }
        };
        let sent = next.state == MailState::Sent;
        let mut transition = Transition::new(now);
        if !kind.is_empty() {
            let mut about = vec![("mail", next.id.to_string())];
            about.extend(next.request_id.map(|r| ("request", r.to_string())));
            about.extend(next.grant_id.map(|g| ("grant", g.to_string())));
            transition = transition.event(event(
                now,
                kind,
                "system:mail",
                &about,
                json!({ "kind": next.kind.as_str(), "attempts": next.attempts }),
                json!({ "to": next.to_email, "error": next.last_error }),
            ));
        }
        // Not recorded after all (a crash, a lost lease): it is delivered again, with the same Message-ID.
        self.commit(transition.with(Change::Mail(Box::new(next)))).await.map_err(|e| e.to_string())?;
        match error {
            Some(error) => Err(error),
            None => Ok(sent),
        }
    }
}

fn clip(text: &str) -> String {
    hallpass_domain::text::clean_line(text).chars().take(300).collect()
}
