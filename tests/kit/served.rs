//! Servers as processes of their own: `hallpassd serve` with a configuration file, one or several on one PostgreSQL
//! database behind alternating requests. They can be stopped, killed, started again, and cut off from the database's
//! notices.
use std::path::{Path, PathBuf};

use tokio::process::Command;

use crate::alternate::Alternate;
use crate::browserless::Browser;
use crate::caller::Caller;
use crate::cast;
use crate::database::{Backend, Database, TARGET_PASSWORD, cluster};
use crate::facts;
use crate::pg::Cluster;
use crate::process::Process;
use crate::proxy::{Proxy, Upstream};
use crate::server::{TestServer, config};
use crate::wait::eventually;

/// How they are started.
pub struct Serving<'a> {
    /// `hallpassd`, or the one with fail points.
    pub program: &'a Path,
    /// How many.
    pub count: usize,
    /// PostgreSQL targets by name.
    pub targets: Vec<(String, &'static Cluster)>,
    /// Further variables of their environment.
    pub variables: Vec<(String, String)>,
}

/// One of the servers.
pub struct Replica {
    /// Its process.
    pub process: Process,
    /// Its own address, past the front.
    pub address: String,
    listen: String,
    database: Proxy,
    log: PathBuf,
}

/// The servers of one test.
pub struct Served {
    /// People, callers and the store; its HTTP goes to the front.
    pub server: TestServer,
    /// The servers.
    pub replicas: Vec<Replica>,
    program: PathBuf,
    database: String,
    /// Of the cluster with the database.
    port: u16,
    replicated: bool,
    front: Option<Alternate>,
}

impl Served {
    /// Starts them on a fresh PostgreSQL database, and waits until all of them serve.
    ///
    /// # Panics
    /// Where one does not start.
    pub async fn start(how: Serving<'_>) -> Self {
        let folder = tempfile::Builder::new().prefix("hallpass-served-").tempdir().expect("a folder");
        let database = Database::new(Backend::PostgresTwo, folder.path()).await;
        let url = database.url().await;
        let front = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        let base_url = format!("http://{}", front.local_addr().expect("its address"));
        let settings = config(folder.path(), &url, how.count > 1);
        let server = TestServer::around(&settings, &base_url, folder, database, &how.targets).await;
        let mut served = Self {
            server,
            replicas: Vec::new(),
            program: how.program.to_owned(),
            database: url,
            port: cluster().await.port(),
            replicated: how.count > 1,
            front: None,
        };
        for number in 0..how.count {
            let database = Proxy::start(cluster().await.address()).await;
            let log = served.server.folder.path().join(format!("server-{number}.log"));
            let process = served.spawn("127.0.0.1:0", &database, &log, &how.variables);
            let address = serves(&log, 0).await;
            let listen = address.trim_start_matches("http://").to_owned();
            served.replicas.push(Replica { process, address, listen, database, log });
        }
        let addresses = served.replicas.iter().map(|r| r.listen.parse().expect("an address")).collect();
        served.front = Some(Alternate::start(front, addresses));
        served
    }

    fn spawn(&self, listen: &str, proxy: &Proxy, log: &Path, variables: &[(String, String)]) -> Process {
        let folder = self.server.folder.path();
        let database = self.database.replace(&format!(":{}/", self.port), &format!(":{}/", proxy.port()));
        let mut command = Command::new(&self.program);
        command
            .args(["serve", "--listen", listen, "--base-url", &self.server.base_url, "--database", &database])
            .arg("--master-key-file")
            .arg(folder.join("master.key"))
            .arg("--checkpoint-file")
            .arg(folder.join("checkpoints.txt"))
            .arg("--journal-file")
            .arg(log.with_extension("journal"))
            .env("HALLPASSD_AUDIT_ORIGIN", "hall.test/log")
            .env("HALLPASSD_SERVER_REPLICATED", self.replicated.to_string())
            .env("HALLPASSD_SERVER_WORKERS", "1")
            .env("HALLPASSD_MAIL_DIRECTORY", folder.join("mail"))
            .env(cast::TARGET_SECRET, TARGET_PASSWORD)
            .envs(variables.iter().map(|(n, v)| (n, v)));
        Process::start(command, log)
    }

