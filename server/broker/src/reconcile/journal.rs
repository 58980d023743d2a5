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

/// How far the journal is recorded.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Lines that are recorded and still in it.
    recorded: usize,
    /// It could not be read the last time.
    unread: bool,
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

    /// Whether everything that can be read in the journal is recorded; what is not is recorded first.
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
        // One at a time: two would record the same lines, and one forget what the other has not recorded.
        let mut progress = self.journal_progress.lock().await;
        if *progress == Progress::default() && !self.journal_waits.load(Ordering::Acquire) {
            return Report::default();
        }
        // Taken down before the look: whatever is appended after it puts it up again.
        self.journal_waits.store(false, Ordering::Release);
        let failed = |error: String| Report { error: Some(error), ..Report::default() };
        let lines = match journal.lines() {
            Ok(lines) => lines,
            Err(error) => {
                // Looked at again, and told; no removal waits for a broken disk.
                progress.unread = true;
                return failed(format!("the journal cannot be read: {error}"));
            }
        };
        progress.unread = false;
        let new = lines.get(progress.recorded..).unwrap_or_default();
        let done = match self.record_lines(new).await {
            Ok(done) => done,
            Err(error) => {
                self.journal_waits.store(true, Ordering::Release);
                return failed(error);
            }
        };
        progress.recorded = progress.recorded.max(lines.len());
        // Cleared only after the commit: a crash in between records it twice, never not at all.
        if progress.recorded > 0 {
            match journal.clear(progress.recorded) {
                Ok(true) => progress.recorded = 0,
                Ok(false) => {}
                Err(error) => {
                    let error = Some(format!("the journal is recorded, and cannot be cleared: {error}"));
                    return Report { done, error, ..Report::default() };
                }
            }
        }
        Report { done, ..Report::default() }
    }

    /// Records these lines; how many.
    async fn record_lines(&self, lines: &[String]) -> Result<u64, String> {
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
        if done > 0 {
            self.commit(transition).await.map_err(|e| e.to_string())?;
        }
        Ok(done)
    }
}
