//! What was removed while the store could not be written stands in a durable file, and is recorded before anything
//! else once the store is back: evidence that survives a crash in between.
use std::sync::atomic::Ordering;

use hallpass_domain::Timestamp;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::{CredentialId, GrantId, TargetId};
use hallpass_domain::transition::Transition;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::events::event;

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    credential: CredentialId,
    grant: GrantId,
    target: TargetId,
    at: Timestamp,
}

impl Broker {
    /// Notes that a credential was verified absent while the store could not be written.
    pub(crate) fn journal_removed(&self, credential: &Credential, at: Timestamp) {
        let Some(journal) = &self.journal else { return };
        let line =
            Line { credential: credential.id, grant: credential.grant_id, target: credential.target_id, at };
        let written =
            serde_json::to_string(&line).map_err(|e| e.to_string()).and_then(|text| journal.append(&text));
        self.journal_waits.store(true, Ordering::Release);
        if let Err(error) = written {
            tracing::error!(credential = %credential.id, error, "removed while the store cannot be written, and not journalled");
        }
    }

    /// Whether nothing waits in the journal; what waits is recorded first.
    pub(crate) async fn journal_is_recorded(&self) -> bool {
        if self.journal_waits.load(Ordering::Acquire) {
            let report = self.step_record_journal().await;
            self.reports.note("journal", report, self.now());
        }
        !self.journal_waits.load(Ordering::Acquire)
    }

    /// Records what the journal holds, once the store can be written.
    pub async fn step_record_journal(&self) -> Report {
        let Some(journal) = self.journal.as_ref().filter(|_| self.health.is_writable()) else {
            return Report::default();
        };
        let lines = match journal.lines() {
            Ok(lines) if lines.is_empty() => {
                self.journal_waits.store(false, Ordering::Release);
                return Report::default();
            }
            Ok(lines) => lines,
            Err(error) => return Report { error: Some(error), ..Report::default() },
        };
        let now = self.now();
        let mut transition = Transition::new(now);
        for line in lines.iter().filter_map(|l| serde_json::from_str::<Line>(l).ok()) {
            let subjects = [
                ("credential", line.credential.to_string()),
                ("grant", line.grant.to_string()),
                ("target", line.target.to_string()),
            ];
            transition = transition.event(event(
                now,
                "credential.removed_unrecorded",
                "system:revoker",
                &subjects,
                json!({ "removed_at": line.at.to_rfc3339() }),
                json!({}),
            ));
        }
        let done = u64::try_from(transition.events.len()).unwrap_or(0);
        // Cleared only after the commit: a crash in between records it twice, never not at all.
        let recorded =
            self.commit(transition).await.map_err(|e| e.to_string()).and_then(|()| journal.clear());
        if recorded.is_ok() {
            self.journal_waits.store(false, Ordering::Release);
        }
        Report { done, left: 0, error: recorded.err() }
    }
}
