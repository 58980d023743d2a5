//! What operators do, with the server's own program as a process: first run, configuration, migrations, copies, keys, TLS.
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use hallpass_tests::browserless::Browser;
use hallpass_tests::secrets::Secrets;
use hallpass_tests::wait::eventually_within;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::parts::SOON;

pub(crate) const PASSWORD: &str = "an orange bicycle in the rain";

/// An installation in a folder of its own: configuration, key, database.
pub(crate) struct Installed {
    folder: TempDir,
    pub(crate) port: u16,
    pub(crate) https: bool,
    /// URL of the database; SQLite in the folder where none is named.
    pub(crate) database: Option<String>,
    /// `PATH` of its commands.
    pub(crate) search: Option<PathBuf>,
}

impl Installed {
    pub(crate) fn new() -> Self {
        let folder = tempfile::Builder::new().prefix("hallpass-ops-").tempdir().expect("a folder");
        let port =
            TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("its address").port();
        std::fs::create_dir(folder.path().join("data")).expect("a folder");
        let new = Self { folder, port, https: false, database: None, search: None };
        new.configure("");
        new
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn configure(&self, more: &str) {
        let at = |name: &str| self.path(name).display().to_string();
        let database = self.database.clone().unwrap_or_else(|| format!("sqlite:{}", at("data/hallpass.db")));
        let text = format!(
            "[database]\nurl = \"{database}\"\n[keys]\nmaster_key_file = \"{}\"\n[mail]\ndirectory = \"{}\"\n[server]\nlisten = \"127.0.0.1:{}\"\n{more}",
            at("master.key"),
            at("mail"),
            self.port
        );
        std::fs::write(self.path("hallpassd.toml"), text).expect("a configuration");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hallpassd-faults"));
        command.args(arguments).env_clear().env("HALLPASSD_CONFIG", self.path("hallpassd.toml"));
        command.envs(self.search.iter().map(|path| ("PATH", path)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    pub(crate) async fn run(&self, arguments: &[&str]) -> Output {
        tokio::time::timeout(SOON * 2, self.command(arguments).output())
            .await
            .unwrap_or_else(|_| panic!("{arguments:?} does not end"))
            .expect("it runs")
    }

    /// Runs a command that must succeed; what it said.
    pub(crate) async fn ok(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments).await;
        assert!(out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8_lossy(&out.stdout).into_owned()
    }

    /// Runs a command that must be refused; why.
    pub(crate) async fn refused(&self, arguments: &[&str]) -> String {
        let out = self.run(arguments).await;
        assert!(!out.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&out.stdout));
        String::from_utf8_lossy(&out.stderr).into_owned()
    }

    /// Runs a command that is killed at a fail point.
    pub(crate) async fn killed_at(&self, arguments: &[&str], point: &str) {
        let run = self.command(arguments).env("HALLPASS_FAILPOINT", point).output();
        let out = tokio::time::timeout(SOON * 2, run)
            .await
            .unwrap_or_else(|_| panic!("{arguments:?} is not killed at {point}"))
            .expect("it runs");
        let signal = std::os::unix::process::ExitStatusExt::signal(&out.status);
        assert_eq!(signal, Some(9), "{point}: {arguments:?}: {}", String::from_utf8_lossy(&out.stderr));
    }

    pub(crate) fn private(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        std::fs::write(&path, text).expect("written");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("private");
        path.display().to_string()
    }

    pub(crate) async fn init(&self) {
        let file = self.private("password", PASSWORD);
        self.ok(&["init", "--admin-email", "ada@ops.test", "--admin-password-file", &file]).await;
    }

    pub(crate) fn address(&self) -> String {
        format!("http{}://127.0.0.1:{}", if self.https { "s" } else { "" }, self.port)
    }

    pub(crate) fn http(&self) -> reqwest::Client {
        hallpassd::compose::tls::install_provider();
        let mut builder = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
        if self.https {
            let mut roots = rustls::RootCertStore::empty();
            for certificate in CertificateDer::pem_file_iter(self.path("ca.pem")).expect("a file") {
                roots.add(certificate.expect("a certificate")).expect("an authority");
            }
            let config = rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
            builder = builder.tls_backend_preconfigured(config);
        }
        builder.build().expect("a client")
    }

    pub(crate) fn browser(&self) -> Browser {
        Browser::new(&self.address(), &self.address(), self.http(), Secrets::default())
    }

    pub(crate) async fn serve(&self) -> Server {
        let mut child = self.command(&["serve"]).spawn().expect("it starts");
        let mut lines = BufReader::new(child.stdout.take().expect("stdout")).lines();
        let mut errors = BufReader::new(child.stderr.take().expect("stderr")).lines();
        let (tell, said) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = lines.next_line().await {
                let _ = tell.send(line);
            }
        });
        let log = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let kept = std::sync::Arc::clone(&log);
        tokio::spawn(async move {
            while let Ok(Some(line)) = errors.next_line().await {
                *kept.lock().expect("the log") += &(line + "\n");
            }
        });
        let (http, address) = (self.http(), self.address());
        let ready = async || http.get(format!("{address}/livez")).send().await.ok();
        let over = tokio::time::Instant::now() + SOON;
        while ready().await.is_none() {
            let ended = child.try_wait().expect("a status").is_some();
            assert!(
                !ended && tokio::time::Instant::now() < over,
                "it does not serve: {}",
                log.lock().expect("the log")
            );
            tokio::time::sleep(std::time::Duration::from_millis(30)).await;
        }
        Server { child, said, log }
    }

    pub(crate) async fn signs_in(&self, password: &str) -> bool {
        let browser = self.browser();
        let form = browser.get("/sign-in").await.expect(200).form("/sign-in");
        let page = browser.send(&form.with("email", "ada@ops.test").with("password", password)).await;
        page.status == 303 && !page.header("location").contains("sign-in")
    }
}

/// `serve`, running.
pub(crate) struct Server {
    child: Child,
    said: tokio::sync::mpsc::UnboundedReceiver<String>,
    log: std::sync::Arc<std::sync::Mutex<String>>,
}

impl Server {
    pub(crate) async fn stop(mut self) {
        hallpass_tests::process::signal(self.child.id().expect("a running server"), "TERM");
        let ended = tokio::time::timeout(SOON, self.child.wait()).await.expect("it stops");
        assert!(ended.expect("a status").success());
    }
}

/// Without an administrator `init` makes the key, and the claim secret that `serve` prints makes the first administrator.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_administrator_by_claim() {
    let new = Installed::new();
    let why = new.refused(&["serve"]).await;
    assert!(why.contains("master.key") && why.contains("hallpassd init"), "{why}");
    let said = new.ok(&["init"]).await;
    assert!(said.contains("claim secret") && said.contains("master.key"), "{said}");
    // Again it makes nothing new, and says the same.
    let key = std::fs::read(new.path("master.key")).expect("the key");
    new.ok(&["init"]).await;
    assert_eq!(std::fs::read(new.path("master.key")).expect("the key"), key);
    let mut server = new.serve().await;
    let line = tokio::time::timeout(SOON, server.said.recv()).await.expect("in time").expect("the claim");
    let claim = line.rsplit(": ").next().expect("a secret").to_owned();
    let browser = new.browser();
    let form = browser.get("/first-run").await.expect(200).form("/first-run");
    let filled = |claim: &str| {
        form.clone()
            .with("claim_secret", claim)
            .with("name", "Ada Novak")
            .with("email", "ada@ops.test")
            .with("password", PASSWORD)
            .with("password_again", PASSWORD)
    };
    assert_ne!(browser.send(&filled("hpf_wrong")).await.status, 303);
    let _claimed = browser.send(&filled(&claim)).await.expect(303);
    assert!(new.signs_in(PASSWORD).await);
    assert_eq!(new.browser().get("/first-run").await.status, 404, "once");
    server.stop().await;
}

