//! Clients prove who they are (RFC 6749 §2.3): HTTP Basic or the body, never both.
use actix_web::http::header::{self, HeaderMap};
use data_encoding::BASE64;
use hallpass_broker::Broker;
use hallpass_domain::principal::Client;

use super::error::OauthError;
use super::form::{Form, decode};

/// What a client presented.
pub struct Presented {
    /// `client_id`.
    pub id: String,
    /// Its secret; none from a public client.
    pub secret: Option<String>,
    /// It came in the header.
    pub by_header: bool,
}

/// Keeps the secret out of logs.
impl std::fmt::Debug for Presented {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Presented")
            .field("id", &self.id)
            .field("by_header", &self.by_header)
            .finish_non_exhaustive()
    }
}

/// Reads what a client presented, in one way and one only.
///
/// # Errors
/// `invalid_request` for two ways at once, `invalid_client` for none, or a header that cannot be read.
pub fn presented(headers: &HeaderMap, form: &Form) -> Result<Presented, OauthError> {
    let mut sent = headers.get_all(header::AUTHORIZATION);
    let Some(value) = sent.next() else {
        let id = form.get("client_id").ok_or_else(|| OauthError::client(false))?.to_owned();
        return Ok(Presented { id, secret: form.get("client_secret").map(str::to_owned), by_header: false });
    };
    if sent.next().is_some() {
        return Err(OauthError::request("The header Authorization came more than once."));
    }
    if form.get("client_secret").is_some() {
        return Err(OauthError::request(
            "The client must prove itself in one way: by the header Authorization or by the body.",
        ));
    }
    let (id, secret) = value.to_str().ok().and_then(basic).ok_or_else(|| OauthError::client(true))?;
    // The body may repeat the client_id (RFC 6749 §3.2.1 does for public clients); another one is a contradiction.
    if form.get("client_id").is_some_and(|other| other != id) {
        return Err(OauthError::request("The client_id in the body is not the one in the header."));
    }
    Ok(Presented { id, secret: Some(secret), by_header: true })
}

/// `Basic base64(urlencode(id) ":" urlencode(secret))`: split first, then decode each part (RFC 6749 §2.3.1).
pub fn basic(value: &str) -> Option<(String, String)> {
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(BASE64.decode(encoded.trim().as_bytes()).ok()?).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((decode(id).ok()?, decode(secret).ok()?))
}

/// The confidential client that proved itself.
///
/// # Errors
/// `invalid_client`.
pub async fn confidential(broker: &Broker, headers: &HeaderMap, form: &Form) -> Result<Client, OauthError> {
    let presented = presented(headers, form)?;
    let secret = presented.secret.as_deref().ok_or_else(|| OauthError::client(presented.by_header))?;
    broker.client_from_secret(&presented.id, secret).await.map_err(|refusal| {
        if refusal.code == "invalid_client" {
            OauthError::client(presented.by_header)
        } else {
            refusal.into()
        }
    })
}

/// As [`confidential`], or a public client that says its name alone.
///
/// # Errors
/// `invalid_client`.
pub async fn any(broker: &Broker, headers: &HeaderMap, form: &Form) -> Result<Client, OauthError> {
    let presented = presented(headers, form)?;
    match presented.secret {
        Some(_) => confidential(broker, headers, form).await,
        None => Ok(broker.public_client(&presented.id).await?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn header_of(id: &str, secret: &str) -> String {
        format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes()))
    }
    fn read(authorization: &[&str], body: &str) -> Result<Presented, OauthError> {
        let req = authorization
            .iter()
            .fold(TestRequest::post(), |r, v| r.append_header((header::AUTHORIZATION, *v)))
            .insert_header((header::CONTENT_TYPE, "application/x-www-form-urlencoded"))
            .to_http_request();
        presented(req.headers(), &Form::read(req.headers(), body.as_bytes()).unwrap())
    }

    #[test]
    fn basic_is_split_first_and_decoded_then() {
        for (id, secret, plain) in [
            ("ci", "a:b", ("ci", "a:b")),
            ("ci", "a%3Ab", ("ci", "a:b")),
            ("ci", "a+b", ("ci", "a b")),
            ("ci", "a%2Bb", ("ci", "a+b")),
            ("ci", "100%25", ("ci", "100%")),
            ("c%3Ai", "x", ("c:i", "x")),
            ("ci", "", ("ci", "")),
        ] {
            assert_eq!(
                basic(&header_of(id, secret)),
                Some((plain.0.to_owned(), plain.1.to_owned())),
                "{id}:{secret}"
            );
        }
        for bad in ["Basic", "Basic !!!", "Bearer YTpi", "Basic YQ==", "Basic /w==", ""] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }

    #[test]
    fn one_way_at_a_time() {
        let header = header_of("ci", "s");
        let by_header = read(&[&header], "").unwrap();
        assert_eq!(
            (by_header.id.as_str(), by_header.secret.as_deref(), by_header.by_header),
            ("ci", Some("s"), true)
        );
        let by_body = read(&[], "client_id=ci&client_secret=s%2B").unwrap();
        assert_eq!(
            (by_body.id.as_str(), by_body.secret.as_deref(), by_body.by_header),
            ("ci", Some("s+"), false)
        );
        assert!(read(&[], "client_id=hallpass-cli").unwrap().secret.is_none());
        assert!(read(&[&header], "client_id=ci").is_ok());
        assert_eq!(read(&[&header], "client_id=ci&client_secret=s").unwrap_err().error, "invalid_request");
        assert_eq!(read(&[&header], "client_id=other").unwrap_err().error, "invalid_request");
        assert_eq!(read(&[&header, &header], "").unwrap_err().error, "invalid_request");
        let error = read(&["Bearer x"], "").unwrap_err();
        assert_eq!((error.error, error.status().as_u16()), ("invalid_client", 401));
        assert_eq!(read(&[], "").unwrap_err().error, "invalid_client");
    }
}
