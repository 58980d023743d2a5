//! `application/x-www-form-urlencoded` (WHATWG URL §5), read strictly: a parameter that comes twice is an error
//! (RFC 6749 §3.2), and so is text that is not UTF-8.
use std::collections::HashSet;

use actix_web::http::header::{self, HeaderMap};

use super::error::OauthError;

/// Parameters at most: several times what any request has. Whoever sends more has no client to be authenticated yet, so
/// what a body costs must not grow faster than its length.
const MOST_PARAMETERS: usize = 32;

/// The text is not percent-encoded UTF-8, or holds U+0000, which no parameter of ours has and no database stores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotUtf8;

/// Decodes `+` and `%XX`. A `%` without two hexadecimal digits stays as it is.
///
/// # Errors
/// [`NotUtf8`].
pub fn decode(text: &str) -> Result<String, NotUtf8> {
    if !text.bytes().any(|b| matches!(b, b'+' | b'%' | 0)) {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let mut ahead = bytes.clone();
                match (ahead.next().and_then(hex), ahead.next().and_then(hex)) {
                    (Some(high), Some(low)) => {
                        out.push(high << 4 | low);
                        bytes = ahead;
                    }
                    _ => out.push(b'%'),
                }
            }
            other => out.push(other),
        }
    }
    String::from_utf8(out).ok().filter(|text| !text.contains('\0')).ok_or(NotUtf8)
}

fn hex(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Names and values in order.
///
/// # Errors
/// [`NotUtf8`].
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, NotUtf8> {
    text.split('&')
        .filter(|p| !p.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        })
        .collect()
}

/// The parameters of a request to an OAuth endpoint.
pub struct Form(Vec<(String, String)>);

/// Keeps secrets and tokens out of logs.
impl std::fmt::Debug for Form {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

impl Form {
    /// Reads a body.
    ///
    /// # Errors
    /// `invalid_request` for another type of body, text that is not UTF-8, and a repeated parameter.
    pub fn read(headers: &HeaderMap, body: &[u8]) -> Result<Self, OauthError> {
        let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(OauthError::request("The body must be application/x-www-form-urlencoded."));
        }
        let wrong = || OauthError::request("The body is not percent-encoded UTF-8.");
        let text = std::str::from_utf8(body).map_err(|_| wrong())?;
        if text.split('&').filter(|p| !p.is_empty()).count() > MOST_PARAMETERS {
            return Err(OauthError::request(format!(
                "The body has more than {MOST_PARAMETERS} parameters; no request here needs so many."
            )));
        }
        let all = pairs(text).map_err(|_| wrong())?;
        let mut seen = HashSet::with_capacity(all.len());
        for (name, _) in &all {
            if !seen.insert(name.as_str()) {
                return Err(OauthError::request(format!("The parameter {name} came more than once.")));
            }
        }
        Ok(Self(all))
    }

    /// A parameter; one without a value counts as left out (RFC 6749 §3.2).
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).filter(|v| !v.is_empty())
    }

    /// A parameter that must be there.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn need(&self, name: &str) -> Result<&str, OauthError> {
        self.get(name).ok_or_else(|| OauthError::request(format!("The parameter {name} is missing.")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn form(kind: &'static str, body: &[u8]) -> Result<Form, OauthError> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        Form::read(&headers, body)
    }
    const FORM: &str = "application/x-www-form-urlencoded";

    #[test]
    fn decoding() {
        for (text, plain) in [
            ("a+b", "a b"),
            ("a%2Bb", "a+b"),
            ("%C3%BC", "ü"),
            ("100%", "100%"),
            ("%zz", "%zz"),
            ("%4", "%4"),
            ("%2525", "%25"),
            ("%%41", "%A"),
            ("", ""),
        ] {
            assert_eq!(decode(text).unwrap(), plain, "{text}");
        }
        assert_eq!(decode("%ff"), Err(NotUtf8));
        assert_eq!(decode("%C3"), Err(NotUtf8));
        assert_eq!(decode("a%00"), Err(NotUtf8));
        assert_eq!(decode("a\0"), Err(NotUtf8));
    }

    #[test]
    fn each_parameter_once() {
        let read = form(
            "application/x-www-form-urlencoded; charset=UTF-8",
            b"grant_type=client_credentials&scope=db-read&empty=&&x",
        )
        .unwrap();
        assert_eq!(
            (read.get("scope"), read.get("empty"), read.get("x"), read.get("y")),
            (Some("db-read"), None, None, None)
        );
        assert_eq!(read.need("y").unwrap_err().error, "invalid_request");
        for bad in [&b"scope=a&scope=b"[..], b"scope=a&scope=", b"sc%6fpe=a&scope=b", b"a=%ff", b"a=\xff"] {
            assert_eq!(form(FORM, bad).unwrap_err().error, "invalid_request", "{bad:?}");
        }
        let many = |n: usize| (0..n).map(|i| format!("p{i}=x")).collect::<Vec<_>>().join("&").into_bytes();
        assert!(form(FORM, &many(MOST_PARAMETERS)).is_ok());
        let refused = form(FORM, &many(16_384)).unwrap_err();
        assert_eq!(refused.error, "invalid_request");
        assert_eq!(form("application/json", b"{}").unwrap_err().error, "invalid_request");
        assert!(!format!("{:?}", form(FORM, b"token=s3cret").unwrap()).contains("s3cret"));
    }
}
