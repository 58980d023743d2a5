//! What was committed, told to whoever keeps something in memory: this process at once, others by NOTIFY.
//! Correctness never depends on a notice: it only makes others look sooner.
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use hallpass_domain::ids::{GrantId, TokenId};
use hallpass_domain::transition::{Change, Rested, Transition};
use tokio::sync::{broadcast, mpsc};
use uuid::Uuid;

use crate::db::particular::CHANNEL;
use crate::db::postgres::Server;

/// How often the listener sends itself a sign of life.
const HEARTBEAT: Duration = Duration::from_millis(300);
/// A server that was not heard for so long is taken for gone: ten signs of life.
const COMPANY: Duration = Duration::from_secs(3);
/// PostgreSQL refuses payloads of 8000 bytes and more.
const PAYLOAD: usize = 7_000;

/// Something that happened in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreNotice {
    /// A commit, of this process or of another server.
    Committed(Arc<Committed>),
    /// The listener was away: notices may be missing, so what is in memory must be read again.
    Missed,
}

/// What a commit touched.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Committed {
    /// By this process. Local notices are sent before the commit is answered.
    pub local: bool,
    /// Grants that are new, changed or rested on.
    pub grants: Vec<GrantId>,
    /// Tokens that were revoked; new ones are not told.
    pub tokens: Vec<TokenId>,
    /// Requests changed.
    pub requests: bool,
    /// Credentials changed.
    pub credentials: bool,
    /// Mails were queued.
    pub mails: bool,
    /// People or the catalogue changed.
    pub catalogue: bool,
    /// Events wait for a seal.
    pub events: bool,
}

impl Committed {
    /// Adds what a transition touches.
    pub(crate) fn add(&mut self, transition: &Transition) {
        for change in &transition.changes {
            match change {
                Change::Grant(n) => self.grants.push(n.id),
                Change::RevokeToken { id, .. } => self.tokens.push(*id),
                Change::Request(_) | Change::Decision(_) => self.requests = true,
                Change::Credential(_) => self.credentials = true,
                Change::Mail(n) if n.version == 1 => self.mails = true,
                Change::User(_) | Change::Catalogue(_) | Change::Client(_) | Change::EndBearers { .. } => {
                    self.catalogue = true;
                }
                _ => {}
            }
        }
        for rested in &transition.rested {
            if let Rested::Grant(id, _) = rested {
                self.grants.push(*id);
            }
        }
        self.events |= !transition.events.is_empty();
    }

    /// Sorts and removes repeats.
    pub(crate) fn settle(&mut self) {
        self.grants =
            std::mem::take(&mut self.grants).into_iter().collect::<BTreeSet<_>>().into_iter().collect();
        self.tokens =
            std::mem::take(&mut self.tokens).into_iter().collect::<BTreeSet<_>>().into_iter().collect();
    }

    /// As payloads below PostgreSQL's limit: `<origin> [rcmke]* g:<id>* t:<id>*`.
    pub(crate) fn payloads(&self, origin: &str) -> Vec<String> {
        let flags = [
            (self.requests, "r"),
            (self.credentials, "c"),
            (self.mails, "m"),
            (self.catalogue, "k"),
            (self.events, "e"),
        ];
        let words = flags.into_iter().filter(|(set, _)| *set).map(|(_, word)| word.to_owned());
        let grants = self.grants.iter().map(|id| format!("g:{}", id.0.simple()));
        let tokens = self.tokens.iter().map(|id| format!("t:{}", id.0.simple()));
        let mut out: Vec<String> = Vec::new();
        for word in words.chain(grants).chain(tokens) {
            match out.last_mut().filter(|payload| payload.len() + word.len() < PAYLOAD) {
                Some(payload) => {
                    payload.push(' ');
                    payload.push_str(&word);
                }
                None => out.push(format!("{origin} {word}")),
            }
        }
        out
    }

    /// Reads a payload of another server. Words that this version does not know are passed over.
    fn read(words: &str) -> Self {
        let mut read = Self::default();
        for word in words.split(' ') {
            match word.split_once(':') {
                Some(("g", id)) => read.grants.extend(Uuid::parse_str(id).ok().map(GrantId)),
                Some(("t", id)) => read.tokens.extend(Uuid::parse_str(id).ok().map(TokenId)),
                _ => match word {
                    "r" => read.requests = true,
                    "c" => read.credentials = true,
                    "m" => read.mails = true,
                    "k" => read.catalogue = true,
                    "e" => read.events = true,
                    _ => {}
                },
            }
        }
        read
    }
}

