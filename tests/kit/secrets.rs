//! Secrets that a test has seen, to be looked for where none may be.
use std::sync::{Arc, Mutex, PoisonError};

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

    /// What of them stands in `bytes`, in clear or in hexadecimal.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let stands = |needle: &[u8]| find(bytes, needle);
        all.iter()
            .filter(|(_, s)| {
                stands(s.as_bytes()) || stands(data_encoding::HEXLOWER.encode(s.as_bytes()).as_bytes())
            })
            .map(|(what, _)| what.clone())
            .collect()
    }
}

/// Whether `needle` stands in `bytes`: looked for by its rarest place first would be faster; this is fast enough.
fn find(bytes: &[u8], needle: &[u8]) -> bool {
    let Some((first, rest)) = needle.split_first() else { return false };
    let mut at = 0;
    while let Some(next) = bytes.get(at..).and_then(|b| b.iter().position(|b| b == first)) {
        let from = at + next + 1;
        if bytes.get(from..from + rest.len()).is_some_and(|b| b == rest) {
            return true;
        }
        at = from;
    }
    false
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
}
