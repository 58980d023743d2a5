//! Calls of `/api/v1` and `/oauth` byte by byte, for what a well-behaved client would not send.
use reqwest::Method;
use reqwest::header::HeaderMap;
use serde_json::Value;

use crate::browserless::encode;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body as it came.
    pub text: String,
    /// Body as JSON; null where it is none.
    pub json: Value,
}

impl Answer {
    /// A header as text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }

    /// The problem's `code`, or the OAuth `error`.
    pub fn code(&self) -> &str {
        self.json["code"].as_str().or(self.json["error"].as_str()).unwrap_or_default()
    }

    /// Checks the status and gives the body.
    ///
    /// # Panics
    /// Where the status is another.
    pub fn ok(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        self.json
    }

    /// Checks status and code of a refusal.
    ///
    /// # Panics
    /// Where they are others.
    #[track_caller]
    pub fn refused(self, status: u16, code: &str) -> Value {
        assert_eq!((self.status, self.code()), (status, code), "{}", self.text);
        self.json
    }
}

/// Calls with one bearer token, or with none.
#[derive(Clone)]
pub struct Caller {
    http: reqwest::Client,
    base: String,
    token: Option<String>,
}

impl Caller {
    /// Without a token.
    pub fn nobody(base: &str, http: reqwest::Client) -> Self {
        Self { http, base: base.to_owned(), token: None }
    }

    /// With a token.
    #[must_use]
    pub fn with(&self, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..self.clone() }
    }

    /// The same caller at another server.
    #[must_use]
    pub fn at(&self, base: &str) -> Self {
        Self { base: base.to_owned(), ..self.clone() }
    }

    /// The token.
    pub fn token(&self) -> &str {
        self.token.as_deref().unwrap_or_default()
    }

    /// One call, as it is.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<Vec<u8>>,
    ) -> Answer {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap_or_else(|e| panic!("{path}: {e:?}"));
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        let text = answer.text().await.unwrap_or_else(|e| panic!("{path}: {e:?}"));
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status, headers, text, json }
    }

    /// GET below `/api/v1`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, &format!("/api/v1{path}"), &[], None).await
    }

    /// POST of JSON below `/api/v1`.
    pub async fn post(&self, path: &str, body: Value) -> Answer {
        let json = [("content-type", "application/json")];
        self.send(Method::POST, &format!("/api/v1{path}"), &json, Some(body.to_string().into_bytes())).await
    }

    /// POST of JSON below `/api/v1` with an idempotency key.
    pub async fn post_once(&self, path: &str, key: &str, body: Value) -> Answer {
        let headers = [("content-type", "application/json"), ("idempotency-key", key)];
        self.send(Method::POST, &format!("/api/v1{path}"), &headers, Some(body.to_string().into_bytes()))
            .await
    }

    /// POST of a form to an OAuth endpoint, with HTTP Basic where there is a client.
    pub async fn oauth(&self, path: &str, basic: Option<(&str, &str)>, fields: &[(&str, &str)]) -> Answer {
        let authorization = basic.map(|(id, secret)| {
            let text = format!(
                "{}:{}",
                encode(&[("", id)])[1..].to_owned(),
                encode(&[("", secret)])[1..].to_owned()
            );
            format!("Basic {}", data_encoding::BASE64.encode(text.as_bytes()))
        });
        let mut headers = vec![("content-type", "application/x-www-form-urlencoded")];
        headers.extend(authorization.as_deref().map(|a| ("authorization", a)));
        let nobody = Self { token: None, ..self.clone() };
        nobody
            .send(Method::POST, &format!("/oauth/{path}"), &headers, Some(encode(fields).into_bytes()))
            .await
    }
}
