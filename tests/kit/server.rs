//! Servers of one test: the real composition root and HTTP server on a free loopback port, with their own database.
//!
//! With the fake clock nothing runs by itself: a test moves the time and lets the reconcilers take their steps
//! ([`TestServer::settle`]), so that nothing sleeps. [`TestServer::stop`] is the end of every test: time goes on until
//! everything must be over, and what is not over then, or stands where it may not, fails the test.
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::TimeDelta;
use hallpass_adapters::clock::FakeClock;
use hallpass_broker::Broker;
use hallpass_broker::admin::{ApplyError, By, MemorySecrets, SecretRef};
use hallpass_domain::Timestamp;
use hallpass_domain::ports::clock::Clock;
use hallpassd::compose::{self, Given};
use hallpassd::config::Config;
use secrecy::{ExposeSecret as _, SecretString};

use crate::alternate::Alternate;
use crate::browserless::Browser;
use crate::caller::Caller;
use crate::cast;
use crate::database::{Backend, Database, TARGET_PASSWORD};
use crate::logs;
use crate::mailbox::Mailbox;
use crate::node::Node;
use crate::pg::Cluster;
use crate::secrets::Secrets;

/// How a server is started.
pub struct Setup {
    /// Where its data is.
    pub backend: Backend,
    /// Real time, with reconcilers that run by themselves; else the fake clock.
    pub real_time: bool,
    /// PostgreSQL targets by name.
    pub targets: Vec<(String, &'static Cluster)>,
    /// Base URL other than that of the port.
    pub base_url: Option<String>,
    /// What this machine says of whom it forwards for is believed, as behind a proxy.
    pub behind_proxy: bool,
}

impl Setup {
    /// With the fake clock and token targets.
    pub fn on(backend: Backend) -> Self {
        Self { backend, real_time: false, targets: Vec::new(), base_url: None, behind_proxy: false }
    }
}

/// The servers of one test.
pub struct TestServer {
    /// Base URL, as people know it.
    pub base_url: String,
    /// Where it listens; the same, unless [`Setup::base_url`] says otherwise.
    pub address: String,
    /// The servers; the first one takes the steps of [`Self::settle`], with the others.
    pub nodes: Vec<Node>,
    /// Mails as they were delivered.
    pub mailbox: Mailbox,
    /// Secrets that were seen.
    pub secrets: Secrets,
    /// The database.
    pub database: Database,
    /// Secrets of clients by id.
    pub clients: BTreeMap<String, String>,
    /// Folder with everything of this server.
    pub folder: tempfile::TempDir,
    pub(crate) clock: Option<Arc<FakeClock>>,
    targets: Vec<(String, u16)>,
    pub(crate) clusters: Vec<&'static Cluster>,
    http: reqwest::Client,
    pub(crate) people: Mutex<BTreeMap<String, crate::people::Person>>,
    log_mark: usize,
    _front: Option<Alternate>,
    pub(crate) stopped: bool,
}

/// When the fake clock begins.
pub fn dawn() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().expect("a time")
}

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    (listener, address)
}

fn http_client() -> reqwest::Client {
    reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .user_agent("Mozilla/5.0 (test)")
        .build()
        .expect("an HTTP client")
}

/// Configuration of a server in a folder.
pub fn config(folder: &std::path::Path, database: &str, replicated: bool) -> Config {
    let mut config = Config::default();
    config.database.url = database.to_owned();
    config.keys.master_key_file = folder.join("master.key");
    config.audit.origin = Some("hall.test/log".to_owned());
    config.audit.checkpoint_file = Some(folder.join("checkpoints.txt"));
    config.server.replicated = replicated;
    config
}

/// Our password at targets, as a catalogue names it.
pub fn target_secrets() -> MemorySecrets {
    let named = SecretRef::Env(cast::TARGET_SECRET.to_owned());
    MemorySecrets(BTreeMap::from([(named, SecretString::from(TARGET_PASSWORD.to_owned()))]))
}

impl TestServer {
    /// Starts with the fake clock and token targets.
    pub async fn start(backend: Backend) -> Self {
        Self::with(Setup::on(backend)).await
    }

    /// Starts.
    ///
    /// # Panics
    /// Where a part does not start.
    pub async fn with(setup: Setup) -> Self {
        compose::tls::install_provider();
        logs::keep();
        let log_mark = logs::mark();
        let folder = tempfile::Builder::new().prefix("hallpass-api-").tempdir().expect("a temporary folder");
        let database = Database::new(setup.backend, folder.path()).await;
        let clock = (!setup.real_time).then(|| Arc::new(FakeClock::new(dawn())));
        let two = setup.backend == Backend::PostgresTwo;
        let (front, front_address) = listen();
        let listeners = if two {
            vec![listen(), listen()]
        } else {
            vec![(front.try_clone().expect("a listener"), front_address)]
        };
        let address = format!("http://{front_address}");
        let base_url = setup.base_url.clone().unwrap_or_else(|| address.clone());
        let mailbox = Mailbox::default();
        let mut config = config(folder.path(), &database.url().await, two);
        if setup.behind_proxy {
            config.server.trusted_proxies = vec!["127.0.0.1".to_owned()];
        }
        let mut nodes = Vec::new();
        let mut addresses = Vec::new();
        for (listener, address) in listeners {
            let given = Given {
                notifier: Some(Arc::new(mailbox.clone())),
                clock: clock.clone().map(|c| c as Arc<dyn Clock>),
                ..Given::default()
            };
            nodes.push(Node::start(&config, &base_url, listener, given, setup.real_time).await);
            addresses.push(address);
        }
        let front = two.then(|| Alternate::start(front, addresses));
        let targets = setup.targets.iter().map(|(n, c)| (n.clone(), c.port())).collect();
        let mut server = Self {
            base_url,
            address,
            nodes,
            mailbox,
            secrets: Secrets::default(),
            database,
            clients: BTreeMap::new(),
            folder,
            clock,
            targets,
            clusters: setup.targets.iter().map(|(_, c)| *c).collect(),
            http: http_client(),
            people: Mutex::default(),
            log_mark,
            _front: front,
            stopped: false,
        };
        server.secrets.plant("our password at targets", TARGET_PASSWORD);
        server.apply(&cast::catalogue(&server.targets)).await;
        server.settle().await;
        server
    }

