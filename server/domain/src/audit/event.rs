//! Audit events: what one holds, and which are refused. What its leaf covers stands in `leaf.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, SubsecRound, Timelike, Utc};
use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use uuid::Uuid;

use super::canonical::CanonicalError;
use super::leaf::{commitment, write_members};
use super::merkle::{Hash, leaf_hash};

/// Largest leaf in bytes: what a C2SP tlog-tiles entry can carry (16-bit length).
pub const MAX_LEAF: usize = 65_535;

/// Largest private part in bytes, as canonical JSON.
pub const MAX_PRIVATE: usize = 65_535;

const MAX_WORD: usize = 128;

/// 32 random bytes that keep a commitment from being guessed. Secret as long as the private part is: printed
/// never, erased together with it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt([u8; 32]);

impl Salt {
    /// Takes 32 random bytes, fresh for each event.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The bytes, to store them.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// 64 lower-case hex digits, the form in exports.
    #[must_use]
    pub fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl fmt::Debug for Salt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Salt(..)")
    }
}

impl FromStr for Salt {
    type Err = EventError;

    fn from_str(text: &str) -> Result<Self, EventError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).map_err(|_| EventError::Salt)?;
        Ok(Self(bytes.try_into().map_err(|_| EventError::Salt)?))
    }
}

impl Serialize for Salt {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_hex())
    }
}

impl<'de> Deserialize<'de> for Salt {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why an event was refused. Always a mistake of the program or a damaged row, never of a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// A kind that is not a code like `request.submitted`.
    #[error("an event kind is lower-case words with dots, not {0:?}")]
    Kind(String),
    /// An actor or subject that is not an id like `user:…`: at most 128 of `A-Z a-z 0-9 . _ : -`. The at sign is not
    /// among them, so that a mail address cannot get into a leaf by mistake.
    #[error("actors and subjects are ids, not {0:?}")]
    Word(String),
    /// A leap second, a year beyond 0000–9999, or (in a stored event) a part of a microsecond.
    #[error("the time has no spelling with six fractional digits")]
    Time,
    /// `data` or `private` is not an object.
    #[error("{0} must be a JSON object")]
    NotObject(&'static str),
    /// `data` or `private` has no canonical form.
    #[error("{part}: {error}")]
    Canonical {
        /// Which of the two.
        part: &'static str,
        /// What is wrong with it.
        error: CanonicalError,
    },
    /// The leaf or the private part is larger than 65,535 bytes.
    #[error("{0} is larger than 65,535 bytes")]
    TooLarge(&'static str),
    /// Not 64 lower-case hex digits.
    #[error("not a salt")]
    Salt,
}

/// What a transition says about what it did. [`Event::new`] makes the event of it.
#[derive(Debug, Clone)]
pub struct NewEvent {
    /// Unique id of the event.
    pub id: Uuid,
    /// When; cut to microseconds.
    pub at: DateTime<Utc>,
    /// Stable code such as `request.submitted`.
    pub kind: String,
    /// Who: `user:<uuid>`, `workload:<uuid>`, `system:expiry`.
    pub actor: String,
    /// What it is about: noun to id, such as `request` to its uuid.
    pub subjects: BTreeMap<String, String>,
    /// An object of ids, numbers, states and digests. Never names or reasons.
    pub data: Value,
    /// An object of names, addresses, reasons; `{}` when there are none.
    pub private: Value,
    /// Random, fresh for this event.
    pub salt: Salt,
}

impl NewEvent {
    /// The columns of it, with a commitment of its private part.
    pub(super) fn into_parts(self, private_commitment: Hash) -> EventParts {
        EventParts {
            id: self.id,
            at: self.at.trunc_subsecs(6),
            kind: self.kind,
            actor: self.actor,
            subjects: self.subjects,
            data: self.data,
            private_commitment,
            opening: Some(Opening { private: self.private, salt: self.salt }),
        }
    }
}

/// What opens a commitment. Erased as a whole or kept as a whole.
#[derive(Debug, Clone, PartialEq)]
pub struct Opening {
    /// Names, addresses, reasons.
    pub private: Value,
    /// The salt that the commitment was made with.
    pub salt: Salt,
}

/// The columns of a stored event, in and out of [`Event`].
#[derive(Debug, Clone, PartialEq)]
pub struct EventParts {
    /// Unique id of the event.
    pub id: Uuid,
    /// When, in whole microseconds.
    pub at: DateTime<Utc>,
    /// Stable code.
    pub kind: String,
    /// Who.
    pub actor: String,
    /// What it is about.
    pub subjects: BTreeMap<String, String>,
    /// Ids, numbers, states, digests.
    pub data: Value,
    /// SHA-256 over salt and private part; kept for good.
    pub private_commitment: Hash,
    /// The private part, or `None` once it is erased.
    pub opening: Option<Opening>,
}

/// One thing that happened, of a form that has a leaf; with the hash of that leaf, computed once.
#[derive(Debug, Clone, PartialEq)]
pub struct Event(EventParts, Hash);

impl Event {
    /// Makes the event of something that just happened, with its commitment.
    ///
    /// # Errors
    /// [`EventError`]: it has no leaf. [`Event::told`] makes one of it that says so.
    pub fn new(new: NewEvent) -> Result<Self, EventError> {
        let committed = commitment(&new.salt, &new.private)?;
        Self::checked(new.into_parts(committed))
    }

    /// Takes the columns of a stored event. Does *not* compare the private part with its commitment: a row that
    /// somebody changed must still be readable, so that it can be exported and pointed at. See
    /// [`Event::commitment_holds`].
    ///
    /// # Errors
    /// [`EventError`].
    pub fn from_parts(parts: EventParts) -> Result<Self, EventError> {
        if let Some(opening) = &parts.opening {
            commitment(&opening.salt, &opening.private)?;
        }
        Self::checked(parts)
    }

    fn checked(parts: EventParts) -> Result<Self, EventError> {
        let leaf = Self::check(&parts)?;
        Ok(Self(parts, leaf))
    }

    /// The columns, and the hash of their leaf.
    pub(super) const fn with_leaf(parts: EventParts, leaf: Hash) -> Self {
        Self(parts, leaf)
    }

    /// The hash of the leaf of such columns. The private part is not looked at.
    pub(super) fn check(parts: &EventParts) -> Result<Hash, EventError> {
        if !is_kind(&parts.kind) {
            return Err(EventError::Kind(parts.kind.clone()));
        }
        let words = parts.subjects.iter().flat_map(|(noun, id)| [noun, id]).chain([&parts.actor]);
        if let Some(bad) = words.into_iter().find(|word| !is_word(word)) {
            return Err(EventError::Word(bad.clone()));
        }
        let nanos = parts.at.nanosecond();
        if nanos >= 1_000_000_000 || !nanos.is_multiple_of(1_000) || !(0..=9999).contains(&parts.at.year()) {
            return Err(EventError::Time);
        }
        let mut leaf = String::with_capacity(512);
        write_members(parts, &mut leaf, None)?;
        if leaf.len() > MAX_LEAF {
            return Err(EventError::TooLarge("the leaf"));
        }
        Ok(leaf_hash(leaf.as_bytes()))
    }

    /// `SHA-256(0x00 || leaf)` (RFC 6962 §2.1).
    #[must_use]
    pub const fn leaf_hash(&self) -> Hash {
        self.1
    }

    /// The columns, to read them.
    #[must_use]
    pub const fn parts(&self) -> &EventParts {
        &self.0
    }

    /// The columns, to store them.
    #[must_use]
    pub fn into_parts(self) -> EventParts {
        self.0
    }

    /// The event without names, addresses, reasons and salt. Its leaf is the same.
    #[must_use]
    pub fn erased(mut self) -> Self {
        self.0.opening = None;
        self
    }

    /// Whether the private part has been erased.
    #[must_use]
    pub const fn is_erased(&self) -> bool {
        self.0.opening.is_none()
    }
}

pub(super) fn is_kind(text: &str) -> bool {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'_' || c == b'-')
    };
    text.len() <= MAX_WORD && text.split('.').all(word)
}

