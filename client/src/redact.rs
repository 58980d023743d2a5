//! Takes secrets out of what a debug log shows.
use serde_json::Value;

/// Stands where a secret was.
pub const REDACTED: &str = "(redacted)";

/// Members and parameters that are never shown. Ids, codes for people and digests are not secret; a catalogue (`toml`)
/// may hold passwords of targets.
const SECRET: &[&str] = &[
    "access_token",
    "refresh_token",
    "id_token",
    "token",
    "device_code",
    "client_secret",
    "client_assertion",
    "password",
    "totp",
    "salt",
    "authorization",
    "secret",
    "toml",
];

fn is_secret(name: &str) -> bool {
    SECRET.contains(&name.to_ascii_lowercase().as_str())
}

/// A body as it may be shown: JSON and forms without their secrets, anything else only by its length.
pub fn body(content_type: &str, bytes: &[u8]) -> String {
    let text = || std::str::from_utf8(bytes).ok();
    if content_type.contains("json")
        && !content_type.contains("jsonl")
        && let Ok(mut value) = serde_json::from_slice::<Value>(bytes)
    {
        redact_json(&mut value);
        return value.to_string();
    }
    if content_type.starts_with("application/x-www-form-urlencoded")
        && let Some(text) = text()
    {
        return form(text);
    }
    format!("({} bytes)", bytes.len())
}

/// A form or a query without its secrets.
pub fn form(text: &str) -> String {
    text.split('&')
        .map(|pair| match pair.split_once('=') {
            Some((name, _)) if is_secret(name) => format!("{name}={REDACTED}"),
            _ => pair.to_owned(),
        })
        .collect::<Vec<_>>()
        .join("&")
}

fn redact_json(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                if is_secret(name) && !member.is_null() {
                    *member = Value::String(REDACTED.to_owned());
                } else {
                    redact_json(member);
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(redact_json),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_never_show_whatever_the_nesting() {
        let json = br#"{"kind":"postgresql_login","user":"hp_x","password":"s3cret","more":[{"Access_Token":"s3cret"}],"totp":null}"#;
        let shown = body("application/json; charset=utf-8", json);
        assert!(
            !shown.contains("s3cret") && shown.contains("hp_x") && shown.contains("\"totp\":null"),
            "{shown}"
        );
        let shown = body(
            "application/x-www-form-urlencoded",
            b"grant_type=x&client_secret=s3cret&device_code=s3cret&scope=db",
        );
        assert_eq!(shown, "grant_type=x&client_secret=(redacted)&device_code=(redacted)&scope=db");
        assert_eq!(body("text/plain", b"s3cret"), "(6 bytes)");
        assert_eq!(
            body("application/json", b"{\"password\":\"s3cret\""),
            "(20 bytes)",
            "broken JSON is not shown"
        );
    }
}
