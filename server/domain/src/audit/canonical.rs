//! Canonical JSON (RFC 8785) for what is hashed: sorted keys, no white space, one spelling of each value.
//!
//! Numbers are narrower than RFC 8785: whole numbers within ±(2^53 − 1) only. Fractions change their spelling on
//! the way through databases and other languages, and no audit datum needs them (durations are in whole units).
//! U+0000 is refused because PostgreSQL's `jsonb` cannot keep it, and a value that one back end cannot return
//! must not get a leaf. Written by hand, not with a library's serializer, so that an upgrade cannot change the
//! bytes under leaves that exist.

use std::fmt::Write;

use serde_json::Value;

/// Largest whole number that every JSON reader keeps exactly (RFC 8785 §3.2.2.3, RFC 7493 §2.2).
const MAX_INTEGER: u64 = (1 << 53) - 1;

/// Deepest nesting; bounds the recursion here and in readers.
const MAX_DEPTH: u8 = 32;

/// A value without a canonical form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CanonicalError {
    /// A fraction, or a whole number beyond ±(2^53 − 1).
    #[error("numbers must be whole and within 2^53 - 1; write others as text")]
    Number,
    /// A text or key with U+0000.
    #[error("text must not contain U+0000")]
    Nul,
    /// Nested deeper than 32.
    #[error("nested too deep")]
    Depth,
}

/// The canonical text of a value.
///
/// # Errors
/// [`CanonicalError`] when the value has no canonical form.
pub fn to_canonical(value: &Value) -> Result<String, CanonicalError> {
    let mut out = String::new();
    write_value(&mut out, value)?;
    Ok(out)
}

/// Appends the canonical text of a value.
pub(super) fn write_value(out: &mut String, value: &Value) -> Result<(), CanonicalError> {
    write_at(out, value, 0)
}

fn write_at(out: &mut String, value: &Value, depth: u8) -> Result<(), CanonicalError> {
    if depth > MAX_DEPTH {
        return Err(CanonicalError::Depth);
    }
    match value {
        Value::Null => out.push_str("null"),
        Value::Bool(true) => out.push_str("true"),
        Value::Bool(false) => out.push_str("false"),
        Value::Number(number) => match number.as_i64() {
            Some(whole) if whole.unsigned_abs() <= MAX_INTEGER => out.push_str(&whole.to_string()),
            _ => return Err(CanonicalError::Number),
        },
        Value::String(text) => write_string(out, text)?,
        Value::Array(items) => {
            out.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_at(out, item, depth + 1)?;
            }
            out.push(']');
        }
        Value::Object(members) => {
            let mut sorted: Vec<_> = members.iter().collect();
            // RFC 8785 §3.2.3 sorts by UTF-16 code units, which differs from byte order above U+FFFF.
            sorted.sort_by(|(a, _), (b, _)| a.encode_utf16().cmp(b.encode_utf16()));
            out.push('{');
            for (place, (key, member)) in sorted.into_iter().enumerate() {
                if place > 0 {
                    out.push(',');
                }
                write_string(out, key)?;
                out.push(':');
                write_at(out, member, depth + 1)?;
            }
            out.push('}');
        }
    }
    Ok(())
}

/// Appends a quoted string with the escapes of RFC 8785 §3.2.2.2.
pub(super) fn write_string(out: &mut String, text: &str) -> Result<(), CanonicalError> {
    out.push('"');
    for c in text.chars() {
        match c {
            '\0' => return Err(CanonicalError::Nul),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\u{8}' => out.push_str("\\b"),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\u{c}' => out.push_str("\\f"),
            '\r' => out.push_str("\\r"),
            // Writing to a String cannot fail.
            c if c < ' ' => _ = write!(out, "\\u{:04x}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn canonical(text: &str) -> Result<String, CanonicalError> {
        to_canonical(&serde_json::from_str(text).unwrap())
    }

    /// The examples of RFC 8785 §3.2.2 and §3.2.3, without the fractions.
    #[test]
    fn published_examples() {
        assert_eq!(
            canonical(
                r#"{"string":"\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/","literals":[null,true,false]}"#
            )
            .unwrap(),
            r#"{"literals":[null,true,false],"string":"€$\u000f\nA'B\"\\\\\"/"}"#
        );
        let sorted = canonical(
            r#"{"\u20ac":"Euro Sign","\r":"Carriage Return","\ufb33":"Hebrew Letter Dalet With Dagesh","1":"One",
                "\ud83d\ude00":"Emoji: Grinning Face","\u0080":"Control","\u00f6":"Latin Small Letter O With Diaeresis"}"#,
        )
        .unwrap();
        let order = ["Carriage", "One", "Control", "Latin", "Euro", "Emoji", "Hebrew"];
        let places: Vec<_> = order.iter().map(|word| sorted.find(word).unwrap()).collect();
        assert!(places.is_sorted(), "{sorted}");
    }

    #[test]
    fn refuses_what_does_not_survive_a_round_trip() {
        assert_eq!(canonical("1.5"), Err(CanonicalError::Number));
        assert_eq!(canonical("1e3"), Err(CanonicalError::Number));
        assert_eq!(canonical("-0"), Err(CanonicalError::Number));
        assert_eq!(canonical("9007199254740991").unwrap(), "9007199254740991");
        assert_eq!(canonical("9007199254740992"), Err(CanonicalError::Number));
        assert_eq!(canonical("-9007199254740992"), Err(CanonicalError::Number));
        assert_eq!(to_canonical(&json!({"a\u{0}": 1})), Err(CanonicalError::Nul));
        let mut deep = json!(1);
        for _ in 0..40 {
            deep = json!([deep]);
        }
        assert_eq!(to_canonical(&deep), Err(CanonicalError::Depth));
    }
}