/// Two that begin at once make one installation.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_first_starts_at_once() {
    let new = Installed::new();
    let file = new.private("password", PASSWORD);
    let arguments = ["init", "--admin-email", "ada@ops.test", "--admin-password-file", &file];
    let all = futures_util::future::join_all((0..4).map(|_| new.run(&arguments))).await;
    assert_eq!(all.iter().filter(|o| o.status.success()).count(), 1, "one wins");
    let server = new.serve().await;
    assert!(new.signs_in(PASSWORD).await);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn configuration_is_checked_before() {
    let new = Installed::new();
    // Everything that `serve` would refuse, each with its line.
    let certificate = new.private("cert.pem", "nothing");
    new.configure(&format!(
        "trusted_proxies = [\"proxy.example.org\"]\ntls_certificate_file = \"{certificate}\"\ntls_key_file = \"{certificate}\"\nworkers = \"many\"\n[log]\nfilter = \"hallpass=loud\"\n[metrics]\nallow_from = [\"10.0.0.0/99\"]\n[audit]\ncheckpoint_file = \"/nowhere/at/all/checkpoints.txt\"\n[nail]\nhost = \"x\"\n"
    ));
    let why = new.refused(&["check-config"]).await;
    for told in [
        "hallpassd.toml:9: ",
        "neither an address nor a network",
        "hallpassd.toml:10: ",
        "cert.pem",
        "hallpassd.toml:12: ",
        "hallpassd.toml:14: ",
        "hallpass=loud",
        "hallpassd.toml:16: ",
        "hallpassd.toml:18: ",
        "/nowhere/at/all is not a folder",
        "hallpassd.toml:19: ",
        "hallpassd init",
    ] {
        assert!(why.contains(told), "{told} is not told in:\n{why}");
    }
    new.configure("");
    new.init().await;
    assert_eq!(new.ok(&["check-config"]).await, "No mistakes found.\n");
    std::fs::set_permissions(new.path("master.key"), std::fs::Permissions::from_mode(0o644)).expect("opened");
    let why = new.refused(&["check-config"]).await;
    assert!(why.contains("master.key") && why.contains("644"), "{why}");
}

