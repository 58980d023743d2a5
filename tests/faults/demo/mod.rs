//! `hallpassd demo` as a process: what a newcomer starts, stops, kills and starts again.
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use hallpass_tests::browserless::Browser;
use hallpass_tests::secrets::Secrets;
use hallpass_tests::wait::{PATIENCE, eventually};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

mod ended;
mod killed;
mod mails;
mod proofs;
mod resource_servers;
mod started;

/// A folder for a demo, where PostgreSQL's user can get to it.
fn folder() -> tempfile::TempDir {
    tempfile::Builder::new().prefix("hallpass-demo-").tempdir().expect("a folder")
}

/// `hallpassd demo …`, not started yet.
fn command(arguments: &[&str], data: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hallpassd-faults"));
    command.arg("demo").args(arguments).arg("--data").arg(data);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    command
}

/// Runs one that ends by itself: whether it succeeded, and what it said.
async fn run(command: &mut Command) -> (bool, String) {
    let output =
        tokio::time::timeout(2 * PATIENCE, command.output()).await.expect("it ends").expect("it starts");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// A running demo.
struct Demo {
    child: Child,
    data: PathBuf,
    /// The guide, as it was printed.
    guide: String,
    /// How long that took.
    took: Duration,
    /// The guide as data.
    facts: Value,
}

impl Demo {
    async fn start(data: &Path) -> Self {
        Self::start_with(command(&["--listen", "127.0.0.1:0"], data), data).await
    }

    async fn start_with(mut command: Command, data: &Path) -> Self {
        hallpassd::compose::tls::install_provider();
        let facts = data.with_extension("facts.json");
        let begun = Instant::now();
        let mut child =
            command.arg("--facts").arg(&facts).stderr(Stdio::inherit()).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut guide = String::new();
        let heard = tokio::time::timeout(2 * PATIENCE, async {
            while let Ok(Some(line)) = lines.next_line().await {
                guide.push_str(&line);
                guide.push('\n');
                if line.contains("Ctrl-C stops it") {
                    return true;
                }
            }
            false
        });
        assert!(heard.await.unwrap_or(false), "no guide:\n{guide}");
        let took = begun.elapsed();
        let facts = serde_json::from_str(&std::fs::read_to_string(facts).expect("the facts")).expect("JSON");
        Self { child, data: data.to_owned(), guide, took, facts }
    }

    fn base(&self) -> &str {
        self.facts["base_url"].as_str().expect("an address")
    }

    fn id(&self) -> u32 {
        self.child.id().expect("a running demo")
    }

    /// A browser in which somebody is acting, by the demo's switcher.
    async fn act_as(&self, email: &str) -> Browser {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let browser =
            Browser::new(self.base(), self.base(), http.build().expect("a client"), Secrets::default());
        let form = browser.get("/demo").await.expect(200).form("/demo/act-as");
        let _ = browser.send(&form.with("email", email)).await.expect(303);
        browser
    }

    /// Dana asks and Ana approves, as in the guide; answers the reference.
    async fn granted(&self, role: &str, time: &str) -> String {
        let (dana, ana) = (self.act_as("dana@demo.test").await, self.act_as("ana@demo.test").await);
        let form = dana.get(&format!("/request?role={role}")).await.expect(200).form("/request");
        let form = form.with("for_text", time).with("reason", "trying it").with("action", "send");
        let answer = dana.send(&form).await.expect(303);
        let reference = answer.header("location").strip_prefix("/requests/").expect("a request").to_owned();
        let action = format!("/r/{reference}");
        let form = ana.get(&action).await.expect(200).form(&action).with("decision", "approve");
        let _ = ana.send(&form).await.expect(200);
        reference
    }

    /// The same, and Dana issues what it gives; answers the words of the page that shows it.
    async fn issued(&self, role: &str, time: &str) -> String {
        let reference = self.granted(role, time).await;
        let dana = self.act_as("dana@demo.test").await;
        let links = dana.get(&format!("/requests/{reference}")).await.expect(200).links();
        let grant = links.into_iter().find(|l| l.starts_with("/grants/")).expect("a grant");
        let form = dana.get(&grant).await.expect(200).form(&format!("{grant}/credentials"));
        dana.submit(&form).await.expect(200).words()
    }

    /// Port of the private cluster.
    fn cluster(&self) -> u16 {
        std::fs::read_to_string(self.data.join("pg/port")).expect("a port").trim().parse().expect("a port")
    }

    /// Ends it by a signal, as `kill` or Ctrl-C do; it must end well.
    async fn stop(mut self, name: &str) {
        hallpass_tests::process::signal(self.id(), name);
        let status =
            tokio::time::timeout(PATIENCE, self.child.wait()).await.expect("it ends").expect("a status");
        assert!(status.success(), "{status}");
    }

    /// Kills it as a power cut would.
    async fn kill(mut self) {
        let _ = self.child.start_kill();
        let _ = self.child.wait().await;
    }
}

fn answers(port: u16) -> bool {
    std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
}

/// Waits until nobody answers at a port.
async fn silent(port: u16) {
    eventually("the demo's PostgreSQL has ended", || async move { (!answers(port)).then_some(()) }).await;
}
