//! The audit explorer: filtered on the server, keyset-paged.
use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ports::audit_log::{AuditFilter as StoreFilter, LoggedEvent};
use hallpass_domain::principal::{Duty, Principal};
use hallpass_domain::refusal::Refusal;
use serde_json::json;

use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::audit::{AuditFilter, AuditRow, AuditView, SealedTo};
use crate::views::page::{Choice, FieldError};

const PAGE: u32 = 50;

/// Families of events that the filter offers.
const FAMILIES: [(&str, &str); 12] = [
    ("request.", "requests"), ("grant.", "grants"), ("credential.", "logins at targets"), ("token.", "tokens"), ("session.", "sessions"), ("sign_in.", "sign-in"),
    ("second_factor.", "second factors"), ("password.", "passwords"), ("device.", "devices"), ("api_token.", "API tokens"), ("catalogue.", "catalogue"), ("mail.", "mail"),
];

impl Broker {
    /// Administrators and auditors only.
    pub fn may_audit(&self, caller: &Caller) -> Result<(), Refusal> {
        if caller.has(Duty::Auditor) || caller.has(Duty::Administrator) { Ok(()) } else { Err(Refusal::not_found("page")) }
    }

    /// One page of events. `from` and `to` are local times in `zone`.
    pub async fn audit_view(&self, caller: &Caller, filter: AuditFilter, before: Option<uuid::Uuid>, zone: &str) -> Result<AuditView, Refusal> {
        self.may_audit(caller)?;
        let catalogue = self.catalogue().await?;
        let mut errors = Vec::new();
        let wanted = StoreFilter {
            kind: Some(filter.action.trim().to_owned()).filter(|a| !a.is_empty()),
            actor: read_actor(&catalogue, &filter.actor, &mut errors),
            subject: read_object(&filter.object, &mut errors),
            from: read_time("from", &filter.from, zone, &mut errors),
            until: read_time("to", &filter.to, zone, &mut errors),
        };
        let mut events = if errors.is_empty() { self.store.events(&wanted, before, PAGE + 1).await.map_err(unreadable)? } else { Vec::new() };
        let more = events.len() > usize::try_from(PAGE).unwrap_or(0);
        events.truncate(usize::try_from(PAGE).unwrap_or(0));
        let filtered = [&filter.actor, &filter.action, &filter.object, &filter.from, &filter.to].iter().any(|f| !f.trim().is_empty());
        Ok(AuditView {
            actions: std::iter::once(Choice { value: String::new(), label: "everything".to_owned(), chosen: filter.action.is_empty() })
                .chain(FAMILIES.iter().map(|(v, l)| Choice { value: (*v).to_owned(), label: (*l).to_owned(), chosen: *v == filter.action })).collect(),
            next: events.last().filter(|_| more).map(|e| e.event.parts().id.to_string()),
            events: events.iter().map(|e| row(&catalogue, e)).collect(),
            filtered,
            errors,
            sealed: self.sealed_to().await?,
            filter,
        })
    }

    async fn sealed_to(&self) -> Result<SealedTo, Refusal> {
        let head = self.store.log_head().await.map_err(unreadable)?;
        let (unsealed, _) = self.store.unsealed_tail().await.map_err(unreadable)?;
        let checkpoint = head.checkpoint.as_deref().and_then(|n| Checkpoint::open(n, std::slice::from_ref(self.log_signer.verifier())).ok());
        Ok(SealedTo {
            size: i64::try_from(head.size).unwrap_or(i64::MAX),
            root: checkpoint.map(|c| c.root.to_base64()).unwrap_or_default(),
            at: None,
            unsealed: i64::try_from(unsealed).unwrap_or(i64::MAX),
            command: "hallpass audit export > log.jsonl && hallpass audit verify --export log.jsonl --checkpoint checkpoint.txt --vkey log.vkey".to_owned(),
        })
    }
}

fn name(catalogue: &Catalogue, actor: &str) -> String {
    let parsed = actor.split_once(':').and_then(|(kind, id)| match kind {
        "user" => id.parse().ok().map(Principal::User),
        "workload" => id.parse().ok().map(Principal::Workload),
        _ => None,
    });
    parsed.map_or_else(|| actor.to_owned(), |p| catalogue.name_of(p))
}

