//! One call: send, try again where that is safe, read the answer or the problem.
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::Method;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;

use crate::base_url::BaseUrl;
use crate::call::{Answer, Call, refusal, request_id_of, text_of};
use crate::error::Error;
use crate::redact;
use crate::tls;

/// Most bytes of an answer that are read into memory.
const MAX_ANSWER: usize = 16 << 20;
/// How often a call is sent at most.
const TRIES: u32 = 3;
/// How often an answer `in_flight` is asked again.
const TRIES_IN_FLIGHT: u32 = 20;
/// Longest wait between two tries; where the server asks for more, the caller is told instead.
const PATIENCE: Duration = Duration::from_secs(5);

/// Receives lines about each call, already without secrets.
pub type Trace = Arc<dyn Fn(&str) + Send + Sync>;

/// How to reach a server.
#[derive(Clone)]
pub struct Config {
    /// Where.
    pub base: BaseUrl,
    /// Limit of one call without long-poll.
    pub timeout: Duration,
    /// PEM file with the authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// Receives lines about each call.
    pub trace: Option<Trace>,
    /// Also headers and bodies, redacted.
    pub trace_bodies: bool,
}

/// A connection to one server, with or without a token.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    config: Config,
    token: Option<SecretString>,
}

impl Client {
    /// Prepares a client; nothing is sent yet. Proxies come from `HTTPS_PROXY` and `NO_PROXY`; plain http (loopback only) never
    /// uses one. Redirects are not followed: a token goes to the host that was named and to no other.
    pub fn new(config: Config) -> Result<Self, Error> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("hallpass/", env!("CARGO_PKG_VERSION")))
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(config.timeout.min(Duration::from_secs(10)));
        builder = if config.base.is_https() {
            builder.https_only(true).tls_backend_preconfigured(tls::config(config.ca_file.as_deref())?)
        } else {
            builder.no_proxy()
        };
        let http = builder.build().map_err(|error| {
            Error::Setting(format!("the HTTP client cannot be set up: {}", root_of(&error)))
        })?;
        Ok(Self { http, config, token: None })
    }

    /// The same connection, speaking for whoever holds `token`.
    #[must_use]
    pub fn with_token(mut self, token: SecretString) -> Self {
        self.token = Some(token);
        self
    }

    /// Where it speaks to.
    pub fn base(&self) -> &BaseUrl {
        &self.config.base
    }

    /// A call to `/api/v1/…`, each segment escaped.
    pub(crate) fn api<'a>(&self, method: Method, segments: impl IntoIterator<Item = &'a str>) -> Call {
        self.call(method, ["api", "v1"].into_iter().chain(segments))
    }

    /// A call to a path of the server.
    pub(crate) fn call<'a>(&self, method: Method, segments: impl IntoIterator<Item = &'a str>) -> Call {
        let url = self.config.base.at(segments);
        Call::new(method, url, self.config.timeout)
    }

    /// Sends, and reads the answer as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call) -> Result<T, Error> {
        self.send(call).await?.json()
    }

    /// Sends; tries again after a lost connection or a busy server where a repetition cannot do harm: GETs, and POSTs
    /// with an idempotency key.
    pub(crate) async fn send(&self, call: Call) -> Result<Answer, Error> {
        let repeatable = call.method == Method::GET || call.key.is_some();
        let (mut tries, mut in_flight) = (1, 0);
        loop {
            let error = match self.send_once(&call).await {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            let wait = error
                .retry_after()
                .map_or_else(|| Duration::from_millis(100 << tries.min(4)), Duration::from_secs);
            let again = match &error {
                _ if !repeatable || wait > PATIENCE => false,
                Error::Problem { problem, .. } if problem.code == "in_flight" => {
                    in_flight += 1;
                    in_flight < TRIES_IN_FLIGHT
                }
                Error::Problem { problem, .. } => {
                    matches!(problem.code.as_str(), "overloaded" | "shutting_down" | "store_unavailable")
                }
                Error::Unreachable { .. } => true,
                Error::Strange { status, .. } => matches!(status, 502..=504),
                _ => false,
            };
            if !again || tries >= TRIES && in_flight == 0 {
                return Err(error);
            }
            tries += 1;
            self.trace(|| format!("trying again in {} ms: {error}", wait.as_millis()));
            tokio::time::sleep(wait).await;
        }
    }

    async fn send_once(&self, call: &Call) -> Result<Answer, Error> {
        let response = self.open(call).await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let bytes = self.read(response).await?;
        if self.config.trace_bodies {
            self.trace(|| format!("< {}", redact::body(text_of(&headers, &CONTENT_TYPE), &bytes)));
        }
        let request_id = request_id_of(&headers);
        if (200..300).contains(&status) {
            return Ok(Answer { status, bytes, request_id });
        }
        Err(refusal(status, &headers, &bytes, request_id, call.oauth))
    }

    /// Sends and gives the response with its body unread, whatever its status.
    async fn open(&self, call: &Call) -> Result<reqwest::Response, Error> {
        let mut headers = HeaderMap::new();
        let secret = |text: &str| -> Result<HeaderValue, Error> {
            let mut value = HeaderValue::from_str(text).map_err(|_| {
                Error::Setting("the token has characters that a token cannot have".to_owned())
            })?;
            value.set_sensitive(true);
            Ok(value)
        };
        if let Some(basic) = &call.basic {
            headers.insert(AUTHORIZATION, basic.clone());
        } else if let (Some(token), false) = (&self.token, call.oauth) {
            headers.insert(AUTHORIZATION, secret(&format!("Bearer {}", token.expose_secret()))?);
        }
        if let Some(key) = &call.key {
            let value = HeaderValue::from_str(key);
            let value = value.map_err(|_| Error::Setting("the idempotency key cannot be sent".to_owned()))?;
            headers.insert(HeaderName::from_static("idempotency-key"), value);
        }
        if let Some((content_type, _)) = &call.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        }
        self.trace(|| {
            let query = call.url.query().map(|q| format!("?{}", redact::form(q))).unwrap_or_default();
            format!("> {} {}{query}", call.method, call.url.path())
        });
        if self.config.trace_bodies {
            for (name, value) in &headers {
                self.trace(|| {
                    format!(
                        "> {name}: {}",
                        if value.is_sensitive() { redact::REDACTED } else { value.to_str().unwrap_or("?") }
                    )
                });
            }
            if let Some((content_type, bytes)) = &call.body {
                self.trace(|| format!("> {}", redact::body(content_type, bytes)));
            }
        }
        let mut request =
            self.http.request(call.method.clone(), call.url.clone()).headers(headers).timeout(call.patience);
        if let Some((_, bytes)) = &call.body {
            request = request.body(bytes.clone());
        }
        let begun = Instant::now();
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        self.trace(|| {
            let id = request_id_of(response.headers()).unwrap_or_else(|| "none".to_owned());
            format!(
                "< {} after {} ms, request id {id}",
                response.status().as_u16(),
                begun.elapsed().as_millis()
            )
        });
        Ok(response)
    }

    async fn read(&self, mut response: reqwest::Response) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if bytes.len() + chunk.len() > MAX_ANSWER {
                return Err(Error::Strange {
                    status: response.status().as_u16(),
                    what: "the answer is too long".to_owned(),
                    request_id: None,
                });
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }

    /// Sends and hands the body on piece by piece, for answers of any length. `patience` limits each silence, not the whole.
    pub(crate) async fn stream(
        &self,
        mut call: Call,
        sink: &mut (dyn FnMut(&[u8]) -> std::io::Result<()> + Send),
    ) -> Result<(), Error> {
        let silence = call.patience;
        call.patience = Duration::from_secs(24 * 3_600);
        let mut response =
            tokio::time::timeout(silence, self.open(&call)).await.map_err(|_| self.silent())??;
        let status = response.status().as_u16();
        if !(200..300).contains(&status) {
            let headers = response.headers().clone();
            let bytes = self.read(response).await?;
            return Err(refusal(status, &headers, &bytes, request_id_of(&headers), false));
        }
        loop {
            let chunk = tokio::time::timeout(silence, response.chunk()).await.map_err(|_| self.silent())?;
            match chunk.map_err(|error| self.unreachable(&error))? {
                Some(chunk) => sink(&chunk)
                    .map_err(|error| Error::Setting(format!("the answer cannot be written: {error}")))?,
                None => return Ok(()),
            }
        }
    }

    fn silent(&self) -> Error {
        Error::Unreachable { server: self.config.base.authority(), why: "no answer in time".to_owned() }
    }

    fn unreachable(&self, error: &reqwest::Error) -> Error {
        let why = if error.is_timeout() { "no answer in time".to_owned() } else { root_of(error) };
        Error::Unreachable { server: self.config.base.authority(), why }
    }

    fn trace(&self, line: impl FnOnce() -> String) {
        if let Some(trace) = &self.config.trace {
            trace(&line());
        }
    }
}

/// The innermost cause: "Connection refused" says more than "error sending request".
fn root_of(error: &(dyn std::error::Error + 'static)) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}
