//! A log whose key was rotated: what vouches for the new key, and what the old one may not have signed.
//!
//! An event announces the new key while the old one still signs, so that a checkpoint by the old key covers it. The event of
//! the rotation itself is covered by checkpoints of the new key alone: whoever stole the old one can sign nothing that goes on
//! from there.
use serde_json::Value;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::event::EventParts;
use super::keys::{KeyId, VerifierKey};

/// Announces a key: its `data.vkey`.
const ANNOUNCED: &str = "key.log_announced";
/// Replaces a key: its `data.vkey_before`.
const ROTATED: &str = "key.log_rotated";

/// A trusted key that the log itself announced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnnouncedKey {
    /// The verifier key.
    pub vkey: String,
    /// The event that announces it.
    pub index: u64,
    /// An older trusted key that signed a checkpoint over that event; none where no such checkpoint is at hand.
    pub by: Option<KeyId>,
}

/// A checkpoint that a key signed after it was rotated away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Misused {
    pub(super) size: u64,
    pub(super) key: KeyId,
    pub(super) index: u64,
}

/// What an export and the checkpoints beside it show of keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Rotations {
    /// Each trusted key with the size of the largest checkpoint that it signed.
    signed: Vec<(VerifierKey, u64)>,
    announced: Vec<(u64, String)>,
    replaced: Vec<(u64, String)>,
}

impl Rotations {
    pub(super) fn of(trusted: &[VerifierKey]) -> Self {
        let signed = trusted.iter().map(|key| (key.clone(), 0)).collect();
        Self { signed, ..Self::default() }
    }

    /// Opens a checkpoint, and remembers which keys signed it.
    pub(super) fn open(
        &mut self,
        note: &str,
        trusted: &[VerifierKey],
    ) -> Result<Checkpoint, CheckpointError> {
        let checkpoint = Checkpoint::open(note, trusted)?;
        for (key, largest) in &mut self.signed {
            if checkpoint.size > *largest && Checkpoint::open(note, std::slice::from_ref(key)).is_ok() {
                *largest = checkpoint.size;
            }
        }
        Ok(checkpoint)
    }

    /// Looks at the event with this index.
    pub(super) fn event(&mut self, index: u64, parts: &EventParts) {
        let named = |member: &str| parts.data.get(member).and_then(Value::as_str).map(str::to_owned);
        match parts.kind.as_str() {
            ANNOUNCED => self.announced.extend(named("vkey").map(|key| (index, key))),
            ROTATED => self.replaced.extend(named("vkey_before").map(|key| (index, key))),
            _ => {}
        }
    }

    /// Whether a key signed a checkpoint that covers its own replacement: no server of ours does that.
    pub(super) fn misused(&self) -> Option<Misused> {
        self.signed.iter().find_map(|(key, size)| {
            let own = key.to_string();
            let (index, _) = self.replaced.iter().find(|(index, before)| *before == own && size > index)?;
            Some(Misused { size: *size, key: key.id(), index: *index })
        })
    }

    /// The trusted keys that were announced, in the order of the log.
    pub(super) fn announced(&self) -> Vec<AnnouncedKey> {
        let ours =
            self.announced.iter().filter(|(_, vkey)| self.signed.iter().any(|(k, _)| k.to_string() == *vkey));
        ours.map(|(index, vkey)| {
            let older = self
                .signed
                .iter()
                .find(|(key, size)| size > index && key.to_string() != *vkey && !self.is_later(key, *index));
            AnnouncedKey { vkey: vkey.clone(), index: *index, by: older.map(|(key, _)| key.id()) }
        })
        .collect()
    }

    /// Whether a key was itself announced at this event or after it: it vouches for nothing before.
    fn is_later(&self, key: &VerifierKey, index: u64) -> bool {
        let own = key.to_string();
        self.announced.iter().any(|(at, vkey)| *vkey == own && *at >= index)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::event::{Event, NewEvent};
    use super::super::export::Header;
    use super::super::keys::NoteSigner;
    use super::super::testing::{Log, new_event};
    use super::super::verify::{Verified, VerifyError, verify_export};
    use super::*;

    const SIZE: u64 = 300;

    /// Announced by event 10, rotated by event 20.
    fn rotated() -> (Log, NoteSigner) {
        let origin = "hallpass.example/audit";
        let next = NoteSigner::from_seed(origin, &[4; 32]).unwrap();
        let (old, new) = (Log::new(1).signer.verifier().to_string(), next.verifier().to_string());
        let event = |n: u64| {
            let kind = match n {
                10 => ANNOUNCED,
                20 => ROTATED,
                _ => return Event::new(new_event(n)).unwrap(),
            };
            let data = json!({ "vkey_before": old, "vkey": new });
            Event::new(NewEvent { kind: kind.to_owned(), data, ..new_event(n) }).unwrap()
        };
        (Log::of((0..SIZE).map(event).collect()), next)
    }

    fn verify(
        log: &Log,
        signer: &NoteSigner,
        keys: &[&NoteSigner],
        held: &[String],
    ) -> Result<Verified, VerifyError> {
        let own = Checkpoint::open(&log.checkpoint(SIZE), &[log.signer.verifier().clone()]).unwrap();
        let header = Header {
            checkpoint: own.sign(signer).unwrap(),
            vkey: signer.verifier().to_string(),
            ..log.header(SIZE)
        };
        let keys: Vec<VerifierKey> = keys.iter().map(|s| s.verifier().clone()).collect();
        let held: Vec<&str> = held.iter().map(String::as_str).collect();
        verify_export((header.to_line().unwrap() + &log.lines(SIZE).concat()).as_bytes(), &keys, &held)
    }

    #[test]
    fn the_old_key_vouches_for_the_new_one() {
        let (log, next) = rotated();
        let both = [&log.signer, &next];
        let verified = verify(&log, &next, &both, &[log.checkpoint(5), log.checkpoint(20)]).unwrap();
        let expected = AnnouncedKey {
            vkey: next.verifier().to_string(),
            index: 10,
            by: Some(log.signer.verifier().id()),
        };
        assert_eq!((verified.held_to, verified.announced), (20, vec![expected.clone()]));
        // A checkpoint from before the announcement vouches for nothing, and one key alone is not enough.
        let verified = verify(&log, &next, &both, &[log.checkpoint(10)]).unwrap();
        assert_eq!(verified.announced, [AnnouncedKey { by: None, ..expected }]);
        assert!(verify(&log, &next, &[&log.signer], &[log.checkpoint(20)]).is_err());
        assert!(verify(&log, &next, &[&next], &[log.checkpoint(20)]).is_err());
    }

    #[test]
    fn the_old_key_signs_nothing_after_its_rotation() {
        let (log, next) = rotated();
        let both = [&log.signer, &next];
        let forged = verify(&log, &log.signer, &both, &[log.checkpoint(20)]);
        assert!(matches!(forged, Err(VerifyError::Retired { size: SIZE, index: 20, .. })), "{forged:?}");
        let forged = verify(&log, &next, &both, &[log.checkpoint(21)]);
        assert!(matches!(forged, Err(VerifyError::Retired { size: 21, index: 20, .. })), "{forged:?}");
    }
}
