//! `hallpassd demo` in this process: its organisation, its mail viewer, its switcher, and a PostgreSQL target; and a look at
//! the pages of its two resource servers.
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use hallpass_tests::browserless::Browser;
use hallpass_tests::people::code_at;
use hallpass_tests::pg::{Cluster, find_programs};
use hallpass_tests::secrets::Secrets;
use hallpass_tests::wait::eventually;
use hallpassd::demo::facts::{FactPerson, Facts};
use hallpassd::demo::{DemoArgs, prepare};
use tokio::task::JoinHandle;

use crate::window::Window;

type Stop = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// A running demo.
pub(crate) struct Demo {
    /// Base URL.
    pub(crate) base: String,
    /// What its guide says.
    pub(crate) facts: Facts,
    broker: Arc<hallpass_broker::Broker>,
    stops: Vec<Stop>,
    tasks: Vec<JoinHandle<()>>,
    /// The newest step of each person's app that was used.
    steps: Mutex<BTreeMap<String, i64>>,
    _cluster: Option<Cluster>,
    _folder: tempfile::TempDir,
}

impl Demo {
    /// Starts one; with a PostgreSQL target where PostgreSQL is installed.
    pub(crate) async fn start() -> Self {
        hallpassd::compose::tls::install_provider();
        let folder = tempfile::Builder::new().prefix("hallpass-demo-").tempdir().expect("a temporary folder");
        let cluster = find_programs().map(|_| Cluster::start());
        let args = DemoArgs {
            data: folder.path().to_owned(),
            listen: "127.0.0.1:0".to_owned(),
            postgres: cluster.as_ref().map(|c| c.url("postgres")),
            facts: None,
        };
        let demo = prepare(&args).await.unwrap_or_else(|e| panic!("the demo does not start: {e}"));
        let mut tasks = hallpassd::compose::tasks::start(&demo.composed);
        let mut servers = demo.resource_servers;
        let state = Arc::new(demo.state);
        servers.push(hallpass_http::serve(vec![demo.listener], state.into()).expect("the demo listens"));
        let mut stops: Vec<Stop> = Vec::new();
        for server in servers {
            let handle = server.handle();
            stops.push(Box::new(move || Box::pin(async move { handle.stop(false).await })));
            tasks.push(tokio::spawn(async move { drop(server.await) }));
        }
        Self {
            base: demo.facts.base_url.clone(),
            facts: demo.facts,
            broker: demo.composed.broker,
            stops,
            tasks,
            steps: Mutex::default(),
            _cluster: cluster,
            _folder: folder,
        }
    }

    /// The two-minute role with the most to see: a database login where there is a database.
    pub(crate) fn quick(&self) -> &'static str {
        if self.facts.postgresql.is_some() { "db-quick" } else { "billing-quick" }
    }

    /// Somebody by key, such as `dana`.
    pub(crate) fn person(&self, key: &str) -> &FactPerson {
        let email = format!("{key}@demo.test");
        self.facts
            .people
            .iter()
            .find(|p| p.email == email)
            .unwrap_or_else(|| panic!("nobody is called {key}"))
    }

    /// A code of somebody's app that was not used yet.
    pub(crate) fn totp(&self, key: &str) -> String {
        let uri = self.person(key).totp_uri.as_deref().expect("an authenticator app");
        let seed = uri.split("secret=").nth(1).and_then(|r| r.split('&').next()).expect("a seed");
        let mut steps = self.steps.lock().expect("the steps");
        let step =
            (self.broker.now().timestamp() / 30 - 1).max(steps.get(key).copied().unwrap_or_default() + 1);
        steps.insert(key.to_owned(), step);
        code_at(seed, step)
    }

    /// Signs somebody in by hand, with the second factor where they have one.
    pub(crate) async fn sign_in(&self, window: &Window, key: &str) {
        let person = self.person(key);
        window.open("/sign-in").await;
        window.fill("Email", &person.email).await;
        window.fill("Password", &person.password).await;
        window.press("Sign in").await;
        if person.totp_uri.is_some() {
            window.expect_heading("Second factor").await;
            window.fill("Six-digit code", &self.totp(key)).await;
            window.press("Go on").await;
        }
    }

    /// Becomes somebody by the demo's switcher.
    pub(crate) async fn act_as(&self, window: &Window, key: &str) {
        if !window.sees(hallpass_tests::webdriver::By::Css("aside.demo form")).await {
            window.click(if window.offers("Acting as").await { "Acting as" } else { "Act as" }).await;
        }
        window.press_css(&format!("aside.demo button[value='{}']", self.person(key).email)).await;
    }

    /// Somebody at another browser, by the demo's switcher.
    pub(crate) async fn elsewhere(&self, key: &str) -> Browser {
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        let browser =
            Browser::new(&self.base, &self.base, http.build().expect("a client"), Secrets::default());
        let form = browser.get("/demo").await.expect(200).form("/demo/act-as");
        let _ = browser.send(&form.with("email", self.person(key).email.as_str())).await.expect(303);
        browser
    }

    /// Stops it.
    pub(crate) async fn stop(self) {
        for stop in self.stops {
            stop().await;
        }
        for task in self.tasks {
            task.abort();
            let _ = task.await;
        }
    }
}

/// Their pages are no pages of the portal, and meant to be looked at as well.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_of_its_resource_servers() {
    let demo = Demo::start().await;
    assert_eq!(demo.facts.resource_servers.len(), 2);
    for server in &demo.facts.resource_servers {
        let http = reqwest::Client::builder().no_proxy().build().expect("a client");
        let sent = http.get(format!("{}/api", server.url)).bearer_auth("a.made-up.token").send().await;
        assert_eq!(sent.expect("an answer").status(), 401, "{}", server.url);
        let window = Window::new(&server.url, true).await;
        window.open("/").await;
        window.expect_heading(&server.client_id).await;
        window.expect_words("never good").await;
        // It loads itself anew until somebody who reads says that it shall stand still.
        window.run("window.before = true").await;
        let anew = || async { (window.run("return window.before ?? false").await == false).then_some(()) };
        eventually("it loads itself anew", anew).await;
        window.press("Stop that").await;
        window.look(&format!("resource-server-{}", server.verification)).await;
        let address = window.run("return location.href").await;
        let still = http.get(address.as_str().expect("an address")).send().await.expect("an answer");
        assert!(still.status().is_success() && !still.headers().contains_key("refresh"), "it stands still");
        window.press("Load it anew every two seconds").await;
        window.expect_quiet().await;
    }
    demo.stop().await;
}
