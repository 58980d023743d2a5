//! Forms: `application/x-www-form-urlencoded`, fields in order, repeated ones kept.
use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::scope::Scope;

/// A read form or query.
#[derive(Clone, Debug, Default)]
pub struct Form(Vec<(String, String)>);

impl Form {
    /// Reads a body or query; what is not UTF-8 after decoding is replaced, never refused.
    pub fn read(raw: &[u8]) -> Self {
        let text = String::from_utf8_lossy(raw);
        Self(
            text.split('&')
                .filter(|p| !p.is_empty())
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }
    /// First value of a field; empty where it is missing.
    pub fn get(&self, name: &str) -> &str {
        self.0.iter().find(|(k, _)| k == name).map_or("", |(_, v)| v.as_str())
    }
    /// Every field with its value, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
    /// All values of the `scope.*` fields.
    pub fn scope(&self) -> Scope {
        let mut out: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (key, value) in &self.0 {
            if let Some(name) = key.strip_prefix("scope.").filter(|_| !value.is_empty()) {
                out.entry(name.to_owned()).or_default().insert(value.clone());
            }
        }
        Scope(out)
    }
}

/// Percent-decoding with `+` as space. U+0000 is left out: nobody types it, and no database stores it.
fn decode(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        match b {
            b'+' => out.push(b' '),
            b'%' => {
                let rest = bytes.clone();
                let pair: Vec<u8> = rest.take(2).collect();
                match std::str::from_utf8(&pair)
                    .ok()
                    .and_then(|h| u8::from_str_radix(h, 16).ok())
                    .filter(|_| pair.len() == 2 && pair.iter().all(u8::is_ascii_hexdigit))
                {
                    Some(byte) => {
                        out.push(byte);
                        bytes.next();
                        bytes.next();
                    }
                    None => out.push(b'%'),
                }
            }
            other => out.push(other),
        }
    }
    out.retain(|b| *b != 0);
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_send() {
        let form = Form::read(b"a=1+2&b=%C3%A4%3D&scope.region=eu&scope.region=us&scope.x=&c=%zz%4&d");
        assert_eq!(
            (form.get("a"), form.get("b"), form.get("c"), form.get("d"), form.get("e")),
            ("1 2", "ä=", "%zz%4", "", "")
        );
        assert_eq!(form.scope().describe(), "region: eu, us");
        assert_eq!(Form::read(b"a=1%002\0").get("a"), "12");
    }
}
