//! A real SMTP server for tests: Debian's aiosmtpd, told how to misbehave. See `smtp_server.py`.
use std::collections::VecDeque;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

/// Longest wait for anything that must happen; tests end far earlier.
const PATIENCE: Duration = Duration::from_secs(20);

/// An authority and a certificate by it for `localhost` and `127.0.0.1`, as PEM files.
#[derive(Debug)]
pub struct Certificates {
    folder: TempDir,
}

impl Certificates {
    /// Makes a new authority and a server's certificate for these names.
    pub fn for_names(names: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut authority = CertificateParams::new(Vec::new()).expect("parameters");
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        authority.distinguished_name.push(rcgen::DnType::CommonName, "Test authority");
        let authority_key = KeyPair::generate().expect("a key");
        let certificate = authority.self_signed(&authority_key).expect("a certificate");
        let issuer = Issuer::new(authority, authority_key);
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().expect("a key");
        let server =
            CertificateParams::new(names).expect("names").signed_by(&key, &issuer).expect("a certificate");
        for (file, text) in
            [("ca.pem", certificate.pem()), ("server.pem", server.pem()), ("server.key", key.serialize_pem())]
        {
            std::fs::write(folder.path().join(file), text).expect("a file");
        }
        Self { folder }
    }

    /// For `localhost` and `127.0.0.1`.
    pub fn for_loopback() -> Self {
        Self::for_names(&["localhost", "127.0.0.1"])
    }

    /// The authority's certificate.
    pub fn authority(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// The server's certificate.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("server.pem")
    }

    /// The server's private key.
    pub fn key(&self) -> PathBuf {
        self.folder.path().join("server.key")
    }
}

/// How the server is reached.
#[derive(Debug, Default)]
pub struct MailServerOptions<'a> {
    /// `none`, `starttls` or `implicit`; `none` where empty.
    pub tls: &'a str,
    /// Needed for the latter two.
    pub certificates: Option<&'a Certificates>,
    /// User and password, where AUTH is demanded.
    pub login: Option<(&'a str, &'a str)>,
}

/// A running server. It ends with this value, also when a test panics.
#[derive(Debug)]
pub struct MailServer {
    /// Port on 127.0.0.1.
    pub port: u16,
    input: ChildStdin,
    output: UnboundedReceiver<Value>,
    unread: VecDeque<Value>,
    _child: Child,
}

impl MailServer {
    /// Starts a server and waits until it listens.
    pub async fn start(options: MailServerOptions<'_>) -> Self {
        let mut settings = json!({ "tls": if options.tls.is_empty() { "none" } else { options.tls } });
        if let Some(certificates) = options.certificates {
            settings["certificate"] = json!(certificates.certificate());
            settings["key"] = json!(certificates.key());
        }
        if let Some((user, password)) = options.login {
            settings["user"] = json!(user);
            settings["password"] = json!(password);
        }
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/kit/smtp_server.py");
        let mut child = Command::new("/usr/bin/python3")
            .args([script, &settings.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("python3 and python3-aiosmtpd (apt install python3-aiosmtpd)");
        let (input, output) = (child.stdin.take().expect("stdin"), child.stdout.take().expect("stdout"));
        // Always read: a full pipe would stop the server.
        let (events, received) = unbounded_channel();
        tokio::spawn(async move {
            let mut lines = BufReader::new(output).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                let event = serde_json::from_str(&line).expect("JSON");
                if events.send(event).is_err() {
                    break;
                }
            }
        });
        let mut server = Self { port: 0, input, output: received, unread: VecDeque::new(), _child: child };
        let port = server.event("listening").await["port"].as_u64().expect("a port");
        server.port = u16::try_from(port).expect("a port");
        server
    }

    /// Gives a command and waits until it is taken.
    pub async fn command(&mut self, command: Value) {
        self.input.write_all(format!("{command}\n").as_bytes()).await.expect("the server takes commands");
        self.event("done").await;
    }

    /// At the next `step`, answers `reply` instead.
    pub async fn reply(&mut self, step: &str, reply: &str) {
        self.command(json!({ "on": step, "reply": reply })).await;
    }

    /// At the next `step`, cuts the connection instead.
    pub async fn drop_at(&mut self, step: &str) {
        self.command(json!({ "on": step, "drop": true })).await;
    }

    /// At the next `step`, waits for [`Self::release`].
    pub async fn hold(&mut self, step: &str) {
        self.command(json!({ "on": step, "hold": true })).await;
    }

    /// Lets go on whatever is held.
    pub async fn release(&mut self) {
        self.command(json!({ "release": true })).await;
    }

    /// The next event of a kind; others stay for later.
    pub async fn event(&mut self, kind: &str) -> Value {
        if let Some(at) = self.unread.iter().position(|event| event["event"] == kind) {
            return self.unread.remove(at).expect("it is there");
        }
        loop {
            let event = tokio::time::timeout(PATIENCE, self.output.recv()).await;
            let event = event.unwrap_or_else(|_| panic!("no event {kind:?} within {PATIENCE:?}"));
            let event = event.unwrap_or_else(|| panic!("the mail server ended before {kind:?}"));
            if event["event"] == kind {
                return event;
            }
            self.unread.push_back(event);
        }
    }

    /// The next message.
    pub async fn message(&mut self) -> Value {
        self.event("message").await
    }

    /// Messages that were received and not yet looked at. What was received before a command is there after it.
    pub async fn unseen(&mut self) -> usize {
        self.command(json!({})).await;
        self.unread.iter().filter(|event| event["event"] == "message").count()
    }
}
