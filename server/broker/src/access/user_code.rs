//! User codes of the device flow (RFC 8628 §6.1).
use hallpass_domain::secret::{NoRandomness, random_from};

/// Consonants only: no words, no digits to mix up. Twenty letters, eight of them: 34.6 bits for ten minutes, with
/// five tries per session.
const ALPHABET: &[u8; 20] = b"BCDFGHJKLMNPQRSTVWXZ";
const LENGTH: usize = 8;

/// A new code in its canonical form: eight letters.
pub(super) fn new_code() -> Result<String, NoRandomness> {
    random_from(ALPHABET, LENGTH)
}

/// As people read it: `XXXX-XXXX`.
pub(super) fn shown(canonical: &str) -> String {
    match canonical.split_at_checked(LENGTH / 2) {
        Some((head, tail)) => format!("{head}-{tail}"),
        None => canonical.to_owned(),
    }
}

/// What somebody typed in its canonical form, whatever the case, dashes and spaces; nothing if it cannot be a code.
pub(super) fn canonical(typed: &str) -> Option<String> {
    let letters = typed.chars().filter(|c| !c.is_whitespace() && !matches!(c, '-' | '\u{2010}'..='\u{2015}'));
    let code: String = letters.map(|c| c.to_ascii_uppercase()).take(LENGTH + 1).collect();
    let known = code.bytes().all(|b| ALPHABET.contains(&b));
    (known && code.len() == LENGTH).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typed_in_any_way() {
        for typed in ["BCDF-GHJK", "bcdfghjk", " bcdf ghjk ", "b-c-d-f-g-h-j-k", "BCDF\u{2013}GHJK"] {
            assert_eq!(canonical(typed).as_deref(), Some("BCDFGHJK"), "{typed:?}");
        }
        for bad in ["", "BCDF-GHJ", "BCDF-GHJKL", "ACDF-GHJK", "BCDF-GHJ0", "bcdf_ghjk", "BCDFGHJ\u{212A}"] {
            assert_eq!(canonical(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn new_codes_read_back() {
        let code = new_code().unwrap();
        assert_eq!(shown(&code).len(), 9);
        assert_eq!(canonical(&shown(&code)).as_deref(), Some(code.as_str()));
    }
}
