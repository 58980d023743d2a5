//! Secrets that a test has seen, to be looked for where none may be.
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use aho_corasick::AhoCorasick;

/// Secrets with what they are; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Arc<Mutex<Vec<(String, String)>>>);

impl Secrets {
    /// Remembers one; short ones would be found by chance and are refused.
    ///
    /// # Panics
    /// For fewer than 12 characters.
    pub fn plant(&self, what: &str, secret: &str) {
        assert!(secret.len() >= 12, "{what} is too short to be looked for");
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !all.iter().any(|(_, s)| s == secret) {
            all.push((what.to_owned(), secret.to_owned()));
        }
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    /// What of them stands in `bytes`, in clear or in hexadecimal. All are looked for in one pass: logs are long.
    ///
    /// # Panics
    /// Where there are more secrets than can be looked for at once.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let needles = all.iter().flat_map(|(_, s)| [s.clone(), data_encoding::HEXLOWER.encode(s.as_bytes())]);
        let search = AhoCorasick::new(needles).expect("fewer secrets");
        // Overlapping: one secret may be a part of another.
        let found: BTreeSet<usize> =
            search.find_overlapping_iter(bytes).map(|found| found.pattern().as_usize() / 2).collect();
        found.into_iter().filter_map(|at| all.get(at)).map(|(what, _)| what.clone()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn found_in_clear_and_in_hexadecimal() {
        let secrets = Secrets::default();
        secrets.plant("a token", "hpa_0123456789");
        assert_eq!(secrets.found_in(b"..hpa_0123456789"), ["a token"]);
        assert_eq!(secrets.found_in(b"\\x6870615f30313233343536373839"), ["a token"]);
        assert!(secrets.found_in(b"hpa_012345678 hhpa_").is_empty());
    }

    #[test]
    fn one_that_is_part_of_another_is_found_too() {
        let secrets = Secrets::default();
        secrets.plant("long", "hpa_0123456789abcdef");
        secrets.plant("short", "0123456789ab");
        assert_eq!(secrets.found_in(b"x hpa_0123456789abcdef"), ["long", "short"]);
    }
}
