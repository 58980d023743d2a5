//! Erases what the audit log holds of a person beside its leaves: names, addresses, reasons. The log still verifies, and
//! says of every such event that it was erased.
use hallpass_domain::ids::{EventId, UserId};
use hallpass_domain::ports::audit_log::{AuditFilter, LoggedEvent};
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::{Broker, uncommitted, unreadable};
use crate::events::event;

/// Events in one commit; their ids stand in its own event.
const PAGE: u32 = 200;

impl Broker {
    /// Erases the private parts of every event that is by or about a person, or that lists a change of theirs in the
    /// catalogue (with whatever else stands in that event); how many. It can be cut off and run again.
    ///
    /// # Errors
    /// `NotFound` `user`; `Conflict` `person_enabled` for somebody who still works here, whose next event would name
    /// them again; `Unavailable`.
    pub async fn erase_person(&self, email: &str) -> Result<u64, Refusal> {
        let user = self.store.user_by_email(&email.to_lowercase()).await.map_err(unreadable)?;
        let user = user.ok_or_else(|| Refusal::not_found("user"))?;
        if !user.disabled {
            return Err(Refusal::conflict(
                "person_enabled",
                "This person is enabled: what they do next would be written down with their name again. Take them out of the catalogue first.",
            ));
        }
        let id = user.id.to_string();
        let own = Principal::User(user.id).to_string();
        let about = |noun: &str, id: &str| AuditFilter {
            subject: Some((noun.to_owned(), id.to_owned())),
            ..AuditFilter::default()
        };
        let catalogue = AuditFilter { kind: Some("catalogue.changed".to_owned()), ..AuditFilter::default() };
        let mut erased = 0;
        for filter in [
            AuditFilter { actor: Some(own.clone()), ..AuditFilter::default() },
            about("user", &id),
            about("subject", &own),
        ] {
            erased += self.erase(user.id, &filter, |_| true).await?;
        }
        let names = |e: &LoggedEvent| e.event.parts().data.to_string().contains(&id);
        Ok(erased + self.erase(user.id, &catalogue, names).await?)
    }

    async fn erase(
        &self,
        user: UserId,
        filter: &AuditFilter,
        wanted: impl Fn(&LoggedEvent) -> bool,
    ) -> Result<u64, Refusal> {
        let (mut after, mut erased) = (None, 0);
        loop {
            let events = self.store.events(filter, after, PAGE).await.map_err(unreadable)?;
            let Some(last) = events.last() else { return Ok(erased) };
            after = Some(last.event.parts().id);
            let ids: Vec<EventId> = events
                .iter()
                .filter(|e| !e.event.is_erased() && wanted(e))
                .map(|e| EventId(e.event.parts().id))
                .collect();
            if ids.is_empty() {
                continue;
            }
            let now = self.now();
            let said = json!({ "events": ids.iter().map(|id| id.0).collect::<Vec<_>>() });
            let subjects = [("person", user.to_string())];
            let transition = Transition::new(now)
                .event(event(now, "audit.erased", "system:operator", &subjects, said, json!({})))
                .with(Change::EraseEvents(ids.clone()));
            self.commit(transition).await.map_err(uncommitted)?;
            erased += u64::try_from(ids.len()).unwrap_or(0);
        }
    }
}
