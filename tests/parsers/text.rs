//! Names, addresses, and text from people.
use hallpass_domain::ids::{CredentialId, GrantId, RequestId};
use hallpass_domain::scope::{Scope, ScopeSchema};
use hallpass_domain::text::{self, Email, Name};

use crate::texts::{check, wild};

#[test]
fn names_keep_to_their_alphabet() {
    check(5_000, wild(&["db-read", "prod.orders:read_1", "0x", &"a".repeat(63)]), |raw| {
        let good = (1..=63).contains(&raw.len())
            && raw.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b':' | b'-'))
            && raw.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        match Name::parse(&raw) {
            Ok(name) => assert!(good && name.as_str() == raw),
            Err(_) => assert!(!good, "{raw:?}"),
        }
    });
}

#[test]
fn addresses_are_one_address_on_one_line() {
    check(
        5_000,
        wild(&["ana.ruiz@example.org", " Ana+tag@Sub.Example.ORG ", "a@b", "o'neil@x-y.test"]),
        |raw| {
            let Ok(email) = Email::parse(&raw) else { return };
            let text = email.as_str();
            assert!(text.matches('@').count() == 1 && text.is_ascii() && text.len() <= 254, "{text:?}");
            assert!(
                !text.contains(|c: char| c.is_whitespace() || c.is_control() || ",;<>\"()[]\\".contains(c))
            );
            assert_eq!(Email::parse(text).unwrap(), email, "canonical");
            assert_eq!(text, text.to_lowercase());
        },
    );
}

/// Controls, and what makes text read differently from what it says.
fn is_forbidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[test]
fn text_loses_what_makes_it_lie() {
    let good = ["a customer\r\nwaits\there", "\u{202e}evil\u{2066} \u{200b}x\u{7}", " \u{feff}\n\n é 🦀 "];
    check(8_000, wild(&good), |raw| {
        let line = text::clean_line(&raw);
        assert!(!line.contains(is_forbidden), "{line:?}");
        assert_eq!(line, text::clean_line(&line), "cleaning again changes nothing");
        assert_eq!(line.trim(), line);
        let lines = text::clean_multiline(&raw);
        assert!(!lines.contains(|c: char| c != '\n' && is_forbidden(c)), "{lines:?}");
        assert_eq!(lines, text::clean_multiline(&lines));
        // Nothing that people may write is lost.
        let kept = |text: &str| text.chars().filter(|c| c.is_alphanumeric()).collect::<String>();
        assert_eq!(kept(&line), kept(&raw));
        match text::line("the reason", &raw, 40) {
            Ok(text) => assert!((1..=40).contains(&text.chars().count()) && text == line),
            Err(_) => assert!(line.is_empty() || line.chars().count() > 40),
        }
    });
}

#[test]
fn ids_are_ids_or_nothing() {
    let good = [
        "01a207a2-3280-73c7-8a7a-07aa2ab52d33",
        "01A207A2328073C78A7A07AA2AB52D33",
        "{01a207a2-3280-73c7-8a7a-07aa2ab52d33}",
    ];
    check(4_000, wild(&good), |raw| {
        if let Ok(id) = raw.parse::<GrantId>() {
            assert_eq!(id.to_string().parse::<GrantId>().unwrap(), id);
            assert_eq!(id.to_string().len(), 36);
        }
        let _ = (raw.parse::<RequestId>(), raw.parse::<CredentialId>());
    });
}

#[test]
fn what_passes_is_inside_the_role() {
    let schema = r#"{"region":{"label":"Region","allowed":["eu","us"],"default":["eu"],"multiple":false,"required":true},
                     "env":{"label":"Environment","allowed":["a","b","c"],"multiple":true}}"#;
    let schema: ScopeSchema = serde_json::from_str(schema).unwrap();
    assert!(Scope::defaults(&schema).check(&schema).is_ok());
    let good = [
        r#"{"region":["eu"]}"#,
        r#"{"region":["eu"],"env":["a","b"]}"#,
        r#"{"region":["eu","us"],"env":[]}"#,
    ];
    check(6_000, wild(&good), |raw| {
        let Ok(scope) = serde_json::from_str::<Scope>(&raw) else { return };
        let again: Scope = serde_json::from_str(&serde_json::to_string(&scope).unwrap()).unwrap();
        assert_eq!(again, scope);
        assert!(scope.is_within(&scope));
        let _ = scope.describe();
        if scope.check(&schema).is_ok() {
            assert_eq!(scope.0["region"].len(), 1);
            for (param, values) in &scope.0 {
                assert!(values.iter().all(|value| schema[param].allowed.contains(value)), "{raw}");
            }
        }
    });
}
