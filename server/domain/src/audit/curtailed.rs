//! Events that cannot be told as they are: what has no place in an event is left out, and who did what to which thing
//! stays. A caller who could make his own event vanish would act without a record.
use serde_json::{Value, json};

use super::event::{Event, EventError, EventParts, NewEvent, Opening, is_kind, is_word};
use super::leaf::commitment;
use super::merkle::Hash;

/// Longest beginning that is kept of what was left out, bytes: JSON in a JSON string may double each escape twice.
const BEGINNING: usize = 12_000;
/// What stands where a commitment cannot be made.
const NO_COMMITMENT: &[u8] = b"unrepresentable";

impl Event {
    /// The event of something that just happened, whatever it says, and what was wrong with it. Where `data` or `private`
    /// has no place in an event, the leaf has their SHA-256, and the private part their beginning.
    #[must_use]
    pub fn told(new: NewEvent) -> (Self, Option<EventError>) {
        let committed = commitment(&new.salt, &new.private);
        let nothing = Hash::of_parts(&[NO_COMMITMENT]);
        let parts = new.into_parts(committed.as_ref().copied().unwrap_or(nothing));
        match committed.and_then(|_| Self::check(&parts)) {
            Ok(leaf) => (Self::with_leaf(parts, leaf), None),
            Err(error) => (Self::curtailed(parts, &error), Some(error)),
        }
    }

    fn curtailed(parts: EventParts, error: &EventError) -> Self {
        let opening = parts.opening.as_ref();
        let whole = json!({ "data": parts.data, "private": opening.map(|o| &o.private) }).to_string();
        let private = json!({ "beginning": beginning(&whole) });
        let committed = opening.and_then(|o| commitment(&o.salt, &private).ok());
        let mistake: String = format!("{error:?}").chars().take_while(char::is_ascii_alphanumeric).collect();
        let poorer = EventParts {
            kind: if is_kind(&parts.kind) { parts.kind } else { "event.unrepresentable".to_owned() },
            actor: if is_word(&parts.actor) { parts.actor } else { "system:audit".to_owned() },
            subjects: parts.subjects.into_iter().filter(|(n, id)| is_word(n) && is_word(id)).collect(),
            data: json!({ "curtailed": mistake, "sha256": Hash::of_parts(&[whole.as_bytes()]).to_string() }),
            private_commitment: committed.unwrap_or_else(|| Hash::of_parts(&[NO_COMMITMENT])),
            opening: parts.opening.filter(|_| committed.is_some()).map(|o| Opening { private, ..o }),
            ..parts
        };
        match Self::check(&poorer) {
            Ok(leaf) => Self::with_leaf(poorer, leaf),
            // Only a time without a spelling is left: the least one has.
            Err(_) => {
                let spelled = EventParts { at: chrono::DateTime::UNIX_EPOCH, ..poorer };
                let leaf = Self::check(&spelled).unwrap_or_else(|_| Hash::of_parts(&[NO_COMMITMENT]));
                Self::with_leaf(spelled, leaf)
            }
        }
    }
}

fn beginning(text: &str) -> Value {
    let mut end = text.len().min(BEGINNING);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    Value::from(text.get(..end).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::new_event;

    #[test]
    fn who_did_what_stays() {
        let sound = new_event(1);
        for (data, private) in [
            (json!({ "cap_seconds": 9_007_199_254_740_993_i64 }), json!({})),
            (json!({ "answer": "x".repeat(70_000) }), json!({ "by": "Ann Lee" })),
            (json!({}), json!({ "reason": "\\\"\u{1}ä".repeat(40_000) })),
            (json!([1]), json!(null)),
        ] {
            let (event, error) = Event::told(NewEvent { data, private, ..sound.clone() });
            let parts = event.parts();
            assert!(error.is_some());
            assert_eq!(
                (&parts.kind, &parts.actor, &parts.subjects),
                (&sound.kind, &sound.actor, &sound.subjects)
            );
            assert!(parts.data["curtailed"].is_string() && parts.data["sha256"].is_string());
            assert!(event.commitment_holds() && !event.is_erased());
            assert_eq!(Event::from_parts(parts.clone()).as_ref(), Ok(&event), "it can be read again");
        }
    }

    #[test]
    fn nothing_is_without_an_event() {
        let odd = NewEvent {
            kind: "No Kind".to_owned(),
            actor: "ann@example.com".to_owned(),
            at: "+12026-01-01T00:00:00Z".parse().unwrap(),
            ..new_event(1)
        };
        let (event, _) = Event::told(odd);
        assert_eq!(
            (event.parts().kind.as_str(), event.parts().actor.as_str()),
            ("event.unrepresentable", "system:audit")
        );
        assert_eq!(Event::from_parts(event.parts().clone()), Ok(event));
        assert_eq!(Event::told(new_event(1)), (Event::new(new_event(1)).unwrap(), None));
    }
}
