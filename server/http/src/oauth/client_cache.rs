//! Resource servers that proved themselves a moment ago: introspection is asked thousands of times by the same few, with
//! the same header each time.
use std::time::{Duration, Instant};

use dashmap::DashMap;
use hallpass_domain::ids::TargetId;
use ring::digest::{SHA256, digest};

/// How long a proof is remembered. A secret that was changed, or a target that was removed, is refused at once, because
/// the change moves the number of resets; this is the second line.
const FRESH: Duration = Duration::from_secs(1);
/// Proofs kept at most; above that all are forgotten, and looked up again.
const MOST: usize = 4_096;

/// Proofs by the SHA-256 of the header; the header itself is not kept. Only good proofs are, so that guesses fill nothing.
#[derive(Debug, Default)]
pub struct ClientCache(DashMap<[u8; 32], Proof>);

#[derive(Debug)]
struct Proof {
    target: TargetId,
    at: Instant,
    resets: u64,
}

impl ClientCache {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of a header.
    pub fn key(header: &[u8]) -> [u8; 32] {
        let mut key = [0; 32];
        key.copy_from_slice(digest(&SHA256, header).as_ref());
        key
    }

    /// The resource server's target, if it proved itself within the last second and since the last of so many resets.
    pub fn get(&self, key: &[u8; 32], resets: u64) -> Option<TargetId> {
        self.0.get(key).filter(|p| p.resets == resets && p.at.elapsed() < FRESH).map(|p| p.target)
    }

    /// Remembers a proof that was checked just now; `resets` is from before the check.
    pub fn put(&self, key: [u8; 32], target: TargetId, resets: u64) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(key, Proof { target, at: Instant::now(), resets });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_a_second_and_until_something_changes() {
        let (cache, key) = (ClientCache::new(), ClientCache::key(b"Basic YTpi"));
        let target = TargetId::from(uuid::Uuid::nil());
        assert_eq!(cache.get(&key, 0), None);
        cache.put(key, target, 0);
        assert_eq!(cache.get(&key, 0), Some(target));
        assert_eq!(cache.get(&key, 1), None, "a secret was changed");
        assert_eq!(cache.get(&ClientCache::key(b"Basic YTpj"), 0), None);
        let at = Instant::now().checked_sub(Duration::from_millis(1_001)).unwrap();
        cache.0.insert(key, Proof { target, at, resets: 0 });
        assert_eq!(cache.get(&key, 0), None);
    }
}
