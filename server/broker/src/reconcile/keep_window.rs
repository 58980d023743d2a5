//! Keeps the window in a file beside the journal, so that a start without the store still removes what is due.
use std::sync::Arc;

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::Credential;
use hallpass_domain::target::Target;
use serde::{Deserialize, Serialize};

use super::reports::Report;
use crate::broker::Broker;

/// Room for everything but the credentials.
const REST: usize = 64 * 1024;

/// What a start without the store needs: which logins are due when, and how their targets are reached.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptWindow {
    /// Name of the installation in account names.
    pub instance: String,
    /// When it was written.
    pub at: Timestamp,
    /// The targets of the credentials; our passwords in them are sealed.
    pub targets: Vec<Target>,
    /// What is due within the next minutes, soonest first.
    pub due: Vec<Credential>,
}

impl Broker {
    /// Writes the window down where it has changed. Of more than fits the soonest are kept.
    pub async fn step_keep_window(&self) -> Report {
        let Some(kept) = self.kept.as_ref().map(Arc::clone) else { return Report::default() };
        let Some((mut due, catalogue)) = self.window.changed() else { return Report::default() };
        if self.restored.is_on() {
            // A restored backup removes nothing, on no way.
            due.clear();
        }
        due.sort_by_key(|c| c.due_at);
        let mut room = kept.room().saturating_sub(REST);
        let all = due.len();
        let fits = due
            .iter()
            .take_while(|c| {
                let size = serde_json::to_string(c).map_or(usize::MAX, |t| t.len() + 1);
                room.checked_sub(size).map(|left| room = left).is_some()
            })
            .count();
        due.truncate(fits);
        let targets = catalogue.map(|c| c.targets.clone()).unwrap_or_default();
        let targets = targets.into_values().filter(|t| due.iter().any(|c| c.target_id == t.id)).collect();
        let window = KeptWindow { instance: self.settings.instance.clone(), at: self.now(), targets, due };
        let written = match serde_json::to_string(&window) {
            Ok(text) => tokio::task::spawn_blocking(move || kept.keep(&text))
                .await
                .map_err(|e| e.to_string())
                .and_then(|done| done),
            Err(error) => Err(error.to_string()),
        };
        if written.is_err() {
            self.window.changed_again();
        }
        let left = u64::try_from(all - fits).unwrap_or(0);
        Report { done: u64::try_from(fits).unwrap_or(0), left, error: written.err() }
    }

    /// The window as it was kept; for a start without the store.
    pub fn take_up_window(&self, window: KeptWindow) {
        let targets = window.targets.into_iter().map(|t| (t.id, t)).collect();
        let catalogue = Catalogue { targets, ..Catalogue::default() };
        self.window.load(window.due, Arc::new(catalogue));
    }
}
