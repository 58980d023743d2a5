//! A server of one closure, and the command with a clean environment.
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

/// What arrived.
#[derive(Clone, Debug)]
pub(crate) struct Arrived {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: String,
}

impl Arrived {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// What is answered.
pub(crate) enum Reply {
    Json(u16, Value),
    Text(u16, &'static str, String),
    Redirect(&'static str),
    /// The connection is cut without a word.
    Cut,
}

pub(crate) fn ok(value: Value) -> Reply {
    Reply::Json(200, value)
}

pub(crate) fn problem(status: u16, code: &str) -> Reply {
    Reply::Json(
        status,
        json!({"type": "x", "title": "No", "status": status, "detail": format!("said {code}\u{1b}[31m"), "instance": "/x", "code": code, "request_id": "req-1"}),
    )
}

type Handler = dyn Fn(&Arrived) -> Reply + Send + Sync;

/// A server.
pub(crate) struct Stub {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<Arrived>>>,
}

impl Stub {
    pub(crate) fn new(handler: impl Fn(&Arrived) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (handler, log): (Arc<Handler>, _) = (Arc::new(handler), seen.clone());
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (handler, log) = (handler.clone(), log.clone());
                std::thread::spawn(move || serve(stream, &*handler, &log));
            }
        });
        Self { url, seen }
    }

    /// Everything that arrived.
    pub(crate) fn seen(&self) -> Vec<Arrived> {
        self.seen.lock().unwrap().clone()
    }

    /// What arrived at a path that ends so.
    pub(crate) fn seen_at(&self, method: &str, end: &str) -> Vec<Arrived> {
        self.seen().into_iter().filter(|a| a.method == method && a.path.ends_with(end)).collect()
    }
}

fn serve(mut stream: TcpStream, handler: &Handler, log: &Mutex<Vec<Arrived>>) {
    let Some(arrived) = read(&stream) else { return };
    log.lock().unwrap().push(arrived.clone());
    let (status, kind, body, more) = match handler(&arrived) {
        Reply::Json(status, value) => {
            let kind = if status < 400 { "application/json" } else { "application/problem+json" };
            (status, kind, value.to_string(), String::new())
        }
        Reply::Text(status, kind, text) => (status, kind, text, String::new()),
        Reply::Redirect(to) => (302, "text/plain", String::new(), format!("Location: {to}\r\n")),
        Reply::Cut => return,
    };
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nX-Request-Id: req-1\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    drop(stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())));
}

fn read(stream: &TcpStream) -> Option<Arrived> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace();
    let (method, target) = (words.next()?.to_owned(), words.next()?.to_owned());
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (path, query) = (path.to_owned(), query.to_owned());
    let mut headers = BTreeMap::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        headers.insert(name.to_lowercase(), value.trim().to_owned());
    }
    let length = headers.get("content-length").and_then(|l| l.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Arrived { method, path, query, headers, body: String::from_utf8(body).ok()? })
}

/// A place for the command's files, gone afterwards.
pub(crate) struct Home {
    pub(crate) dir: tempfile::TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let runtime = dir.path().join("runtime");
        std::fs::create_dir(&runtime).unwrap();
        Self { dir }
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.dir.path().join("config")
    }

    /// Folders of runs that are there now.
    pub(crate) fn run_folders(&self) -> Vec<PathBuf> {
        let runs = self.dir.path().join("runtime").join("hallpass");
        std::fs::read_dir(runs)
            .map(|entries| entries.flatten().map(|e| e.path()).collect())
            .unwrap_or_default()
    }

    /// The command with no environment but what it is given here: no HOME, no terminal, stdin closed.
    pub(crate) fn command(&self, server: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallpass"));
        command.args(args).env_clear().stdin(Stdio::null()).current_dir(self.dir.path());
        command
            .env("PATH", "/usr/bin:/bin")
            .env("TZ", "UTC")
            .env("HALLPASS_SERVER", server)
            .env("HALLPASS_CONFIG_DIR", self.config());
        command.env("XDG_RUNTIME_DIR", self.dir.path().join("runtime")).env("HALLPASS_TIMEOUT", "5s");
        command
    }

    /// Runs it with a token.
    pub(crate) fn run(&self, stub: &Stub, args: &[&str]) -> Ran {
        Ran::of(self.command(&stub.url, args).env("HALLPASS_TOKEN", "hpa_test").output().unwrap())
    }
}

/// How it went.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    pub(crate) fn of(output: Output) -> Self {
        use std::os::unix::process::ExitStatusExt as _;
        let code = output.status.code().unwrap_or_else(|| 1_000 + output.status.signal().unwrap());
        Self {
            code,
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Expects a code; a failure leaves stdout empty and neither stream has control bytes.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        if code != 0 {
            assert_eq!(self.out, "", "stdout is empty on failure: {self:#?}");
        }
        for text in [&self.out, &self.err] {
            assert!(
                !text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'),
                "no control bytes: {text:?}"
            );
        }
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap()
    }
}
