//! The audit explorer: filtered on the server, keyset-paged.
use hallpass_domain::audit::checkpoint::Checkpoint;
use hallpass_domain::audit::event::EventParts;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::mail::MailKind;
use hallpass_domain::ports::audit_log::{AuditFilter as StoreFilter, LoggedEvent};
use hallpass_domain::refusal::Refusal;
use serde_json::json;

use super::actors;
use super::request::mail_in_words;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::views::audit::{AuditFilter, AuditRow, AuditView, SealedTo};
use crate::views::page::{Choice, FieldError};

const PAGE: u32 = 50;

/// Families of events that the filter offers.
const FAMILIES: [(&str, &str); 27] = [
    ("request.", "requests"),
    ("grant.", "grants"),
    ("credential.", "logins at targets"),
    ("token.", "tokens"),
    ("session.", "sessions"),
    ("sign_in.", "sign-in"),
    ("second_factor.", "second factors"),
    ("password.", "passwords"),
    ("device.", "devices"),
    ("api_token.", "API tokens"),
    ("account.", "accounts"),
    ("user.", "own settings"),
    ("totp.", "authenticator apps"),
    ("catalogue.", "catalogue"),
    ("target.", "trials of targets"),
    ("client.", "OAuth clients"),
    ("mail.", "mail"),
    ("recovery_code.", "recovery codes used"),
    ("recovery_codes.", "recovery codes renewed"),
    ("first_run.", "first run"),
    ("instance.", "names of the installation"),
    ("key.", "keys"),
    ("clock.", "the clock"),
    ("audit.", "this log: erasures, and when it was behind"),
    ("event.", "what could not be told whole"),
    ("log.", "the log after a restore"),
    ("restored.", "restored backups confirmed"),
];

impl Broker {
    /// One page of events. `from` and `to` are local times in `zone`.
    pub async fn audit_view(
        &self,
        caller: &Caller,
        filter: AuditFilter,
        before: Option<uuid::Uuid>,
        zone: &str,
    ) -> Result<AuditView, Refusal> {
        self.may_audit(caller)?;
        let catalogue = self.catalogue().await?;
        let mut errors = Vec::new();
        let wanted = StoreFilter {
            kind: Some(filter.action.trim().to_owned()).filter(|a| !a.is_empty()),
            actor: read_actor(&catalogue, &filter.actor, &mut errors),
            subject: self.read_object(&catalogue, &filter.object, &mut errors).await?,
            from: read_time("from", &filter.from, zone, &mut errors),
            until: read_time("to", &filter.to, zone, &mut errors),
        };
        let mut events = if errors.is_empty() {
            self.store.events(&wanted, before, PAGE + 1).await.map_err(unreadable)?
        } else {
            Vec::new()
        };
        let more = events.len() > usize::try_from(PAGE).unwrap_or(0);
        events.truncate(usize::try_from(PAGE).unwrap_or(0));
        let filtered = [&filter.actor, &filter.action, &filter.object, &filter.from, &filter.to]
            .iter()
            .any(|f| !f.trim().is_empty());
        Ok(AuditView {
            actions: std::iter::once(Choice {
                value: String::new(),
                label: "everything".to_owned(),
                chosen: filter.action.is_empty(),
            })
            .chain(FAMILIES.iter().map(|(v, l)| Choice {
                value: (*v).to_owned(),
                label: (*l).to_owned(),
                chosen: *v == filter.action,
            }))
            .collect(),
            next: events.last().filter(|_| more).map(|e| e.event.parts().id.to_string()),
            events: events.iter().map(|e| row(&catalogue, e)).collect(),
            filtered,
            errors,
            sealed: self.sealed_to().await?,
            filter,
        })
    }

    /// What the events shall be about: a request's reference, a role or target by name, or a noun and an id.
    async fn read_object(
        &self,
        catalogue: &Catalogue,
        text: &str,
        errors: &mut Vec<FieldError>,
    ) -> Result<Option<(String, String)>, Refusal> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(None);
        }
        if let Some(request) =
            self.store.request_by_reference(&text.to_uppercase()).await.map_err(unreadable)?
        {
            return Ok(Some(("request".to_owned(), request.id.to_string())));
        }
        let role = catalogue
            .roles
            .values()
            .find(|r| r.name.as_str() == text)
            .map(|r| ("role".to_owned(), r.id.to_string()));
        let target = catalogue
            .targets
            .values()
            .find(|t| t.name.as_str() == text)
            .map(|t| ("target".to_owned(), t.id.to_string()));
        let spelt = text
            .split_once([':', ' '])
            .map(|(n, i)| (n.trim().to_lowercase(), i.trim().to_owned()))
            .filter(|(n, i)| !n.is_empty() && !i.is_empty());
        let found = role.or(target).or(spelt);
        if found.is_none() {
            errors.push(wrong("object", "Write a request such as R-4821…, a role or target by name, or a noun and its id such as grant:0193…."));
        }
        Ok(found)
    }

    async fn sealed_to(&self) -> Result<SealedTo, Refusal> {
        let head = self.store.log_head().await.map_err(unreadable)?;
        let (unsealed, _) = self.store.unsealed_tail().await.map_err(unreadable)?;
        let checkpoint =
            head.checkpoint.as_deref().and_then(|n| Checkpoint::open(n, &[self.log_signer.verifier()]).ok());
        Ok(SealedTo {
            size: i64::try_from(head.size).unwrap_or(i64::MAX),
            root: checkpoint.map(|c| c.root.to_base64()).unwrap_or_default(),
            at: None,
            unsealed: i64::try_from(unsealed).unwrap_or(i64::MAX),
            command: "# once, and kept where nobody here can change it\nhallpass audit vkey > log.vkey; hallpass audit checkpoint > checkpoint.txt\n# then, whenever you look\nhallpass audit export > log.jsonl && hallpass audit verify --export log.jsonl --checkpoint checkpoint.txt --vkey log.vkey".to_owned(),
        })
    }
}

