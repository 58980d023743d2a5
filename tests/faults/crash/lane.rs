//! One server after another on one store: killed, started, drained, checked.
mod after;
mod beside;

use std::collections::BTreeMap;
use std::time::Duration;

use hallpass_adapters::sealing;
use hallpass_domain::secret::random_bytes;
use hallpass_tests::fault_server::{Said, Side, Tell};
use hallpass_tests::outsider::Outsider;
use hallpass_tests::pg::Cluster;
use hallpass_tests::process::Process;

use super::check::{Past, check};
use super::clients::Clients;
use super::drain::drained;
use super::habits::Habit;
use super::scenes::Scene;
use super::watch::Watch;
use super::{USUAL, Work};
use crate::bed::{Bed, Store, server};

/// Random kills are at least this long after a start, at the latest; longer where the machine takes longer for a login.
const LATEST: Duration = Duration::from_millis(2_500);

/// Grants after which a store has seen enough, and another begins.
const LONG: usize = 100;
/// The same of kills.
const KILLED: usize = 30;

/// Refusals of a story whose grant ended, or that met others at one target. Any other is a fault.
pub(super) const ORDINARY: [&str; 7] = [
    "grant_over",
    "grant_not_active",
    "already_over",
    "conflict",
    "target_slow",
    "target_down",
    // Too slow for its trial: others build on this machine, too.
    "login_does_not_work",
];

/// Refusals of one of two servers besides: each decides on what the other left, or is in the middle of.
const BESIDE: [&str; 3] = ["already_approved", "already_denied", "withdrawn"];

/// What a lane saw.
#[derive(Default)]
pub(crate) struct Lived {
    /// How often each point killed.
    pub(crate) killed: BTreeMap<String, usize>,
    /// How many sessions holders had.
    entered: usize,
}

impl Lived {
    pub(crate) fn and(&mut self, other: Self) {
        for (point, times) in other.killed {
            *self.killed.entry(point).or_default() += times;
        }
        self.entered += other.entered;
    }

    /// Where grants were lived through, somebody came in.
    pub(crate) fn somebody_came_in(&self) {
        let no_story = self.killed.keys().all(|point| !matches!(Scene::at(point), Scene::Story(_)));
        assert!(no_story || self.entered > 0, "no login was ever used");
    }
}

pub(crate) struct Lane {
    bed: Bed,
    target: &'static Cluster,
    watch: Watch,
    clients: Clients,
    outsider: Outsider,
    said: Vec<Said>,
    past: Past,
    killed: BTreeMap<String, usize>,
    round: usize,
    /// The latest random kill after a start.
    latest: Option<Duration>,
    /// Whether its place is of no more use.
    spent: bool,
}

impl Lane {
    pub(crate) async fn start(store: Store, target: &'static Cluster) -> Self {
        let mut bed = Bed::new(store, &[("db", target.port())]).await;
        bed.place.sides = true;
        // Every start makes its connections, and prepares its statements on each.
        bed.place.database = bed.place.database.replace("&connections=6", "&connections=3");
        let watch = Watch::start(target, &bed.place).await;
        let outsider = Outsider::connect(&bed.place.database).await;
        let clients = Clients::new(target.port());
        Self {
            bed,
            target,
            watch,
            clients,
            outsider,
            said: Vec::new(),
            past: Past::default(),
            killed: BTreeMap::new(),
            round: 0,
            latest: None,
            spent: false,
        }
    }

    pub(crate) async fn live_through(&mut self, work: Work) {
        match work {
            Work::Points(points) => self.kill_at(&points).await,
            Work::Random(kills, tell) => self.kill_at_random(kills, &tell).await,
            Work::Beside(kills, tell) => self.kill_beside_another(kills, &tell).await,
        }
    }

