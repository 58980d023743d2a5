//! CSRF tokens: derived from the session's cookie, so that a page can show one at any time and none is stored in clear.
use data_encoding::BASE64URL_NOPAD;
use ring::digest::{Context, SHA256};
use subtle::ConstantTimeEq;

/// `base64url(SHA-256("csrf" || cookie))`. Whoever cannot read the HttpOnly cookie cannot make it, and it says
/// nothing about the cookie (256 random bits). It changes whenever the cookie does.
pub(super) fn token_for(cookie: &str) -> String {
    let mut context = Context::new(&SHA256);
    context.update(b"csrf");
    context.update(cookie.as_bytes());
    BASE64URL_NOPAD.encode(context.finish().as_ref())
}

/// Whether `presented` is `expected`, in constant time.
pub(super) fn matches(expected: &str, presented: &str) -> bool {
    expected.as_bytes().ct_eq(presented.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_belongs_to_one_cookie() {
        let token = token_for("hps_a");
        assert_eq!(token.len(), 43);
        assert!(matches(&token, &token_for("hps_a")));
        assert!(!matches(&token, &token_for("hps_b")));
        assert!(!matches(&token, ""));
        assert!(!matches(&token, token.get(..42).unwrap()));
    }
}
