//! Delivers a mail of the outbox: at least once, with a stable Message-ID, retrying with backoff for three days.
use chrono::Duration;
use hallpass_domain::mail::{Mail, MailState};
use hallpass_domain::ports::notifier::NotifyError;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::Broker;
use crate::credentials::recording::backoff;
use crate::events::event;

/// A mail that could not be delivered for so long has failed.
const GIVE_UP_DAYS: i64 = 3;

impl Broker {
    /// Delivers one that is claimed, and records what became of it; whether it is sent.
    pub(super) async fn deliver(&self, mail: Mail) -> Result<bool, String> {
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
