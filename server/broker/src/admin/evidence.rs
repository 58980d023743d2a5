//! What a catalogue change leaves behind: audit events, and mails to administrators and auditors.
use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use hallpass_domain::Timestamp;
use hallpass_domain::audit::event::Event;
use hallpass_domain::ids::UserId;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::{Duty, User};
use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use super::build::State;
use super::plan::{Difference, FieldChange};
use crate::events::event;
use crate::mails::mail;

/// Largest private part of one event, bytes; an event holds 65,535 and the rest is room for escapes.
const EVENT_BYTES: usize = 24_000;
/// Longest text of one field in an event, bytes.
const FIELD_BYTES: usize = 600;
/// Most changes that a mail lists.
const MAIL_LINES: usize = 25;

/// `catalogue.changed`: one event, or several where one cannot hold the difference. Ids, actions and field names stand
/// in the leaf; names and values beside it, so that a person's data can be erased.
pub(super) fn events(
    now: Timestamp,
    actor: &str,
    who: &str,
    revision: i64,
    file_digest: &str,
    differences: &[Difference],
) -> Vec<Event> {
    let parts = parts(differences);
    let of = parts.len();
    parts
        .into_iter()
        .enumerate()
        .map(|(i, part)| {
            let data: Vec<Value> = part.iter().map(Piece::leaf).collect();
            let private: Vec<Value> = part.iter().map(Piece::beside).collect();
            event(
                now,
                "catalogue.changed",
                actor,
                &[("catalogue", revision.to_string())],
                json!({ "revision": revision, "file_sha256": file_digest, "part": i + 1, "parts": of, "differences": data }),
                json!({ "by": who, "differences": private }),
            )
        })
        .collect()
}

/// A difference, or some of the fields of one that no event can hold as a whole.
struct Piece<'a> {
    of: &'a Difference,
    fields: Vec<&'a FieldChange>,
}

impl Piece<'_> {
    fn leaf(&self) -> Value {
        let names: Vec<String> = self.fields.iter().map(|f| cut(&f.field)).collect();
        json!({ "noun": self.of.noun, "id": self.of.id, "action": self.of.action.as_str(), "fields": names })
    }

    fn beside(&self) -> Value {
        let side = |text: &Option<String>| text.as_deref().map(cut);
        let fields: Vec<Value> = self
            .fields
            .iter()
            .map(|f| json!({ "field": cut(&f.field), "before": side(&f.before), "after": side(&f.after) }))
            .collect();
        json!({ "noun": self.of.noun, "name": cut(&self.of.name), "action": self.of.action.as_str(), "fields": fields })
    }
}

/// Differences in groups that an event can hold; one with many fields goes on in the next.
fn parts(differences: &[Difference]) -> Vec<Vec<Piece<'_>>> {
    let side = |text: &Option<String>| text.as_ref().map_or(0, |t| t.len().min(FIELD_BYTES + 100));
    let size_of = |f: &FieldChange| 60 + f.field.len().min(FIELD_BYTES) + side(&f.before) + side(&f.after);
    let mut parts: Vec<Vec<Piece<'_>>> = Vec::new();
    let mut size = usize::MAX;
    for d in differences {
        let head = 200 + d.name.len().min(FIELD_BYTES);
        let whole = head + d.fields.iter().map(size_of).sum::<usize>();
        if size.saturating_add(whole) > EVENT_BYTES {
            parts.push(Vec::new());
            size = 0;
        }
        size += head;
        let mut piece = Piece { of: d, fields: Vec::new() };
        for field in &d.fields {
            let more = size_of(field);
            if size.saturating_add(more) > EVENT_BYTES && !piece.fields.is_empty() {
                let full = std::mem::replace(&mut piece, Piece { of: d, fields: Vec::new() });
                if let Some(last) = parts.last_mut() {
                    last.push(full);
                }
                parts.push(Vec::new());
                size = head;
            }
            size += more;
            piece.fields.push(field);
        }
        if let Some(last) = parts.last_mut() {
            last.push(piece);
        }
    }
    parts
}

/// A long text's beginning, its length and digest: what was left out can still be checked against a copy of the file.
fn cut(text: &str) -> String {
    if text.len() <= FIELD_BYTES {
        return text.to_owned();
    }
    let mut end = FIELD_BYTES - 100;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes, SHA-256 {})", text.get(..end).unwrap_or(""), text.len(), sha256(text))
}

