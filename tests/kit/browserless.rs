//! A browser without a window: keeps cookies, reads forms, sends them as a browser does.
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use reqwest::header::{HeaderMap, HeaderValue, SET_COOKIE};
use reqwest::{Method, StatusCode};

use crate::html::{self, Form};
use crate::secrets::Secrets;

/// An answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// Path that was asked for.
    pub path: String,
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: String,
}

impl Page {
    /// A header as text; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    /// The words on the page.
    pub fn words(&self) -> String {
        html::words(&self.body)
    }
    /// Its forms.
    pub fn forms(&self) -> Vec<Form> {
        html::forms(&self.body)
    }
    /// The form that goes to `action`.
    ///
    /// # Panics
    /// Where there is none.
    pub fn form(&self, action: &str) -> Form {
        let found = self.forms().into_iter().find(|f| f.action == action);
        found.unwrap_or_else(|| {
            panic!("no form to {action} on {} ({}): {}", self.path, self.status, self.words())
        })
    }
    /// Local links.
    pub fn links(&self) -> Vec<String> {
        html::links(&self.body)
    }
    /// Checks the status and gives the page on.
    ///
    /// # Panics
    /// Where it is another.
    #[must_use]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.path, self.words());
        self
    }
}

/// A browser of one person, or of nobody.
pub struct Browser {
    http: reqwest::Client,
    /// Where it connects to.
    address: String,
    /// The origin of our pages, as people know it.
    origin: String,
    cookies: Mutex<BTreeMap<String, String>>,
    secrets: Secrets,
    /// The CSRF token of the newest page that had one.
    csrf: Mutex<String>,
}

impl Browser {
    /// A fresh one, connecting to `address` for pages of `origin`.
    pub fn new(address: &str, origin: &str, http: reqwest::Client, secrets: Secrets) -> Self {
        Self {
            http,
            address: address.to_owned(),
            origin: origin.to_owned(),
            cookies: Mutex::default(),
            secrets,
            csrf: Mutex::default(),
        }
    }

    /// The same browser, with the cookies it has now, sent to another server of the same site.
    #[must_use]
    pub fn at(&self, address: &str) -> Self {
        Self {
            http: self.http.clone(),
            address: address.to_owned(),
            origin: self.origin.clone(),
            cookies: Mutex::new(self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clone()),
            secrets: self.secrets.clone(),
            csrf: Mutex::new(self.csrf()),
        }
    }

    /// The CSRF token of the newest page that had one: what a script on our pages would send.
    pub fn csrf(&self) -> String {
        self.csrf.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// A form that no page shows now, with the token of this session.
    pub fn made_up(&self, action: &str, fields: &[(&str, &str)]) -> Form {
        let mut all = vec![("csrf".to_owned(), self.csrf())];
        all.extend(fields.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())));
        Form { method: "post".to_owned(), action: action.to_owned(), fields: all, buttons: Vec::new() }
    }

    /// Value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Sets or replaces a cookie.
    pub fn set_cookie(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), value.to_owned());
    }

    /// Forgets all cookies.
    pub fn forget(&self) {
        self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// One request, as it is; redirects are not followed.
    ///
    /// # Panics
    /// Where no answer comes.
    pub async fn request(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Page {
        let mut request = self.http.request(method, format!("{}{path}", self.address));
        let cookies = self.cookies.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !cookies.is_empty() {
            let line: Vec<String> = cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
            request = request.header("cookie", line.join("; "));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await.unwrap_or_else(|e| panic!("{path}: {e:?}"));
        let (status, headers) = (answer.status(), answer.headers().clone());
        self.keep_cookies(&headers);
        let body = answer.text().await.unwrap_or_else(|e| panic!("{path}: {e:?}"));
        if let Some(form) = html::forms(&body).into_iter().find(|f| !f.value("csrf").is_empty()) {
            form.value("csrf").clone_into(&mut self.csrf.lock().unwrap_or_else(PoisonError::into_inner));
        }
        Page { path: path.to_owned(), status: status.as_u16(), headers, body }
    }

    fn keep_cookies(&self, headers: &HeaderMap) {
        let mut kept = self.cookies.lock().unwrap_or_else(PoisonError::into_inner);
        for line in headers.get_all(SET_COOKIE).iter().filter_map(|v| HeaderValue::to_str(v).ok()) {
            let mut parts = line.split(';').map(str::trim);
            let Some((name, value)) = parts.next().and_then(|p| p.split_once('=')) else { continue };
            if parts.any(|p| p.eq_ignore_ascii_case("max-age=0")) {
                kept.remove(name);
                continue;
            }
            if value.starts_with("hps_") || name.ends_with("-known") {
                self.secrets.plant("a cookie", value);
            }
            kept.insert(name.to_owned(), value.to_owned());
        }
    }

    /// GET.
    pub async fn get(&self, path: &str) -> Page {
        self.request(Method::GET, path, &[("accept", "text/html")], None).await
    }

    /// GET, then wherever it leads.
    pub async fn open(&self, path: &str) -> Page {
        let page = self.get(path).await;
        self.follow(page).await
    }

    /// Follows redirects.
    pub async fn follow(&self, mut page: Page) -> Page {
        for _ in 0..5 {
            if page.status != StatusCode::SEE_OTHER.as_u16() {
                return page;
            }
            let to = page.header("location").to_owned();
            page = self.get(&to).await;
        }
        panic!("{} leads in circles", page.path)
    }

    /// POSTs fields as a browser does from our own page; redirects are not followed.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let headers = [
            ("content-type", "application/x-www-form-urlencoded"),
            ("origin", self.origin.as_str()),
            ("sec-fetch-site", "same-origin"),
            ("accept", "text/html"),
        ];
        self.request(Method::POST, path, &headers, Some(encode(fields))).await
    }

    /// Sends a form; redirects are not followed.
    pub async fn send(&self, form: &Form) -> Page {
        let fields: Vec<(&str, &str)> = form.fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        if form.method == "post" {
            return self.post(&form.action, &fields).await;
        }
        self.get(&format!("{}?{}", form.action, encode(&fields))).await
    }

    /// Sends a form and goes where the answer leads.
    pub async fn submit(&self, form: &Form) -> Page {
        let page = self.send(form).await;
        self.follow(page).await
    }
}

/// `application/x-www-form-urlencoded`.
pub fn encode(fields: &[(&str, &str)]) -> String {
    let one = |text: &str| -> String {
        text.bytes()
            .map(|b| match b {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(b).to_string()
                }
                b' ' => "+".to_owned(),
                b => format!("%{b:02X}"),
            })
            .collect()
    };
    fields.iter().map(|(n, v)| format!("{}={}", one(n), one(v))).collect::<Vec<_>>().join("&")
}