    /// Starts a server again that has ended, where it was; with these variables instead of those at the start.
    ///
    /// # Panics
    /// Where it does not start.
    pub async fn start_again(&mut self, number: usize, variables: &[(String, String)]) {
        let replica = &self.replicas[number];
        let before = served_before(&replica.log);
        let process = self.spawn(&replica.listen, &replica.database, &replica.log, variables);
        self.replicas[number].process = process;
        serves(&self.replicas[number].log, before).await;
    }

    /// Requests that came to the front so far.
    pub fn requests(&self) -> usize {
        self.front.as_ref().map_or(0, Alternate::requests)
    }

    /// A browser at one of the servers, with the cookies of another.
    pub fn browser_at(&self, number: usize, browser: &Browser) -> Browser {
        browser.at(&self.replicas[number].address)
    }

    /// A caller at one of the servers.
    pub fn caller_at(&self, number: usize, caller: &Caller) -> Caller {
        caller.at(&self.replicas[number].address)
    }

    /// What a resource server is told about a token by one of the servers.
    pub async fn introspect_at(
        &self,
        number: usize,
        resource_server: &str,
        token: &str,
    ) -> serde_json::Value {
        let basic = Some((resource_server, self.server.secret(resource_server)));
        let nobody = self.server.nobody().at(&self.replicas[number].address);
        nobody.oauth("introspect", basic, &[("token", token)]).await.ok(200)
    }

    /// Cuts a server's listener for notices, and every new one; its other connections stay.
    pub fn cut_listener(&self, number: usize) {
        let marks = ["LISTEN ", "NOTIFY "].map(|m| m.as_bytes().to_vec()).to_vec();
        self.replicas[number].database.upstream(Upstream::CutAt(marks));
    }

    /// Lets it listen again.
    pub fn mend_listener(&self, number: usize) {
        self.replicas[number].database.upstream(Upstream::Pass);
    }

    /// What a server wrote to its log.
    pub fn log(&self, number: usize) -> String {
        std::fs::read_to_string(&self.replicas[number].log).unwrap_or_default()
    }

    /// The end of every test: waits until nothing is left, stops the servers as an operator does, and looks for secrets
    /// and at the audit log.
    ///
    /// # Panics
    /// Where something is left, or a secret stands where none may.
    pub async fn stop(mut self) {
        eventually("nothing to be left", || async {
            facts::leftovers(&self.server).await.is_empty().then_some(())
        })
        .await;
        for replica in &mut self.replicas {
            replica.process.signal("TERM");
            replica.process.ended().await;
        }
        for number in 0..self.replicas.len() {
            let log = self.log(number);
            assert_eq!(self.server.secrets.found_in(log.as_bytes()), Vec::<String>::new(), "in the log");
            assert!(!log.contains("panicked"), "{log}");
        }
        facts::assert_log_verifies(&self.server).await;
        self.server.assert_no_secret_in_clear().await;
        self.server.close().await;
    }
}

/// How often a server has said in its log that it serves.
fn served_before(log: &Path) -> usize {
    std::fs::read_to_string(log).unwrap_or_default().matches("hallpassd serves").count()
}

/// Waits until a server says in its log once more that it serves; its address.
async fn serves(log: &Path, before: usize) -> String {
    eventually("a server to serve", || async {
        let text = std::fs::read_to_string(log).unwrap_or_default();
        let line = text.lines().filter(|l| l.contains("hallpassd serves")).nth(before)?;
        let line: serde_json::Value = serde_json::from_str(line).ok()?;
        Some(format!("http://{}", line["bound"].as_str()?))
    })
    .await
}