/// Where notices go, and when the database's listener was last heard.
#[derive(Debug)]
pub(crate) struct Notices {
    /// Names this process to itself.
    pub(crate) origin: String,
    send: broadcast::Sender<StoreNotice>,
    began: Instant,
    /// Microseconds after `began`, plus one; zero before the first sign of life.
    heard: AtomicU64,
    /// As `heard`, of any other server.
    company: AtomicU64,
}

impl Notices {
    pub(crate) fn new() -> Arc<Self> {
        let (send, _) = broadcast::channel(1_024);
        let origin = Uuid::new_v4().simple().to_string();
        Arc::new(Self {
            origin,
            send,
            began: Instant::now(),
            heard: AtomicU64::new(0),
            company: AtomicU64::new(0),
        })
    }

    pub(crate) fn subscribe(&self) -> broadcast::Receiver<StoreNotice> {
        self.send.subscribe()
    }

    pub(crate) fn tell(&self, notice: StoreNotice) {
        drop(self.send.send(notice)); // nobody listening is fine
    }

    pub(crate) fn heard(&self) -> Option<Instant> {
        let micros = self.heard.load(Ordering::Acquire).checked_sub(1)?;
        self.began.checked_add(Duration::from_micros(micros))
    }

    /// Whether another server was heard lately, or may not have been heard because nothing was.
    pub(crate) fn has_company(&self) -> bool {
        let lately = |at: Instant| at.elapsed() < COMPANY;
        if !self.heard().is_some_and(lately) {
            return true;
        }
        let Some(micros) = self.company.load(Ordering::Acquire).checked_sub(1) else { return false };
        self.began.checked_add(Duration::from_micros(micros)).is_some_and(lately)
    }

    fn meet(&self) {
        let micros = u64::try_from(self.began.elapsed().as_micros()).unwrap_or(u64::MAX - 1);
        self.company.fetch_max(micros.saturating_add(1), Ordering::AcqRel);
    }

    fn hear(&self, sent: Instant) {
        let micros = u64::try_from(sent.duration_since(self.began).as_micros()).unwrap_or(u64::MAX - 1);
        self.heard.fetch_max(micros.saturating_add(1), Ordering::AcqRel);
    }

    /// Listens for as long as the store lives.
    pub(crate) async fn listen(self: Arc<Self>, server: Server) {
        let mut been_away = false;
        loop {
            if let Err(why) = self.listen_once(&server, &mut been_away).await {
                tracing::warn!(%why, "the database's listener is away; reads take its place");
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    }

    /// Listens until the connection is lost. Each sign of life carries a number: hearing it proves that everything
    /// committed before it was *sent* has been delivered.
    async fn listen_once(&self, server: &Server, been_away: &mut bool) -> Result<(), String> {
        let (send, mut payloads) = mpsc::unbounded_channel();
        let client = server.listen(send).await?;
        // Signs of life need not be durable.
        client
            .batch_execute(&format!("SET synchronous_commit = off; LISTEN {CHANNEL}"))
            .await
            .map_err(|e| e.to_string())?;
        if std::mem::replace(been_away, true) {
            self.tell(StoreNotice::Missed);
        }
        let mut beat = tokio::time::interval(HEARTBEAT);
        beat.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut sent: VecDeque<(u64, Instant)> = VecDeque::new();
        let mut number = 0_u64;
        loop {
            tokio::select! {
                payload = payloads.recv() => {
                    let payload = payload.ok_or("the connection was closed")?;
                    self.take(&payload, &mut sent);
                }
                _ = beat.tick() => {
                    number += 1;
                    sent.push_back((number, Instant::now()));
                    let sql = format!("NOTIFY {CHANNEL}, '{} h:{number}'", self.origin);
                    // A server that does not answer for so long is treated as gone.
                    tokio::time::timeout(HEARTBEAT * 10, client.batch_execute(&sql))
                        .await
                        .map_err(|_| "no answer in time".to_owned())?
                        .map_err(|e| e.to_string())?;
                }
            }
        }
    }

    fn take(&self, payload: &str, sent: &mut VecDeque<(u64, Instant)>) {
        let (origin, words) = payload.split_once(' ').unwrap_or((payload, ""));
        if origin != self.origin {
            self.meet();
        }
        match (origin == self.origin, words.strip_prefix("h:")) {
            (true, Some(number)) => {
                let number: u64 = number.parse().unwrap_or(0);
                while let Some((_, at)) = sent.pop_front_if(|(n, _)| *n <= number) {
                    self.hear(at);
                }
            }
            // Another server's sign of life, or our own commit, which was told when it was made.
            (false, Some(_)) | (true, None) => {}
            (false, None) => self.tell(StoreNotice::Committed(Arc::new(Committed::read(words)))),
        }
    }
}