pub(super) fn is_word(text: &str) -> bool {
    (1..=MAX_WORD).contains(&text.len())
        && text.bytes().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'.' | b'_' | b':' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::testing::new_event;
    use serde_json::json;

    #[test]
    fn refuses_what_has_no_place_in_a_leaf() {
        let with = |change: fn(&mut NewEvent)| {
            let mut new = new_event(1);
            change(&mut new);
            Event::new(new).unwrap_err()
        };
        assert!(matches!(with(|e| e.kind = "Request".into()), EventError::Kind(_)));
        assert!(matches!(with(|e| e.kind = "request..x".into()), EventError::Kind(_)));
        assert!(matches!(with(|e| e.actor = "ann@example.com".into()), EventError::Word(_)));
        assert!(matches!(with(|e| e.actor = String::new()), EventError::Word(_)));
        assert!(matches!(
            with(|e| _ = e.subjects.insert("user".into(), "Ann Lee".into())),
            EventError::Word(_)
        ));
        assert!(matches!(with(|e| e.data = json!({"x": 0.5})), EventError::Canonical { .. }));
        assert!(matches!(with(|e| e.data = json!([])), EventError::NotObject("data")));
        assert!(matches!(with(|e| e.private = Value::Null), EventError::NotObject("private")));
        assert!(matches!(with(|e| e.data = json!({"x": "x".repeat(70_000)})), EventError::TooLarge(_)));
        assert!(matches!(with(|e| e.private = json!({"x": "x".repeat(70_000)})), EventError::TooLarge(_)));
    }

    #[test]
    fn time_is_cut_to_microseconds() {
        let mut new = new_event(1);
        new.at = "2026-01-01T00:00:00.123456789Z".parse().unwrap();
        let event = Event::new(new).unwrap();
        assert!(event.leaf().unwrap().contains(r#""at":"2026-01-01T00:00:00.123456Z""#));
        assert!(!format!("{event:?}").contains("0101"), "the salt is not printed");
    }
}
