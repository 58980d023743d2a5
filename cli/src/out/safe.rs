//! Nothing that a server, a mail or a person wrote may move the cursor, change colours or reorder text on the screen.

/// Stands where a character was taken out of text that must keep its length visible.
const GONE: char = '\u{FFFD}';

/// Controls (C0, C1, DEL), bidirectional controls and characters without width.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
}

/// One line: line breaks and tabs become spaces, ESC goes, other unsafe characters become `�`.
pub(crate) fn line(text: &str) -> String {
    clean(text, false)
}

/// Several lines: as [`line`], line breaks kept.
pub(crate) fn lines(text: &str) -> String {
    clean(text, true)
}

fn clean(text: &str, keep_breaks: bool) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{1b}' | '\u{7}' | '\r'))
        .map(|c| match c {
            '\n' if keep_breaks => '\n',
            '\n' | '\t' => ' ',
            c if is_unsafe(c) => GONE,
            c => c,
        })
        .collect()
}

/// JSON text with every unsafe character inside strings escaped. JSON's own text has none but line breaks.
pub(crate) fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_unsafe(c) {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            out.push(c);
        }
    }
    out
}

/// Whether a secret can be handed on as it is: visible ASCII only, nothing that a shell, a file or a header would break on.
pub(crate) fn is_plain_secret(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic())
}

/// A name that comes from a server as the name of a file: letters, digits, `.`, `_`, `-`, and never a path.
pub(crate) fn file_name(text: &str) -> String {
    let name: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' }).collect();
    if name.trim_matches('.').is_empty() { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_control_or_bidi_character_survives() {
        let nasty = "a\u{1b}[2J\u{9b}31mb\u{202E}c\r\nd\te\u{7f}\u{0}\u{200B}";
        for text in [line(nasty), lines(nasty)] {
            assert!(text.chars().all(|c| c == '\n' || !is_unsafe(c)), "{text:?}");
        }
        assert_eq!(line("a\nb\tc"), "a b c");
        assert_eq!(lines("a\nb"), "a\nb");
        let escaped = json(&serde_json::json!({ "x": nasty }).to_string());
        assert!(escaped.is_ascii());
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&escaped).unwrap()["x"],
            nasty,
            "nothing is lost"
        );
    }

    #[test]
    fn names_are_no_paths() {
        for (text, name) in
            [("ci.build-1", "ci.build-1"), ("../x", ".._x"), ("..", "_.."), ("", "_"), ("a/b:c", "a_b_c")]
        {
            assert_eq!(file_name(text), name);
        }
    }

    #[test]
    fn secrets_with_line_breaks_are_refused() {
        assert!(is_plain_secret("eyJhbGciOi.J-_~"));
        for bad in ["", "a b", "a\nb", "ä", "a\u{1b}"] {
            assert!(!is_plain_secret(bad));
        }
    }
}
