//! Parts that the tests give to a server: a clock that they move, a mailbox that they read.
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chrono::TimeDelta;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::Credential;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::clock::{Clock, Trust};
use hallpass_domain::ports::notifier::{Notifier, NotifyError, RenderedMail};
use hallpass_tests::fault_server::Said;
use hallpass_tests::pg::Cluster;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::{ADMINISTRATOR, World};
use hallpassd::compose::Given;

use crate::bed::{Bed, Second, Store};

/// Longest wait for what a healthy server does within seconds.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// Real time, moved by what the test says.
#[derive(Debug)]
pub(crate) struct MovedClock {
    start: (Timestamp, Instant),
    by: Mutex<TimeDelta>,
}

impl MovedClock {
    /// Begins at a cluster's time, as a server does.
    pub(crate) async fn at(cluster: &Cluster) -> Arc<Self> {
        Arc::new(Self { start: (time(cluster).await, Instant::now()), by: Mutex::default() })
    }

    /// Moves it forward.
    pub(crate) fn forward(&self, by: TimeDelta) {
        *self.by.lock().expect("the clock") += by;
    }
}

impl Clock for MovedClock {
    fn now(&self) -> Timestamp {
        self.start.0
            + TimeDelta::from_std(self.start.1.elapsed()).expect("a short test")
            + *self.by.lock().expect("the clock")
    }

    fn trust(&self) -> Trust {
        Trust::Good
    }
}

/// A server that a test takes step by step, and a second one where there is one, with one target and a clock that the test moves.
pub(crate) async fn clocked(store: Store, target: &Cluster) -> (Bed, Arc<MovedClock>, World, Option<Second>) {
    let bed = Bed::new(store, &[("db", target.port())]).await;
    let clock = MovedClock::at(target).await;
    let given = Given { clock: Some(clock.clone()), ..Given::default() };
    let world = World::open(&bed.place, given.clone()).await.expect("a server");
    let second = bed.second(given).await;
    (bed, clock, world, second)
}

/// A cluster's time.
pub(crate) async fn time(cluster: &Cluster) -> Timestamp {
    cluster
        .superuser("postgres")
        .await
        .query_one("SELECT clock_timestamp()", &[])
        .await
        .expect("the time")
        .get(0)
}

/// Keeps what is delivered.
#[derive(Debug, Default)]
pub(crate) struct Mailbox(Mutex<Vec<RenderedMail>>);

impl Mailbox {
    /// Mails to somebody whose subject holds some words.
    pub(crate) fn to(&self, email: &str, words: &str) -> Vec<RenderedMail> {
        let mails = self.0.lock().expect("mails");
        mails
            .iter()
            .filter(|m| m.to_email == email && m.subject.to_lowercase().contains(&words.to_lowercase()))
            .cloned()
            .collect()
    }
}

#[async_trait]
impl Notifier for Mailbox {
    fn describe(&self) -> String {
        "mailbox of a test".to_owned()
    }

    async fn deliver(&self, mail: &RenderedMail) -> Result<String, NotifyError> {
        self.0.lock().expect("mails").push(mail.clone());
        Ok("kept".to_owned())
    }
}

/// Until those who might have told somebody of something have looked three times more, each from its beginning to its end.
pub(crate) async fn turns(world: &World) {
    let runs = || {
        let all: HashMap<_, _> = world.broker.reports.all().into_iter().map(|(n, s)| (n, s.runs)).collect();
        ["evidence", "clock", "lapse", "mail"].map(|name| all.get(name).copied().unwrap_or(0))
    };
    let before = runs();
    eventually_within(SOON, "several turns of the reconcilers", || async {
        // The one that is under way may have looked before.
        before.iter().zip(runs()).all(|(before, now)| now >= before + 4).then_some(())
    })
    .await;
}

/// A credential's row.
pub(crate) async fn row(world: &World, id: CredentialId) -> Credential {
    world.broker.store.credential(id).await.expect("the store").expect("the row")
}

