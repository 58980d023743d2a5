//! A restored backup: a database that is behind what was published of it, or behind what stands at its targets.
//!
//! What it revoked since the backup it would give back, and what it issued since it does not know. So from the moment that
//! this is noticed every secret that opens by itself is dead, nothing is issued, and targets are only looked at, until an
//! operator confirms. The log goes on under a new origin, whose first event cites the checkpoint of the old one.
//!
//! `observed.rs` is the way to targets that lets nothing through meanwhile; `ahead.rs` asks the targets.
mod ahead;
mod confirm;
mod observed;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::mail::{Fact, Mail, MailKind, MailModel};
use hallpass_domain::principal::{Client, Duty, User};
use hallpass_domain::secret::{NoRandomness, SecretHash, random_bytes};
use hallpass_domain::transition::{Change, Transition};
use serde::{Deserialize, Serialize};
use serde_json::json;

pub use self::ahead::Ahead;
pub use self::confirm::Unknown;
pub(crate) use self::observed::ObservedTargets;
use crate::events::event;
use crate::mails::{mail, when_exactly};

/// Meta key of [`Restored`], as JSON; there while no operator has confirmed.
pub const RESTORED: &str = "restored";
/// Meta key of the time of the last restore that was noticed: accounts made before it are no news.
pub const LAST: &str = "restored.last";
/// Meta key of the verifier key of the log before: places outside hold its checkpoints until the first of the new log.
pub const BEFORE: &str = "log.previous";
/// The first event of a log that goes on under a new origin.
pub const EVENT: &str = "log.restored";

/// That this database is a restored one, and how that was noticed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restored {
    /// When it was noticed: every bearer secret issued before is dead.
    pub since: Timestamp,
    /// Where it shows: `file /var/log/hallpass/checkpoints.txt`, `target orders-db`.
    pub found_in: String,
    /// How, in a sentence.
    pub why: String,
    /// The log's origin before.
    pub origin_before: String,
    /// The key of that log: old proofs are checked with it.
    pub vkey_before: String,
    /// The log's origin from now on.
    pub origin: String,
    /// The newest checkpoint of the old log that was found outside, as a signed note.
    pub cited: Option<String>,
    /// Events that the cited checkpoint covers.
    pub cited_size: Option<u64>,
    /// Sealed events that this database has.
    pub size_here: u64,
    /// Clients that need a new secret.
    pub clients: Vec<String>,
}

/// Whether targets are only looked at. One for the broker and its way to targets.
#[derive(Debug, Default)]
pub struct Observing {
    waits: RwLock<Option<Arc<Restored>>>,
    /// One waits, or is being recorded just now.
    on: AtomicBool,
}

impl Observing {
    /// Takes up what is stored.
    pub fn set(&self, restored: Option<Restored>) {
        let mut waits = self.waits.write().unwrap_or_else(PoisonError::into_inner);
        self.on.store(restored.is_some(), Ordering::Release);
        *waits = restored.map(Arc::new);
    }

    /// A restore was noticed, and recording it may take a while: from here on nothing is let through, until what
    /// is stored is taken up.
    pub fn noticed(&self) {
        self.on.store(true, Ordering::Release);
    }

    /// The restore that waits for an operator.
    pub fn get(&self) -> Option<Arc<Restored>> {
        self.waits.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether one waits, or is being recorded.
    pub fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }
}

/// Named values as they are stored before: each is replaced only as it was read.
#[derive(Clone, Debug, Default)]
pub struct Stored {
    /// [`RESTORED`].
    pub restored: Option<String>,
    /// [`LAST`].
    pub last: Option<String>,
    /// [`BEFORE`].
    pub log_before: Option<String>,
    /// A first run's claim secret, which dies with the other bearers.
    pub claim: Option<String>,
}

/// What is committed when a restored backup is noticed. `keys` are the new log key, its origin and the new token keys.
///
/// # Errors
/// [`NoRandomness`]: then nothing may be committed.
pub fn entering(
    restored: &Restored,
    before: Stored,
    catalogue: &Catalogue,
    clients: &[Client],
    keys: Vec<Change>,
) -> Result<Transition, NoRandomness> {
    let now = restored.since;
    let value = serde_json::to_string(restored).ok();
    let mut transition = Transition::new(now)
        .with(Change::EndBearers { at: now })
        .with(Change::Meta { key: RESTORED.to_owned(), expected: before.restored, value })
        .with(Change::Meta { key: LAST.to_owned(), expected: before.last, value: Some(now.to_rfc3339()) });
    transition.changes.extend(keys);
    let value = Some(restored.vkey_before.clone());
    transition = transition.with(Change::Meta { key: BEFORE.to_owned(), expected: before.log_before, value });
    if before.claim.is_some() {
        let key = crate::access::FIRST_RUN_CLAIM.to_owned();
        transition = transition.with(Change::Meta { key, expected: before.claim, value: None });
    }
    for client in clients.iter().filter(|c| needs_a_secret(c)) {
        // A secret that nobody has: the client stays, and gets a new one from an administrator.
        let hash = SecretHash(random_bytes::<32>()?);
        let next = Client { secret_hash: Some(hash), version: client.version + 1, ..client.clone() };
        transition = transition.with(Change::Client(Box::new(next)));
    }
    Ok(transition
        .event(event(
            now,
            EVENT,
            "system:start",
            &[],
            json!({
                "origin": restored.origin, "origin_before": restored.origin_before, "vkey_before": restored.vkey_before,
                "checkpoint": restored.cited, "checkpoint_size": restored.cited_size, "size_here": restored.size_here,
            }),
            json!({ "found_in": restored.found_in, "why": restored.why }),
        ))
        .mails(overseers(catalogue).map(|user| told(restored, user))))
}

/// Whether a client has a secret that was issued.
pub fn needs_a_secret(client: &Client) -> bool {
    client.secret_hash.is_some_and(|hash| hash != crate::admin::NO_SECRET)
}

/// Enabled administrators and auditors.
pub(crate) fn overseers(catalogue: &Catalogue) -> impl Iterator<Item = &User> {
    let overseer = |u: &&User| u.duties.contains(&Duty::Administrator) || u.duties.contains(&Duty::Auditor);
    catalogue.users.values().filter(|u| !u.disabled).filter(overseer)
}

fn told(restored: &Restored, user: &User) -> Mail {
    let fact = |label: &str, value: String| Fact { label: label.to_owned(), value };
    let model = MailModel {
        subject: "Hallpass runs on a restored backup: nothing is issued or removed".to_owned(),
        headline: restored.why.clone(),
        facts: vec![
            fact("Noticed", when_exactly(restored.since, user.zone())),
            fact("Shown by", restored.found_in.clone()),
            fact("New log", restored.origin.clone()),
        ],
        quote: None,
        paragraphs: vec![
            "Everybody is signed out, every token and client secret is dead, and targets are only looked at: nothing is issued and nothing is removed there, also nothing that is due.".to_owned(),
            "An operator confirms on the server, with: hallpassd restored confirm. The operations page says what to look at before.".to_owned(),
        ],
        link: Some(("See what is known".to_owned(), "/reports".to_owned())),
        footer: "You get this because you administer or audit Hallpass.".to_owned(),
    };
    mail(restored.since, MailKind::OperatorNotice, user, (None, None), model)
}