/// What the documents show to copy is a configuration: all that `check-config` misses is what their machine has and this one
/// has not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_documents_show_configurations() {
    let documents = [include_str!("../../README.md"), include_str!("../../docs/operations.md")];
    for document in documents {
        let shown = document.split("```toml\n").skip(1).filter_map(|rest| rest.split("```").next());
        let shown: Vec<&str> = shown.filter(|text| text.contains("[server]")).collect();
        assert_eq!(shown.len(), 1, "one whole configuration");
        let new = Installed::new();
        std::fs::write(new.path("hallpassd.toml"), shown[0]).expect("written");
        for mistake in new.refused(&["check-config"]).await.lines() {
            let missing = ["is not a file that can be read", "is not a folder", "no master key in /etc/"];
            assert!(missing.iter().any(|words| mistake.contains(words)), "{mistake}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn migrations_and_recovery() {
    let new = Installed::new();
    let pending = new.ok(&["migrate", "--dry-run"]).await;
    assert!(pending.starts_with("Pending: 00000000000001_catalogue"), "{pending}");
    assert!(new.ok(&["migrate"]).await.starts_with("Migrated: "));
    assert_eq!(new.ok(&["migrate", "--dry-run"]).await, "The schema is current.\n");
    new.init().await;
    let server = new.serve().await;
    // While the server has the file, nothing else may write it.
    for arguments in
        [&["recover", "ada@ops.test"][..], &["migrate"], &["keys", "rotate-tokens"], &["clock", "reset"]]
    {
        let why = new.refused(arguments).await;
        assert!(why.contains("in use") && why.contains("Stop it first"), "{arguments:?}: {why}");
    }
    server.stop().await;
    let said = new.ok(&["recover", "ada@ops.test"]).await;
    let once = said.trim().rsplit(": ").next().expect("a password").to_owned();
    assert!(new.refused(&["recover", "nobody@ops.test"]).await.len() > 10);
    let server = new.serve().await;
    assert!(!new.signs_in(PASSWORD).await, "the old password is gone");
    assert!(new.signs_in(&once).await);
    server.stop().await;
    assert!(new.ok(&["clock", "reset"]).await.contains("nothing to reset"));
}

/// A copy is made while the server runs, and another server runs from it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_while_serving() {
    let new = Installed::new();
    new.init().await;
    let server = new.serve().await;
    let copy = new.path("copy.db").display().to_string();
    new.ok(&["backup", &copy]).await;
    let why = new.refused(&["backup", &copy]).await;
    assert!(why.contains("exists already"), "{why}");
    assert_eq!(std::fs::metadata(&copy).expect("the copy").permissions().mode() & 0o777, 0o600);
    let published = || std::fs::metadata(new.path("data-checkpoints.txt")).map_or(0, |m| m.len());
    let before = published();
    assert!(new.signs_in(PASSWORD).await);
    eventually_within(SOON, "a newer checkpoint", || async { (published() > before).then_some(()) }).await;
    // It stands in the log, too: whoever collects that holds it.
    let notes = std::fs::read_to_string(new.path("data-checkpoints.txt")).expect("checkpoints");
    let signature = notes.trim_end().lines().last().expect("a signature").trim_start_matches("— ").to_owned();
    eventually_within(SOON, "the checkpoint in the log", || async {
        let log = server.log.lock().expect("the log");
        (log.contains("audit checkpoint") && log.contains(&signature)).then_some(())
    })
    .await;
    server.stop().await;
    // Elsewhere: the copy and the key, which is kept apart from it.
    let other = Installed::new();
    std::fs::copy(&copy, other.path("data/hallpass.db")).expect("restored");
    std::fs::copy(new.path("master.key"), other.path("master.key")).expect("the key");
    let server = other.serve().await;
    assert!(other.signs_in(PASSWORD).await);
    server.stop().await;
    assert!(other.ok(&["restored", "status"]).await.contains("not known as a restored backup"));
    // Beside its own checkpoints, in the place of the newer database, it is known.
    for beside in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(new.path(&format!("data/hallpass.db{beside}")));
    }
    std::fs::copy(&copy, new.path("data/hallpass.db")).expect("restored");
    let said = new.ok(&["restored", "status"]).await;
    assert!(said.contains("data-checkpoints.txt") && said.contains("hallpassd restored confirm"), "{said}");
    assert!(new.ok(&["restored", "confirm"]).await.starts_with("Confirmed."));
    assert!(new.refused(&["restored", "confirm"]).await.contains("Nothing waits"));
    let missing = Installed::new();
    let why = missing.refused(&["backup", &missing.path("x.db").display().to_string()]).await;
    assert!(why.contains("does not exist"), "{why}");
}

