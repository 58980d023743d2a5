//! A small WebDriver client (W3C WebDriver, JSON over HTTP) for Debian's chromedriver: a fresh browser with a profile of its
//! own, gone with the test or its process. At most two run at a time.
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};
use tokio::sync::{Semaphore, SemaphorePermit};

/// Browsers that may run at the same time.
static PLACES: Semaphore = Semaphore::const_new(3);

/// Key under which WebDriver gives references to elements (§12.1).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// An element of the page that is shown now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element(String);

impl Element {
    /// As an argument of a script.
    pub fn as_argument(&self) -> Value {
        json!({ ELEMENT: self.0 })
    }
}

/// An error that the driver names (§6.6), such as `stale element reference`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its code.
    pub error: String,
    /// What it says.
    pub message: String,
}

impl Fault {
    /// The page has changed under our hands: to be tried again.
    pub fn is_passing(&self) -> bool {
        matches!(
            self.error.as_str(),
            "stale element reference"
                | "no such element"
                | "element not interactable"
                | "element click intercepted"
        ) || self.message.contains("aborted by navigation")
            || self.message.contains("does not belong to the document")
    }
}

/// How elements are looked for.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// A CSS selector.
    Css(&'a str),
    /// An XPath.
    XPath(&'a str),
}

/// A running browser with one window.
pub struct Driver {
    http: reqwest::Client,
    session: String,
    /// Closing it ends the driver, and with it the browser.
    input: Option<ChildStdin>,
    guard: Child,
    _place: SemaphorePermit<'static>,
}

impl Drop for Driver {
    fn drop(&mut self) {
        let _ = self.quit();
        drop(self.input.take());
        let _ = self.guard.wait();
    }
}

/// Waits for the end of its input, which comes with the end of the test in any way, then ends the driver. The browser hangs
/// on a pipe of the driver and ends with it; its profile goes when it no longer writes there.
const GUARD: &str = r#"trap '' INT TERM HUP; chromedriver --port=0 </dev/null & driver=$!
read _; kill -KILL $driver; wait $driver; until rm -rf "$0"; do :; done"#;

impl Driver {
    /// Starts a browser, with script in pages or without.
    ///
    /// # Panics
    /// Where Debian's `chromium` and `chromium-driver` are missing or do not start.
    pub async fn start(script: bool) -> Self {
        hallpassd::compose::tls::install_provider();
        let place = PLACES.acquire().await.expect("never closed");
        let profile = tempfile::Builder::new()
            .prefix("hallpass-chromium-")
            .tempdir()
            .expect("a temporary folder")
            .keep();
        let mut guard = Command::new("sh")
            .args(["-c", GUARD])
            .arg(&profile)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("a shell");
        let (input, output) = (guard.stdin.take(), guard.stdout.take().expect("stdout"));
        let mut lines = BufReader::new(output).lines().map_while(Result::ok);
        let started = lines.find(|l| l.contains("started successfully on port"));
        let started = started.expect("chromedriver does not start: apt-get install chromium chromium-driver");
        let port = started.rsplit(' ').next().unwrap_or_default().trim_end_matches('.').to_owned();
        std::thread::spawn(move || lines.for_each(drop));

        let http =
            reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().expect("a client");
        let mut prefs = json!({ "intl.accept_languages": "en-GB", "credentials_enable_service": false });
        if !script {
            prefs["profile.managed_default_content_settings.javascript"] = json!(2);
        }
        let flags = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--disable-extensions",
            "--hide-scrollbars",
            "--remote-debugging-pipe",
            "--window-size=1280,900",
            "--force-prefers-reduced-motion",
        ];
        let mut args: Vec<String> = flags.iter().map(ToString::to_string).collect();
        args.push(format!("--user-data-dir={}", profile.display()));
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "pageLoadStrategy": "normal",
            "goog:chromeOptions": { "args": args, "prefs": prefs },
            "goog:loggingPrefs": { "browser": "ALL", "performance": "ALL" },
        } } });
        let base = format!("http://127.0.0.1:{port}/session");
        let answer = http.post(&base).json(&wanted).send().await.expect("chromedriver answers");
        let answer: Value = answer.json().await.expect("JSON");
        let id = answer["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("no browser: {answer}"));
        Self { http, session: format!("{base}/{id}"), input, guard, _place: place }
    }

    /// Ends the session, and with it the browser, in the middle of whatever runs.
    fn quit(&self) -> std::io::Result<()> {
        let address = self.session.trim_start_matches("http://");
        let (host, path) = address.split_once('/').unwrap_or((address, ""));
        let mut stream = TcpStream::connect(host)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        write!(stream, "DELETE /{path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n")?;
        stream.read_to_end(&mut Vec::new()).map(drop)
    }

    /// One command.
    ///
    /// # Errors
    /// What the driver says is wrong.
    ///
    /// # Panics
    /// Where the driver does not answer.
    pub async fn command(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Fault> {
        let mut request = self.http.request(method, format!("{}{path}", self.session));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.unwrap_or_else(|e| panic!("chromedriver, {path}: {e:?}"));
        let mut answer: Value = answer.json().await.unwrap_or_else(|e| panic!("chromedriver, {path}: {e:?}"));
        let value = answer["value"].take();
        match value["error"].as_str() {
            Some(error) if value["stacktrace"].is_string() => {
                let message = value["message"].as_str().unwrap_or_default().to_owned();
                Err(Fault { error: error.to_owned(), message })
            }
            _ => Ok(value),
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Fault> {
        self.command(Method::GET, path, None).await
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value, Fault> {
        self.command(Method::POST, path, Some(body)).await
    }

    /// Opens an address and waits until it is loaded.
    ///
    /// # Panics
    /// Where nothing is there.
    pub async fn open(&self, url: &str) {
        self.post("/url", json!({ "url": url })).await.unwrap_or_else(|e| panic!("{url}: {e:?}"));
    }

    /// The address of the page.
    ///
    /// # Panics
    /// Where there is no page.
    pub async fn url(&self) -> String {
        self.get("/url").await.expect("an address").as_str().unwrap_or_default().to_owned()
    }

    /// Elements that fit, in the order of the page.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn all(&self, by: By<'_>) -> Result<Vec<Element>, Fault> {
        let (using, value) = match by {
            By::Css(css) => ("css selector", css),
            By::XPath(xpath) => ("xpath", xpath),
        };
        let found = self.post("/elements", json!({ "using": using, "value": value })).await?;
        let ids = found.as_array().into_iter().flatten().filter_map(|e| e[ELEMENT].as_str());
        Ok(ids.map(|id| Element(id.to_owned())).collect())
    }

    /// Presses an element with the mouse; waits for a page that this loads.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn click(&self, element: &Element) -> Result<(), Fault> {
        self.post(&format!("/element/{}/click", element.0), json!({})).await.map(drop)
    }

    /// Empties a field.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn clear(&self, element: &Element) -> Result<(), Fault> {
        self.post(&format!("/element/{}/clear", element.0), json!({})).await.map(drop)
    }

    /// Types into an element.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn send_keys(&self, element: &Element, text: &str) -> Result<(), Fault> {
        self.post(&format!("/element/{}/value", element.0), json!({ "text": text })).await.map(drop)
    }

    /// Whether a person sees it.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn is_displayed(&self, element: &Element) -> Result<bool, Fault> {
        let value = self.get(&format!("/element/{}/displayed", element.0)).await?;
        Ok(value.as_bool().unwrap_or_default())
    }

    /// A property as the page's script sees it; text of it, empty where there is none.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn property(&self, element: &Element, name: &str) -> Result<String, Fault> {
        let value = self.get(&format!("/element/{}/property/{name}", element.0)).await?;
        Ok(value
            .as_str()
            .map_or_else(|| if value.is_null() { String::new() } else { value.to_string() }, str::to_owned))
    }

    /// The element with the focus.
    ///
    /// # Errors
    /// What the driver says is wrong.
    pub async fn active(&self) -> Result<Element, Fault> {
        let found = self.get("/element/active").await?;
        Ok(Element(found[ELEMENT].as_str().unwrap_or_default().to_owned()))
    }

    /// Presses and releases keys, wherever the focus is; several at once where a modifier (such as Shift) comes first.
    ///
    /// # Panics
    /// Where the driver refuses.
    pub async fn keys(&self, keys: &[char]) {
        let down = keys.iter().map(|k| json!({ "type": "keyDown", "value": k.to_string() }));
        let up = keys.iter().rev().map(|k| json!({ "type": "keyUp", "value": k.to_string() }));
        let actions: Vec<Value> = down.chain(up).collect();
        let body = json!({ "actions": [{ "type": "key", "id": "keyboard", "actions": actions }] });
        self.post("/actions", body).await.unwrap_or_else(|e| panic!("{keys:?}: {e:?}"));
    }

    /// Runs a function body in the page.
    ///
    /// # Errors
    /// What it throws.
    pub async fn run(&self, body: &str, args: Vec<Value>) -> Result<Value, Fault> {
        self.post("/execute/sync", json!({ "script": body, "args": args })).await
    }

    /// A command of the devtools protocol.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn devtools(&self, command: &str, params: Value) -> Value {
        let answer = self.post("/goog/cdp/execute", json!({ "cmd": command, "params": params })).await;
        answer.unwrap_or_else(|e| panic!("{command}: {e:?}"))
    }

    /// What came into a log since it was asked for last: `browser` or `performance`.
    ///
    /// # Panics
    /// Where the driver has none.
    pub async fn log(&self, kind: &str) -> Vec<Value> {
        let entries = self.post("/se/log", json!({ "type": kind })).await.expect("a log");
        entries.as_array().cloned().unwrap_or_default()
    }
}