/// SHA-256 in lower-case hexadecimal.
pub(super) fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// To everyone who was or is an administrator or auditor: who loses the duty by a change is told of it as well.
pub(super) fn mails(
    now: Timestamp,
    who: &str,
    before: &State,
    after: &State,
    differences: &[Difference],
) -> Vec<Mail> {
    let watches = |u: &&User| {
        !u.disabled && (u.duties.contains(&Duty::Administrator) || u.duties.contains(&Duty::Auditor))
    };
    let mut readers: BTreeMap<UserId, &User> =
        before.catalogue.users.values().filter(watches).map(|u| (u.id, u)).collect();
    readers.extend(after.catalogue.users.values().filter(watches).map(|u| (u.id, u)));
    let count =
        if differences.len() == 1 { "1 change".to_owned() } else { format!("{} changes", differences.len()) };
    let mut facts: Vec<Fact> = differences.iter().take(MAIL_LINES).map(fact).collect();
    if differences.len() > MAIL_LINES {
        facts.push(Fact {
            label: "And".to_owned(),
            value: format!("{} more, in the audit log", differences.len() - MAIL_LINES),
        });
    }
    let model = |user: &User| MailModel {
        subject: format!("Catalogue changed by {who}: {count}"),
        headline: format!("{who} changed the catalogue at {}.", crate::mails::when_exactly(now, user.zone())),
        facts: facts.clone(),
        quote: None,
        paragraphs: vec![
            "If you did not expect this, look at the audit log now and talk to them.".to_owned(),
        ],
        link: Some(("Open the audit log".to_owned(), "/audit?action=catalogue.".to_owned())),
        footer: "You get this because you administer or audit Hallpass.".to_owned(),
    };
    readers
        .values()
        .map(|user| mail(now, MailKind::CatalogueChanged, user, (None, None), model(user)))
        .collect()
}

fn fact(d: &Difference) -> Fact {
    let shorten = |text: &str| {
        if text.chars().count() > 120 {
            format!("{}…", text.chars().take(119).collect::<String>())
        } else {
            text.to_owned()
        }
    };
    let shown = |text: &Option<String>| shorten(text.as_deref().filter(|t| !t.is_empty()).unwrap_or("none"));
    let changes = d
        .fields
        .iter()
        .map(|f| format!("{} {} → {}", f.field, shown(&f.before), shown(&f.after)))
        .collect::<Vec<_>>()
        .join("; ");
    let value = match d.action {
        super::plan::Action::Create => "new".to_owned(),
        super::plan::Action::Change => changes,
        super::plan::Action::Retire => "retired".to_owned(),
        super::plan::Action::Disable => "disabled".to_owned(),
    };
    Fact { label: format!("{} {}", d.noun, d.name), value }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::plan::Action;

    fn difference(name: &str, text: &str) -> Difference {
        let field = FieldChange {
            field: "members".to_owned(),
            before: Some(text.to_owned()),
            after: Some(format!("{text}!")),
        };
        Difference {
            noun: "group",
            id: "0".to_owned(),
            name: name.to_owned(),
            action: Action::Change,
            fields: vec![field; 12],
        }
    }

    #[test]
    fn every_difference_is_in_an_event_however_long() {
        // Quotes double in JSON; letters beyond ASCII must not be cut in half.
        for text in ["x".to_owned(), "\"".repeat(200_000), "äß€𝄞".repeat(50_000)] {
            let all: Vec<Difference> = (0..40).map(|i| difference(&format!("g{i}"), &text)).collect();
            let events = events("2026-11-23T16:00:00Z".parse().unwrap(), "system:test", "Test", 3, "0", &all);
            assert!(events.iter().all(|e| e.parts().data["file_sha256"] == "0"), "none was curtailed");
            let told: usize =
                events.iter().map(|e| e.parts().data["differences"].as_array().unwrap().len()).sum();
            assert_eq!(told, 40);
        }
    }

    #[test]
    fn every_field_is_in_an_event_however_many() {
        let mut role = difference("wide", &"\"".repeat(600));
        role.fields = (0..300)
            .map(|i| FieldChange { field: format!("scope.p{i}"), ..role.fields[0].clone() })
            .collect();
        let all = [difference("small", "x"), role, difference("last", "y")];
        let events = events("2026-11-23T16:00:00Z".parse().unwrap(), "system:test", "Test", 3, "0", &all);
        assert!(events.iter().all(|e| e.parts().data["file_sha256"] == "0"), "none was curtailed");
        let told = |part: &Value| {
            part["differences"]
                .as_array()
                .unwrap()
                .iter()
                .map(|d| d["fields"].as_array().unwrap().len())
                .sum::<usize>()
        };
        assert_eq!(events.iter().map(|e| told(&e.parts().data)).sum::<usize>(), 12 + 300 + 12);
        assert_eq!(
            events.iter().map(|e| told(&e.parts().opening.as_ref().unwrap().private)).sum::<usize>(),
            12 + 300 + 12
        );
    }

    #[test]
    fn leaves_hold_no_names_or_values() {
        let events = events(
            "2026-11-23T16:00:00Z".parse().unwrap(),
            "system:test",
            "Olga Marin",
            1,
            "0",
            &[difference("secret-project", "ana@example.org")],
        );
        let leaf = events[0].parts().data.to_string();
        assert!(
            !leaf.contains("secret-project") && !leaf.contains("ana@") && !leaf.contains("Olga"),
            "{leaf}"
        );
    }
}