/// Names of the keys in a key set.
pub(crate) fn kids(jwks: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(jwks).expect("a key set");
    let keys = value["keys"].as_array().expect("keys");
    keys.iter().map(|k| k["kid"].as_str().expect("a kid").to_owned()).collect()
}

/// New token keys; a new master key, with the old one good until everything is sealed again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_rotated() {
    let new = Installed::new();
    new.init().await;
    let jwks = async || {
        let server = new.serve().await;
        let text = new.browser().get("/oauth/jwks.json").await.expect(200).body;
        server.stop().await;
        kids(&text)
    };
    let first = jwks().await;
    new.ok(&["keys", "rotate-tokens"]).await;
    let second = jwks().await;
    assert!(second.len() == 4 && first.iter().all(|kid| second.contains(kid)), "{first:?} {second:?}");
    new.ok(&["keys", "rotate-tokens", "--drop-old"]).await;
    let third = jwks().await;
    assert!(third.len() == 2 && second.iter().all(|kid| !third.contains(kid)), "{second:?} {third:?}");

    let old = std::fs::read(new.path("master.key")).expect("the key");
    new.ok(&["keys", "new-master"]).await;
    // Begun and left so: both keys are there, and the server runs.
    assert_eq!(jwks().await, third);
    assert!(new.refused(&["keys", "drop-old"]).await.contains("keys rewrap"));
    let said = new.ok(&["keys", "rewrap"]).await;
    assert!(said.contains("values are sealed again"), "{said}");
    assert!(new.ok(&["keys", "rewrap"]).await.starts_with("0 values"));
    new.ok(&["keys", "drop-old"]).await;
    assert_eq!(jwks().await, third);
    assert!(new.ok(&["check-config"]).await.starts_with("No mistakes"));
    // The old key alone opens nothing any more, and no new one is made in its place.
    let newest = std::fs::read(new.path("master.key")).expect("the key");
    std::fs::write(new.path("master.key"), old).expect("the old key");
    let why = new.refused(&["serve"]).await;
    assert!(why.contains("master key") && why.contains("only"), "{why}");
    std::fs::remove_file(new.path("master.key")).expect("no key");
    for arguments in [&["serve"][..], &["recover", "ada@ops.test"], &["init"]] {
        assert!(new.refused(arguments).await.contains("master.key"), "{arguments:?}");
        assert!(!new.path("master.key").exists(), "{arguments:?} made a key");
    }
    let file = new.private("master.key", &String::from_utf8(newest).expect("text"));
    assert!(Path::new(&file).exists());
    assert_eq!(jwks().await, third);
}

/// Whoever may read metrics is a setting; loopback always may.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_are_for_those_who_may() {
    let new = Installed::new();
    new.configure("trusted_proxies = [\"127.0.0.1\"]\n[metrics]\nallow_from = [\"10.9.0.0/16\"]\n");
    new.init().await;
    let server = new.serve().await;
    let (http, url) = (new.http(), format!("{}/metrics", new.address()));
    let from = async |address: &str| {
        http.get(&url).header("x-forwarded-for", address).send().await.expect("an answer").status().as_u16()
    };
    assert_eq!((from("10.9.3.1").await, from("10.8.3.1").await), (200, 404));
    let text = http.get(&url).send().await.expect("an answer").text().await.expect("text");
    assert!(text.contains("\nhallpass_revocations_overdue 0"), "what the operations page alerts on");
    server.stop().await;
}
