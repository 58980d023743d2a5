//! The audit log.
use reqwest::Method;

use super::Paging;
use super::requests::paged;
use crate::Error;
use crate::http::Client;
use crate::wire::Page;
use crate::wire::audit::AuditEvent;

/// Which events; every part narrows.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    /// Kind (`grant.ended`) or family (`grant.`).
    pub kind: Option<String>,
    /// `user:<id>`, `workload:<id>`, `system`, or a mail address.
    pub actor: Option<String>,
    /// `<noun>:<id>`, or a request's reference.
    pub subject: Option<String>,
    /// At or after; RFC 3339.
    pub from: Option<String>,
    /// Before; RFC 3339.
    pub until: Option<String>,
    /// Where to go on.
    pub paging: Paging,
}

impl Client {
    /// `GET /audit/events`.
    pub async fn audit_events(&self, filter: &EventFilter) -> Result<Page<AuditEvent>, Error> {
        let call = self
            .api(Method::GET, ["audit", "events"])
            .query("kind", filter.kind.as_deref())
            .query("actor", filter.actor.as_deref())
            .query("subject", filter.subject.as_deref())
            .query("from", filter.from.as_deref())
            .query("until", filter.until.as_deref());
        self.json(paged(call, &filter.paging)).await
    }

    /// `GET /audit/export`, handed on piece by piece.
    pub async fn audit_export(
        &self,
        sink: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
    ) -> Result<(), Error> {
        self.stream(self.api(Method::GET, ["audit", "export"]), sink).await
    }

    /// `GET /audit/checkpoint`: a signed note.
    pub async fn audit_checkpoint(&self) -> Result<String, Error> {
        self.send(self.api(Method::GET, ["audit", "checkpoint"])).await?.text()
    }

    /// `GET /audit/vkey`: the log's verifier key, one line.
    pub async fn audit_vkey(&self) -> Result<String, Error> {
        self.send(self.api(Method::GET, ["audit", "vkey"])).await?.text()
    }
}
