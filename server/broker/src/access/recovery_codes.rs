//! Recovery codes: look-up secrets (NIST SP 800-63B-4 §3.1.2) that stand in for a lost authenticator, once each.
use hallpass_domain::secret::{NoRandomness, SecretHash, random_from};
use subtle::ConstantTimeEq;

/// No `i`, `l`, `o`, `0`, `1`.
const ALPHABET: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";
/// 24 characters hold 118 bits: above the 112 from which SP 800-63B-4 lets a plain hash be stored.
const LENGTH: usize = 24;
const GROUP: usize = 4;
/// Codes in a set.
const COUNT: usize = 10;

/// A new set: codes as shown once (`xxxx-xxxx-…`), and the hashes that are stored.
pub(super) fn new_set() -> Result<(Vec<String>, Vec<SecretHash>), NoRandomness> {
    let codes = (0..COUNT).map(|_| random_from(ALPHABET, LENGTH)).collect::<Result<Vec<_>, _>>()?;
    let hashes = codes.iter().map(|code| SecretHash::of(code)).collect();
    Ok((codes.iter().map(|code| shown(code)).collect(), hashes))
}

fn shown(code: &str) -> String {
    code.chars().enumerate().fold(String::new(), |mut text, (place, c)| {
        if place > 0 && place.is_multiple_of(GROUP) {
            text.push('-');
        }
        text.push(c);
        text
    })
}

/// The hashes that are left after `typed` was used, or nothing if it is none of them. Every hash is compared.
pub(super) fn use_up(hashes: &[SecretHash], typed: &str) -> Option<Vec<SecretHash>> {
    let code: String = typed.chars().filter(|c| !c.is_whitespace() && *c != '-').take(LENGTH + 1).collect();
    let hash = SecretHash::of(&code.to_ascii_lowercase());
    let left: Vec<_> = hashes.iter().filter(|known| !bool::from(known.0.ct_eq(&hash.0))).copied().collect();
    (left.len() < hashes.len()).then_some(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_works_once_however_it_is_typed() {
        let (codes, hashes) = new_set().unwrap();
        assert_eq!((codes.len(), hashes.len(), codes[3].len()), (10, 10, 29));
        let left = use_up(&hashes, &format!(" {} ", codes[3].to_uppercase().replace('-', " "))).unwrap();
        assert_eq!(left.len(), 9);
        assert_eq!(use_up(&left, &codes[3]), None);
        assert_eq!(use_up(&left, &codes[4]).unwrap().len(), 8);
        for wrong in ["", "123456", "xxxx-xxxx-xxxx-xxxx-xxxx-xxxx"] {
            assert_eq!(use_up(&hashes, wrong), None);
        }
    }
}