    /// For servers that run as processes of their own behind `base_url`: the parts in this process serve nothing and do no
    /// work; they make accounts and look at the store.
    pub(crate) async fn around(
        config: &Config,
        base_url: &str,
        folder: tempfile::TempDir,
        database: Database,
        targets: &[(String, &'static Cluster)],
    ) -> Self {
        compose::tls::install_provider();
        logs::keep();
        let log_mark = logs::mark();
        let mailbox = Mailbox::default();
        let given = Given { notifier: Some(Arc::new(mailbox.clone())), ..Given::default() };
        let mut server = Self {
            base_url: base_url.to_owned(),
            address: base_url.to_owned(),
            nodes: vec![Node::idle(config, base_url, given).await],
            mailbox,
            secrets: Secrets::default(),
            database,
            clients: BTreeMap::new(),
            folder,
            clock: None,
            targets: targets.iter().map(|(n, c)| (n.clone(), c.port())).collect(),
            clusters: targets.iter().map(|(_, c)| *c).collect(),
            http: http_client(),
            people: Mutex::default(),
            log_mark,
            _front: None,
            stopped: false,
        };
        server.secrets.plant("our password at targets", TARGET_PASSWORD);
        server.apply(&cast::catalogue(&server.targets)).await;
        // The mails about that; the servers' outbox begins empty.
        server.settle().await;
        server
    }

    /// Applies a catalogue as a local command does.
    ///
    /// # Panics
    /// Where it is refused.
    pub async fn apply(&mut self, text: &str) {
        let applied = self.broker().apply_catalogue(By::System("test"), text, false, &target_secrets()).await;
        let applied = applied.unwrap_or_else(|e| match e {
            ApplyError::Refused(refusal) => panic!("{refusal:?}"),
            ApplyError::Mistakes(all) => panic!("{all:?}"),
        });
        for client in applied.new_clients {
            self.secrets.plant("a client's secret", client.secret.expose_secret());
            self.clients.insert(client.client_id, client.secret.expose_secret().to_owned());
        }
    }

    /// The catalogue that it was started with.
    pub fn catalogue_text(&self) -> String {
        cast::catalogue(&self.targets)
    }

    /// The first server's use cases.
    pub fn broker(&self) -> &Arc<Broker> {
        &self.nodes[0].composed.broker
    }

    /// The servers' time.
    pub fn now(&self) -> Timestamp {
        self.broker().now()
    }

    /// Moves the fake clock.
    ///
    /// # Panics
    /// With real time.
    pub fn advance(&self, seconds: i64) -> Timestamp {
        self.fake_clock().advance(TimeDelta::seconds(seconds))
    }

    /// Sets the fake clock.
    pub fn set_clock(&self, at: Timestamp) {
        self.fake_clock().set(at);
    }

    /// The fake clock.
    ///
    /// # Panics
    /// With real time.
    pub fn fake_clock(&self) -> &FakeClock {
        self.clock.as_ref().expect("this server runs in real time")
    }

    /// Whether time is the test's.
    pub fn has_fake_clock(&self) -> bool {
        self.clock.is_some()
    }

    /// A browser that nobody has signed in with.
    pub fn browser(&self) -> Browser {
        Browser::new(&self.address, &self.base_url, self.http.clone(), self.secrets.clone())
    }

    /// Calls without a token.
    pub fn nobody(&self) -> Caller {
        Caller::nobody(&self.address, self.http.clone())
    }

    /// What was logged since this server started (by others of the process, too).
    pub fn log(&self) -> String {
        logs::since(self.log_mark)
    }

    /// Lets every reconciler of every server take steps until there is nothing left to do now.
    ///
    /// # Panics
    /// Where a step reports an error.
    pub async fn settle(&self) {
        for _ in 0..1_000 {
            if self.step(true).await == 0 {
                return;
            }
        }
        panic!("the reconcilers do not come to an end");
    }

    /// One step of every reconciler; how much was done.
    pub(crate) async fn step(&self, mail: bool) -> u64 {
        let mut done = 0;
        for node in &self.nodes {
            let broker = &node.composed.broker;
            let mut reports = vec![
                ("lapse", broker.step_lapse_requests().await),
                ("expire", broker.step_expire_grants().await),
                ("seal", broker.step_seal_audit().await),
            ];
            if mail {
                reports.push(("mail", broker.step_deliver_mail().await));
            }
            for target in broker.store.targets_due(broker.now()).await.expect("the store is read") {
                reports.push(("revoke", broker.revoke_at(target).await.0));
            }
            reports.push(("alert", broker.step_alert_overdue().await));
            for (name, report) in reports {
                assert_eq!(report.error, None, "{name}");
                done += report.done;
            }
        }
        done
    }

    pub(crate) fn lock_people(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, crate::people::Person>> {
        self.people.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
