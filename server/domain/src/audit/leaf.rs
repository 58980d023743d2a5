//! The leaf of an event.
//!
//! It is canonical JSON of ids, states, numbers and digests, and one commitment: SHA-256 over a random salt and the
//! canonical JSON of everything that names a person (names, addresses, reasons). Those stand beside the tree. Erasing
//! them and the salt leaves the leaf as it was, so the tree still verifies, and without the salt the commitment cannot
//! be tried against guessed names.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;

use super::canonical::{to_canonical, write_string, write_value};
use super::event::{Event, EventError, EventParts, MAX_PRIVATE, Salt};
use super::merkle::Hash;

impl Event {
    /// Whether the private part is the one that was committed to; true for an erased event, which shows none.
    #[must_use]
    pub fn commitment_holds(&self) -> bool {
        self.parts().opening.as_ref().is_none_or(|opening| {
            commitment(&opening.salt, &opening.private)
                .is_ok_and(|hash| hash == self.parts().private_commitment)
        })
    }

    /// The leaf: canonical JSON (RFC 8785) with the members actor, at, data, id, kind, private_commitment, subjects
    /// and v (1).
    ///
    /// # Errors
    /// None for an event that was built: every part was checked then.
    pub fn leaf(&self) -> Result<String, EventError> {
        let mut out = String::with_capacity(512);
        write_members(self.parts(), &mut out, None)?;
        Ok(out)
    }
}

/// The export line is the leaf with members added, so one function writes both, in sorted order.
pub(super) fn write_members(
    parts: &EventParts,
    out: &mut String,
    index: Option<u64>,
) -> Result<(), EventError> {
    let text = |error| EventError::Canonical { part: "text", error };
    let data = |error| EventError::Canonical { part: "data", error };
    if !parts.data.is_object() {
        return Err(EventError::NotObject("data"));
    }
    out.push_str(r#"{"actor":"#);
    write_string(out, &parts.actor).map_err(text)?;
    out.push_str(r#","at":"#);
    write_string(out, &format_time(parts.at)).map_err(text)?;
    out.push_str(r#","data":"#);
    write_value(out, &parts.data).map_err(data)?;
    out.push_str(&format!(r#","id":"{}""#, parts.id.hyphenated()));
    if let Some(index) = index {
        out.push_str(&format!(r#","index":{index}"#));
    }
    out.push_str(r#","kind":"#);
    write_string(out, &parts.kind).map_err(text)?;
    let opening = if index.is_some() { parts.opening.as_ref() } else { None };
    if let Some(opening) = opening {
        out.push_str(r#","private":"#);
        write_value(out, &opening.private)
            .map_err(|error| EventError::Canonical { part: "private", error })?;
    }
    out.push_str(&format!(r#","private_commitment":"{}""#, parts.private_commitment));
    if let Some(opening) = opening {
        out.push_str(&format!(r#","salt":"{}""#, opening.salt.to_hex()));
    }
    out.push_str(r#","subjects":{"#);
    // A BTreeMap of ASCII keys is in canonical order already.
    for (place, (noun, id)) in parts.subjects.iter().enumerate() {
        if place > 0 {
            out.push(',');
        }
        write_string(out, noun).map_err(text)?;
        out.push(':');
        write_string(out, id).map_err(text)?;
    }
    out.push_str(r#"},"v":1}"#);
    Ok(())
}

/// RFC 3339, UTC as `Z`, exactly six fractional digits.
fn format_time(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// SHA-256 over the salt and the canonical private part. The salt has a fixed length, so the two cannot be cut
/// differently.
pub(super) fn commitment(salt: &Salt, private: &Value) -> Result<Hash, EventError> {
    if !private.is_object() {
        return Err(EventError::NotObject("private"));
    }
    let text = to_canonical(private).map_err(|error| EventError::Canonical { part: "private", error })?;
    if text.len() > MAX_PRIVATE {
        return Err(EventError::TooLarge("the private part"));
    }
    Ok(Hash::of_parts(&[salt.as_bytes(), text.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::new_event;
    use serde_json::json;

    #[test]
    fn leaf_bytes_are_pinned() {
        // If this changes, no log written before verifies any more.
        let event = Event::new(new_event(7)).unwrap();
        assert_eq!(
            event.leaf().unwrap(),
            concat!(
                r#"{"actor":"user:00000000-0000-0000-0000-000000000007","at":"2026-01-01T00:00:07.000007Z","#,
                r#""data":{"n":7,"state":"pending"},"id":"00000000-0000-0000-0000-000000000007","kind":"request.submitted","#,
                r#""private_commitment":"8ffbc2e2af86ae0b1cb4989508191161efcecb0c8b49f292dcfe99fce14f76e0","#,
                r#""subjects":{"grant":"00000000-0000-0000-0000-000000000008","request":"00000000-0000-0000-0000-000000000007"},"v":1}"#
            )
        );
        assert_eq!(
            event.parts().private_commitment,
            Hash::of_parts(&[&[7; 32], br#"{"name":"Person 7","reason":"a \"reason\""}"#])
        );
    }

    #[test]
    fn order_of_members_does_not_matter() {
        let mut new = new_event(1);
        let event = Event::new(new.clone()).unwrap();
        new.data = json!({"state": "pending", "n": 1});
        new.private = json!({"reason": "a \"reason\"", "name": "Person 1"});
        assert_eq!(Event::new(new).unwrap().leaf().unwrap(), event.leaf().unwrap());
    }

    #[test]
    fn erasing_keeps_the_leaf() {
        let event = Event::new(new_event(1)).unwrap();
        let erased = event.clone().erased();
        assert!(erased.is_erased() && erased.commitment_holds());
        assert_eq!(erased.leaf_hash(), event.leaf_hash());
        let mut parts = event.into_parts();
        parts.opening.as_mut().unwrap().private = json!({"name": "Somebody else"});
        assert!(!Event::from_parts(parts).unwrap().commitment_holds());
    }
}
