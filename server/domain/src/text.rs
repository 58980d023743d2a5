//! Text that people type, made safe once, at the edge.
use serde::{Deserialize, Serialize};

/// Longest reason or comment, characters: in the form, over the API and in the rules alike.
pub const LONGEST_REASON: usize = 2_000;
/// Longest reference of a ticket, characters.
pub const LONGEST_TICKET: usize = 200;

/// Why a piece of text was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing but white space.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// Longer than allowed, in characters.
    #[error("{0} is longer than {1} characters")]
    TooLong(&'static str, usize),
    /// Not of the required form.
    #[error("{0} {1}")]
    Form(&'static str, &'static str),
}

/// True for bidirectional controls, which can make text read differently from what it says (Unicode TR9).
fn is_bidi(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// Drops control, bidirectional and zero-width characters; keeps line breaks (as `\n`) and turns tabs to spaces.
pub fn clean_multiline(raw: &str) -> String {
    raw.replace("\r\n", "\n")
        .chars()
        .map(|c| {
            if c == '\r' {
                '\n'
            } else if c == '\t' {
                ' '
            } else {
                c
            }
        })
        .filter(|c| {
            *c == '\n'
                || !(c.is_control()
                    || is_bidi(*c)
                    || matches!(c, '\u{200B}' | '\u{FEFF}' | '\u{2028}' | '\u{2029}'))
        })
        .collect::<String>()
        .trim()
        .to_owned()
}

/// As [`clean_multiline`], on one line: line breaks become spaces.
pub fn clean_line(raw: &str) -> String {
    clean_multiline(raw).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Cleaned one-line text, `1..=max` characters.
pub fn line(what: &'static str, raw: &str, max: usize) -> Result<String, TextError> {
    bounded(what, clean_line(raw), max)
}

/// Cleaned text of several lines, `1..=max` characters.
pub fn multiline(what: &'static str, raw: &str, max: usize) -> Result<String, TextError> {
    bounded(what, clean_multiline(raw), max)
}

fn bounded(what: &'static str, text: String, max: usize) -> Result<String, TextError> {
    if text.is_empty() {
        return Err(TextError::Missing(what));
    }
    if text.chars().count() > max {
        return Err(TextError::TooLong(what, max));
    }
    Ok(text)
}

/// Name of a role, target, workflow, group or workload: `[a-z0-9][a-z0-9._:-]{0,62}`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(String);

impl Name {
    /// Parses a name; the error says which characters are allowed.
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        const FORM: &str = "must be 1 to 63 of a-z 0-9 . _ : - and begin with a letter or digit";
        let mut chars = raw.chars();
        let head = chars.next().is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
        let tail =
            chars.all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | ':' | '-'));
        if head && tail && raw.len() <= 63 {
            Ok(Self(raw.to_owned()))
        } else {
            Err(TextError::Form("the name", FORM))
        }
    }
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl TryFrom<String> for Name {
    type Error = TextError;
    fn try_from(raw: String) -> Result<Self, TextError> {
        Self::parse(&raw)
    }
}
impl From<Name> for String {
    fn from(name: Name) -> String {
        name.0
    }
}
impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A mail address in its canonical form: trimmed, lower case, one `@`, no white space or control characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Email(String);

impl Email {
    /// Parses an address as people type it. Deliverability is the mail server's business.
    pub fn parse(raw: &str) -> Result<Self, TextError> {
        let text = raw.trim().to_lowercase();
        let plain = |c: char| {
            c.is_ascii_alphanumeric()
                || matches!(c, '.' | '-' | '_' | '+' | '\'' | '%' | '=' | '~' | '!' | '#' | '&' | '/')
        };
        let ok = text.len() <= 254
            && text.split_once('@').is_some_and(|(local, host)| {
                !local.is_empty()
                    && local.len() <= 64
                    && local.chars().all(plain)
                    && !host.is_empty()
                    && !host.starts_with('.')
                    && !host.ends_with('.')
                    && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-'))
            });
        if ok {
            Ok(Self(text))
        } else {
            Err(TextError::Form("the mail address", "must look like name@example.org"))
        }
    }
    /// The address as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
impl TryFrom<String> for Email {
    type Error = TextError;
    fn try_from(raw: String) -> Result<Self, TextError> {
        Self::parse(&raw)
    }
}
impl From<Email> for String {
    fn from(email: Email) -> String {
        email.0
    }
}
impl std::fmt::Display for Email {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_to_the_alphabet() {
        for good in ["a", "db-read", "prod.orders:read_1", "0x"] {
            assert_eq!(Name::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "-a", "A", "a b", "ä", &"a".repeat(64), "a/b", "a\n"] {
            assert!(Name::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn control_and_bidi_characters_are_dropped() {
        assert_eq!(clean_line("a\u{202E}b\u{0007}\r\n c\u{200B}"), "ab c");
        assert_eq!(clean_multiline("a\r\nb\u{2066}\tc "), "a\nb c");
    }

    #[test]
    fn addresses_are_canonical_and_refuse_header_tricks() {
        assert_eq!(Email::parse(" Ana.Ruiz@Example.ORG ").unwrap().as_str(), "ana.ruiz@example.org");
        for bad in ["", "a", "a@", "@b", "a b@c", "a@b\r\nBcc: x@y", "a@b@c", "a,b@c", "a@b>"] {
            assert!(Email::parse(bad).is_err(), "{bad:?}");
        }
    }
}