    /// Kills one server after the other at these hits of points, and then checks.
    async fn kill_at(&mut self, points: &[(&'static str, u32)]) {
        for (point, hit) in points {
            self.kill_at_hit(point, *hit).await;
        }
        self.recover(&format!("{points:?}")).await;
    }

    async fn kill_at_hit(&mut self, point: &'static str, hit: u32) {
        self.round += 1;
        let scene = Scene::at(point);
        scene.habit().prepare(self.target).await;
        self.clients.habit = scene.habit();
        self.spent |= scene == Scene::FirstStart;
        if scene == Scene::Side(Side::Operator) {
            self.new_master_key().await;
        }
        let log = self.bed.place.data.join(format!("points-{}", self.round));
        let wanted = format!("{point}:{hit}");
        let mut server = server(
            &self.bed.place,
            &[("HALLPASS_FAILPOINT", &wanted), ("HALLPASS_FAILPOINT_LOG", &log.display().to_string())],
        );
        let work = scene.tell();
        while let Some(said) = server.line().await {
            self.hear(&mut server, said, &work).await;
        }
        server.killed(&wanted).await;
        self.clients.make_room();
        let points = std::fs::read_to_string(&log).unwrap_or_default();
        let hits = points.lines().filter(|name| *name == point).count();
        assert!(hits >= hit as usize, "{wanted}: {hits} hits");
        *self.killed.entry(point.to_owned()).or_default() += 1;
    }

    /// Kills the server several times, at instants that nobody chose, and then checks.
    async fn kill_at_random(&mut self, kills: usize, tell: &Tell) {
        let mut instants = Vec::new();
        for _ in 0..kills {
            let after = self.random_instant().await;
            instants.push(after.as_millis());
            let mut server = server(&self.bed.place, &[]);
            let over = tokio::time::Instant::now() + after;
            while let Ok(said) = tokio::time::timeout_at(over, server.line()).await {
                let Some(said) = said else { panic!("the server ended by itself:\n{}", server.log()) };
                self.hear(&mut server, said, tell).await;
            }
            server.kill().await;
            self.said.extend(server.unheard::<Said>());
        }
        *self.killed.entry("at random".to_owned()).or_default() += kills;
        self.recover(&format!("random instants {instants:?} ms")).await;
    }

    /// An instant after a start, by which a login may have been handed out.
    async fn random_instant(&mut self) -> Duration {
        let latest = match self.latest {
            Some(latest) => latest,
            None => (self.until_a_login().await * 2).max(LATEST),
        };
        self.latest = Some(latest);
        self.round += 1;
        let part = f64::from(u32::from_le_bytes(random_bytes().expect("randomness"))) / f64::from(u32::MAX);
        latest.mul_f64(part)
    }

    /// A new master key before the others, which open what is sealed until it is sealed again.
    async fn new_master_key(&mut self) {
        let key = self.bed.place.data.join("master.key");
        if !key.exists() {
            let mut server = server(&self.bed.place, &[]);
            self.past.ready(&server.line().await.expect("a first start"));
            server.kill().await;
        }
        sealing::add_to_file(&key).expect("a new key before the old one");
    }

    /// How long a server takes from its start until it hands out a login; then it is killed.
    async fn until_a_login(&mut self) -> Duration {
        self.round += 1;
        let begun = tokio::time::Instant::now();
        let mut server = server(&self.bed.place, &[]);
        let mut login = false;
        while !login {
            let Some(said) = server.line().await else {
                panic!("the server ended by itself:\n{}", server.log())
            };
            login = matches!(said, Said::Login { .. });
            self.hear(&mut server, said, &USUAL).await;
        }
        let took = begun.elapsed();
        server.kill().await;
        self.said.extend(server.unheard::<Said>());
        took
    }

    async fn hear(&mut self, server: &mut Process, said: Said, work: &Tell) {
        match &said {
            Said::Ready { instance, .. } => {
                self.watch.instance(instance);
                self.past.ready(&said);
                server.tell(work).await;
            }
            Said::Login { name, password, .. } => self.clients.open(name, password),
            Said::Refused { code, .. } => {
                let full = self.clients.habit == Habit::Fills && code == "target_refused";
                let beside = self.bed.place.replicated && BESIDE.contains(&code.as_str());
                let ordinary = full || beside || ORDINARY.contains(&code.as_str());
                assert!(ordinary, "{said:?}:\n{}", server.log())
            }
            _ => {}
        }
        self.said.push(said);
    }

    /// Starts the server without the fail point, waits until all that is due is over, and checks every promise.
    async fn recover(&mut self, after: &str) {
        let mut server = server(&self.bed.place, &[]);
        let Some(ready) = server.line::<Said>().await else {
            panic!("after {after} the server did not start:\n{}", server.log())
        };
        let Said::Ready { instance, .. } = &ready else {
            panic!("after {after}: {ready:?}\n{}", server.log())
        };
        self.watch.instance(instance);
        self.past.ready(&ready);
        self.end_what_lasts(&mut server).await;
        drained(after, &server, &mut self.outsider, &self.bed.place).await;
        assert!(!server.has_ended(), "after {after} the server ended:\n{}", server.log());
        self.put_back_what_others_did(instance).await;
        self.nothing_is_left(after, instance).await;
        self.people_have_what_is_told(after).await;
        server.kill().await;
        let unrecorded = self.watch.violations();
        assert!(
            unrecorded.is_empty(),
            "after {after}: accounts without a row committed before: {unrecorded:?}"
        );
        check(after, &self.bed.place, &self.said, &self.watch.seen(), &mut self.past).await;
        self.said.clear();
    }

    /// Whether its history is long enough: each check reads all of it.
    pub(crate) fn is_long(&self) -> bool {
        self.spent || self.past.grants() > LONG || self.round > KILLED
    }

    /// What it saw.
    pub(crate) fn finish(self) -> Lived {
        eprintln!(
            "{} kills, {}, {} sessions",
            self.killed.values().sum::<usize>(),
            self.past.summary(),
            self.clients.entered()
        );
        Lived { killed: self.killed, entered: self.clients.entered() }
    }
}