/// Whether an account is at a target, by a connection that is not Hallpass's.
pub(crate) async fn is_there(target: &Cluster, name: &str) -> bool {
    let superuser = target.superuser("postgres").await;
    superuser.query_opt("SELECT FROM pg_roles WHERE rolname = $1", &[&name]).await.expect("roles").is_some()
}

/// Waits until the account is gone, and no session is left in the database of logins.
pub(crate) async fn gone(target: &Cluster, name: &str) {
    eventually_within(SOON, &format!("{name} to be gone"), || async {
        (!is_there(target, name).await).then_some(())
    })
    .await;
    let superuser = target.superuser("postgres").await;
    let orphans: i64 = superuser
        .query_one("SELECT count(*) FROM pg_stat_activity s WHERE s.usesysid IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.oid = s.usesysid)", &[])
        .await
        .expect("sessions")
        .get(0);
    assert_eq!(orphans, 0, "sessions outlived {name}");
}

/// Hears what a server says until it is what the test waits for.
pub(crate) async fn said<T>(server: &mut Process, what: &str, mut fits: impl FnMut(Said) -> Option<T>) -> T {
    loop {
        let Some(said) = server.line().await else {
            panic!("the server ended before {what}:\n{}", server.log())
        };
        if let Some(found) = fits(said) {
            return found;
        }
    }
}

/// Waits until a server is ready.
pub(crate) async fn ready(server: &mut Process) {
    said(server, "it was ready", |said| matches!(said, Said::Ready { .. }).then_some(())).await;
}

/// Waits until the administrator has so many mails whose subject holds some words, and no more.
pub(crate) async fn told(mailbox: &Mailbox, words: &str, count: usize) {
    eventually_within(SOON, "the administrator is told", || async {
        (mailbox.to(ADMINISTRATOR, words).len() >= count).then_some(())
    })
    .await;
    assert_eq!(mailbox.to(ADMINISTRATOR, words).len(), count, "{words}");
}

/// What the report of a reconciler says went wrong.
pub(crate) fn trouble(world: &World, reconciler: &str) -> Option<String> {
    world.broker.reports.error_of(reconciler)
}

/// What a page of this server answers to somebody on this machine.
pub(crate) async fn page(world: &World, path: &str) -> (u16, String) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let base = format!("http://{}", listener.local_addr().expect("its address"));
    let mut http = hallpass_http::HttpConfig::new(&base);
    (http.plain_http_on_loopback, http.workers) = (true, 1);
    let state = Arc::new(hallpass_http::AppState::new(Arc::clone(&world.broker), http));
    let server = hallpass_http::serve(vec![listener], state.into()).expect("it listens");
    let handle = server.handle();
    let running = tokio::spawn(server);
    let answer = reqwest::get(format!("{base}{path}")).await.expect("an answer");
    let (status, text) = (answer.status().as_u16(), answer.text().await.expect("text"));
    handle.stop(false).await;
    let _ = running.await;
    (status, text)
}

/// A gauge, as a scrape reads it.
pub(crate) async fn gauge(world: &World, name: &str) -> f64 {
    let (_, text) = page(world, "/metrics").await;
    let value = text.lines().find_map(|l| l.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name} in {text}"))
}

/// A checkpoint file whose folder is not there: a link in its place leads nowhere.
pub(crate) struct Misled {
    file: PathBuf,
    away: PathBuf,
}

impl Misled {
    /// Moves the file away, where there is one.
    pub(crate) fn begin(file: PathBuf) -> Self {
        let away = file.with_file_name("moved-away");
        if file.exists() {
            std::fs::rename(&file, &away).expect("moved away");
        }
        let nowhere = file.with_file_name("no-such-folder").join("checkpoints.txt");
        std::os::unix::fs::symlink(nowhere, &file).expect("a link");
        Self { file, away }
    }

    /// Puts it back.
    pub(crate) fn mend(&self) {
        std::fs::remove_file(&self.file).expect("removed");
        if self.away.exists() {
            std::fs::rename(&self.away, &self.file).expect("put back");
        }
    }
}
