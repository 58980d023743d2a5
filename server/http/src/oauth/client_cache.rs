//! Resource servers that proved themselves a moment ago: introspection is asked thousands of times by the same few, with
//! the same header each time.
use std::time::{Duration, Instant};

use dashmap::DashMap;
use hallpass_domain::ids::TargetId;
use ring::digest::{SHA256, digest};

/// How long a proof is remembered. A secret that was changed, or a target that was removed, is refused after so long at
/// the latest.
const FRESH: Duration = Duration::from_secs(1);
/// Proofs kept at most; above that all are forgotten, and looked up again.
const MOST: usize = 4_096;

/// Proofs by the SHA-256 of the header; the header itself is not kept. Only good proofs are, so that guesses fill nothing.
#[derive(Debug, Default)]
pub struct ClientCache(DashMap<[u8; 32], (TargetId, Instant)>);

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

    /// The resource server's target, if it proved itself within the last second.
    pub fn get(&self, key: &[u8; 32]) -> Option<TargetId> {
        self.0.get(key).filter(|e| e.1.elapsed() < FRESH).map(|e| e.0)
    }

    /// Remembers a proof that was checked just now.
    pub fn put(&self, key: [u8; 32], target: TargetId) {
        if self.0.len() >= MOST {
            self.0.clear();
        }
        self.0.insert(key, (target, Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_is_good_for_a_second() {
        let (cache, key) = (ClientCache::new(), ClientCache::key(b"Basic YTpi"));
        let target = TargetId::from(uuid::Uuid::nil());
        assert_eq!(cache.get(&key), None);
        cache.put(key, target);
        assert_eq!(cache.get(&key), Some(target));
        assert_eq!(cache.get(&ClientCache::key(b"Basic YTpj")), None);
        cache.0.insert(key, (target, Instant::now().checked_sub(Duration::from_millis(1_001)).unwrap()));
        assert_eq!(cache.get(&key), None);
    }
}