fn row(catalogue: &Catalogue, logged: &LoggedEvent) -> AuditRow {
    let parts = logged.event.parts();
    let of = |noun: &str| parts.subjects.get(noun).cloned();
    let (object, href) = match (of("grant"), of("request"), of("credential")) {
        (Some(g), ..) => (format!("grant {g}"), Some(format!("/grants/{g}"))),
        (None, Some(r), _) => {
            let reference = parts.opening.as_ref().and_then(|o| o.private.get("reference")).and_then(|v| v.as_str().map(str::to_owned));
            let href = reference.as_ref().map(|r| format!("/requests/{r}"));
            (reference.map_or_else(|| format!("request {r}"), |r| format!("request {r}")), href)
        }
        (None, None, Some(c)) => (format!("credential {c}"), None),
        _ => (parts.subjects.iter().next().map(|(n, i)| format!("{n} {i}")).unwrap_or_default(), None),
    };
    let tone = match parts.kind.rsplit('.').next().unwrap_or_default() {
        "approved" | "live" | "revoked" | "ended" | "sent" => "good",
        "denied" | "refused" | "overdue" | "failed" | "reappeared" | "missing" => "bad",
        "lapsed" | "withdrawn" | "revoking" | "ending" => "warn",
        _ => "plain",
    };
    let json = json!({
        "id": parts.id, "index": logged.index, "leaf_hash": logged.leaf_hash.map(|h| h.to_string()), "at": parts.at, "kind": parts.kind, "actor": parts.actor, "subjects": parts.subjects,
        "data": parts.data, "private": parts.opening.as_ref().map(|o| &o.private), "private_commitment": parts.private_commitment.to_string(),
    });
    AuditRow {
        id: parts.id.to_string(),
        leaf_index: logged.index.and_then(|i| i64::try_from(i).ok()),
        at: parts.at,
        actor: name(catalogue, &parts.actor),
        action: parts.kind.clone(),
        object,
        object_href: href,
        tone: tone.to_owned(),
        json: serde_json::to_string_pretty(&json).unwrap_or_default(),
    }
}

fn wrong(field: &str, message: &str) -> FieldError {
    FieldError { field: field.to_owned(), message: message.to_owned() }
}

fn read_actor(catalogue: &Catalogue, text: &str, errors: &mut Vec<FieldError>) -> Option<String> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    if text.starts_with("user:") || text.starts_with("workload:") || text.starts_with("system:") {
        return Some(text.to_owned());
    }
    let lower = text.to_lowercase();
    let user = catalogue.users.values().find(|u| u.email.as_str() == lower || u.display_name.to_lowercase() == lower).map(|u| format!("user:{}", u.id));
    let found = user.or_else(|| catalogue.workloads.values().find(|w| w.name.as_str() == lower).map(|w| format!("workload:{}", w.id)));
    if found.is_none() {
        errors.push(wrong("actor", "Nobody has that name. Type a mail address, a workload's name, or system:expiry."));
    }
    found
}

fn read_object(text: &str, errors: &mut Vec<FieldError>) -> Option<(String, String)> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let parts = text.split_once([':', ' ']).map(|(n, i)| (n.trim().to_lowercase(), i.trim().to_owned())).filter(|(n, i)| !n.is_empty() && !i.is_empty());
    if parts.is_none() {
        errors.push(wrong("object", "Write a noun and its id, such as grant:0193… or request:0193…."));
    }
    parts
}

fn read_time(field: &str, text: &str, zone: &str, errors: &mut Vec<FieldError>) -> Option<hallpass_domain::Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::Tz::UTC);
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"].iter().find_map(|f| chrono::NaiveDateTime::parse_from_str(text, f).ok());
    let at = local.and_then(|l| l.and_local_timezone(zone).earliest()).map(|t| t.with_timezone(&chrono::Utc));
    if at.is_none() {
        errors.push(wrong(field, "Write a time such as 2026-11-23T15:00."));
    }
    at
}
