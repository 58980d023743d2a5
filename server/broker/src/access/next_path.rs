//! Where to go after sign-in.

/// Longest path kept, in bytes: a form with what was typed in it, whose letters may take six bytes each.
const MAX_BYTES: usize = 16_384;

/// A path on this site, or nothing: it begins with one `/`, and holds no back slash, white space or control
/// character, all of which browsers fold into something else (`//host`, `/\host`, `/<tab>/host` leave the site).
/// Paths of the sign-in itself would loop and are dropped too.
pub fn next_path(raw: &str) -> Option<String> {
    let local = raw.starts_with('/')
        && !raw.starts_with("//")
        && raw.len() <= MAX_BYTES
        && !raw.chars().any(|c| c == '\\' || c.is_control() || c.is_whitespace());
    let path = raw.split(['?', '#']).next().unwrap_or_default();
    let own = ["/sign-in", "/sign-out"]
        .iter()
        .any(|own| path.strip_prefix(own).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')));
    (local && !own).then(|| raw.to_owned())
}

#[cfg(test)]
mod tests {
    use super::next_path;

    #[test]
    fn only_local_paths_are_kept() {
        for good in
            ["/", "/r/R-7Q2K", "/requests?state=pending&after=1", "/a//b", "/sign-inside", "/device#code"]
        {
            assert_eq!(next_path(good).as_deref(), Some(good));
        }
        let long = format!("/{}", "a".repeat(16_384));
        for bad in [
            "",
            "r",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example",
            "javascript:alert(1)",
            " /a",
            "/a b",
            "/\t/evil.example",
            "/a\r\nSet-Cookie: x",
            "/a\u{0}",
            "/sign-in",
            "/sign-in?x=1",
            "/sign-in/second-factor",
            "/sign-out",
            &long,
        ] {
            assert_eq!(next_path(bad), None, "{bad:?}");
        }
    }
}
