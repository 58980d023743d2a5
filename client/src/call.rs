//! What a call sends, and what an answer says.
use std::time::Duration;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Method, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::Error;
use crate::wire::Problem;
use crate::wire::oauth::OauthError;

/// What a call sends.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: Url,
    /// Content type and bytes.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    /// Idempotency key.
    pub(crate) key: Option<String>,
    /// The client's own authentication.
    pub(crate) basic: Option<HeaderValue>,
    /// Longest wait for the answer.
    pub(crate) patience: Duration,
    /// An OAuth endpoint: its own errors, and no bearer token.
    pub(crate) oauth: bool,
}

/// A good answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) bytes: Vec<u8>,
    pub(crate) request_id: Option<String>,
}

impl Call {
    /// A call without a body.
    pub(crate) fn new(method: Method, url: Url, patience: Duration) -> Self {
        Self { method, url, body: None, key: None, basic: None, patience, oauth: false }
    }
    /// Adds a query parameter, where there is a value.
    pub(crate) fn query(mut self, name: &str, value: Option<&str>) -> Self {
        if let Some(value) = value {
            self.url.query_pairs_mut().append_pair(name, value);
        }
        self
    }
    /// A JSON body, with an idempotency key so that it may be tried again.
    pub(crate) fn body<T: Serialize>(mut self, body: &T, key: &str) -> Result<Self, Error> {
        let bytes = serde_json::to_vec(body)
            .map_err(|error| Error::Setting(format!("the request cannot be written: {error}")))?;
        self.body = Some(("application/json", bytes));
        self.key = Some(key.to_owned());
        Ok(self)
    }
    /// A form for an OAuth endpoint; errors are OAuth's, and the client's token is not sent.
    pub(crate) fn form(mut self, pairs: &[(&str, &str)]) -> Self {
        let mut form = Url::parse("form:").ok();
        if let Some(form) = &mut form {
            form.query_pairs_mut().extend_pairs(pairs);
        }
        let text = form.as_ref().and_then(Url::query).unwrap_or_default();
        self.body = Some(("application/x-www-form-urlencoded", text.as_bytes().to_vec()));
        self.oauth = true;
        self
    }
    /// HTTP Basic, already encoded.
    pub(crate) fn basic(mut self, mut value: HeaderValue) -> Self {
        value.set_sensitive(true);
        self.basic = Some(value);
        self
    }
    /// Waits longer than usual, for a long-poll.
    pub(crate) fn patient(mut self, more: Duration) -> Self {
        self.patience += more;
        self
    }
}

impl Answer {
    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.bytes).map_err(|error| Error::Strange {
            status: self.status,
            what: format!("the answer is not what this version of the command understands: {error}"),
            request_id: self.request_id.clone(),
        })
    }
    /// The body as text.
    pub(crate) fn text(self) -> Result<String, Error> {
        let (status, request_id) = (self.status, self.request_id);
        String::from_utf8(self.bytes).map_err(|_| Error::Strange {
            status,
            what: "the answer is not text".to_owned(),
            request_id,
        })
    }
}

/// Reads a refusal: a problem, an OAuth error, or something that is not Hallpass's.
pub(crate) fn refusal(
    status: u16,
    headers: &HeaderMap,
    bytes: &[u8],
    request_id: Option<String>,
    oauth: bool,
) -> Error {
    let retry_after = text_of(headers, &RETRY_AFTER).parse().ok();
    if oauth && let Ok(error) = serde_json::from_slice::<OauthError>(bytes) {
        return Error::Oauth { status, error: Box::new(error), request_id, retry_after };
    }
    if let Ok(problem) = serde_json::from_slice::<Problem>(bytes) {
        return Error::Problem { problem: Box::new(problem), retry_after };
    }
    let what = match status {
        300..=399 => format!(
            "the server answers with a redirect to “{}”, which is not followed; use the address that it really has",
            text_of(headers, &LOCATION)
        ),
        404 => "there is no Hallpass API at this address".to_owned(),
        _ => "the answer does not come from Hallpass; is something in between?".to_owned(),
    };
    Error::Strange { status, what, request_id }
}

/// A header as text; empty where it is not there.
pub(crate) fn text_of<'a>(headers: &'a HeaderMap, name: &HeaderName) -> &'a str {
    headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
}

/// Id of the HTTP request.
pub(crate) fn request_id_of(headers: &HeaderMap) -> Option<String> {
    Some(text_of(headers, &HeaderName::from_static("x-request-id")).to_owned()).filter(|id| !id.is_empty())
}