/// What an event is about, in names where there are any: `db-read on orders-db, Dana Kim`.
fn about(catalogue: &Catalogue, parts: &EventParts) -> String {
    let of = |noun: &str| parts.subjects.get(noun);
    let role = of("role")
        .and_then(|id| id.parse().ok())
        .and_then(|id| catalogue.roles.get(&id))
        .map(|r| r.name.to_string());
    let target = of("target")
        .and_then(|id| id.parse().ok())
        .and_then(|id| catalogue.targets.get(&id))
        .map(|t| t.name.to_string());
    let whose = of("subject")
        .or(of("user"))
        .map(|s| actors::name(catalogue, &if s.contains(':') { s.clone() } else { format!("user:{s}") }));
    let account = parts.data.get("external_name").and_then(serde_json::Value::as_str).map(str::to_owned);
    let place = match (role, target) {
        (Some(role), Some(target)) => Some(format!("{role} on {target}")),
        (Some(one), None) | (None, Some(one)) => Some(one),
        (None, None) => None,
    };
    let mail = parts.data.get("kind").filter(|_| parts.kind.starts_with("mail."));
    let mail = mail.and_then(serde_json::Value::as_str).and_then(MailKind::parse).map(|kind| {
        let private = parts.opening.as_ref().and_then(|o| o.private.get("to"));
        let to = private.and_then(serde_json::Value::as_str).unwrap_or("somebody");
        format!("to {to}: {}", mail_in_words(kind))
    });
    // Things of the installation itself: an OAuth client by its name on the wire, a key or a setting by its own.
    let thing =
        ["client_id", "what"].into_iter().find_map(|of| parts.data.get(of)?.as_str().map(str::to_owned));
    let words: Vec<String> = [mail, place, account, whose, thing].into_iter().flatten().collect();
    if words.is_empty() {
        // Something that has no name for people, such as a session: its id stands in the event below.
        parts.subjects.keys().next().map(|noun| noun.replace('_', " ")).unwrap_or_default()
    } else {
        words.join(", ")
    }
}

fn row(catalogue: &Catalogue, logged: &LoggedEvent) -> AuditRow {
    let parts = logged.event.parts();
    let of = |noun: &str| parts.subjects.get(noun).cloned();
    let href = match (
        of("grant"),
        parts.opening.as_ref().and_then(|o| o.private.get("reference")).and_then(serde_json::Value::as_str),
    ) {
        (Some(grant), _) => Some(format!("/grants/{grant}")),
        (None, Some(reference)) => Some(format!("/requests/{reference}")),
        (None, None) => None,
    };
    let object = about(catalogue, parts);
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
        actor: actors::name(catalogue, &parts.actor),
        actor_id: parts.actor.clone(),
        actor_handle: actors::handle(catalogue, &parts.actor),
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
    let found = actors::find(catalogue, text);
    if found.is_none() {
        errors.push(wrong(
            "actor",
            "Nobody has that name. Type a person's name or mail address, a workload's name, or a part of Hallpass such as “Hallpass, expiry”.",
        ));
    }
    found
}

fn read_time(
    field: &str,
    text: &str,
    zone: &str,
    errors: &mut Vec<FieldError>,
) -> Option<hallpass_domain::Timestamp> {
    let text = text.trim();
    if text.is_empty() {
        return None;
    }
    let zone: chrono_tz::Tz = zone.parse().unwrap_or(chrono_tz::Tz::UTC);
    let local = ["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M"]
        .iter()
        .find_map(|f| chrono::NaiveDateTime::parse_from_str(text, f).ok());
    let at = local.and_then(|l| l.and_local_timezone(zone).earliest()).map(|t| t.with_timezone(&chrono::Utc));
    if at.is_none() {
        errors.push(wrong(field, "Write a time such as 2026-11-23T15:00."));
    }
    at
}

#[cfg(test)]
mod tests {
    use hallpass_domain::audit::kinds::KINDS;

    use super::*;

    #[test]
    fn every_kind_of_event_can_be_filtered() {
        let of = |kind: &str| FAMILIES.iter().filter(|(family, _)| kind.starts_with(family)).count();
        for kind in KINDS {
            assert_eq!(of(kind), 1, "{kind} is in one family");
        }
        for (family, words) in FAMILIES {
            assert!(KINDS.iter().any(|kind| kind.starts_with(family)), "nothing is of {family} ({words})");
        }
    }
}
