//! The broker: the parts that every use case needs, and commit with its retry.
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::grant::Grant;
use hallpass_domain::ids::RoleId;
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;
use hallpass_domain::ports::clock::{Clock, Trust};
use hallpass_domain::ports::journal::Journal;
use hallpass_domain::ports::kept::Kept;
use hallpass_domain::ports::notifier::{MailRenderer, Notifier};
use hallpass_domain::ports::sealer::Sealer;
use hallpass_domain::ports::store::{CommitError, ReadError, Store};
use hallpass_domain::ports::target::Targets;
use hallpass_domain::ports::token_signer::TokenSigner;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::Transition;

use crate::access::Access;
use crate::credentials::token_cache::TokenCache;
use crate::health::Health;
use crate::known::{IssuedTokens, KnownCatalogue, KnownGrants};
use crate::nudge::Nudges;
use crate::reconcile::reports::Reports;
use crate::restored::{ObservedTargets, Observing};

/// Settings that rules and use cases need.
#[derive(Clone, Debug)]
pub struct Settings {
    /// External base URL without a trailing slash (`https://access.example.org`); the issuer (RFC 8414).
    pub base_url: String,
    /// Name of this installation in account names at targets: 4 to 8 of `[a-z0-9]`, fixed at first start.
    pub instance: String,
    /// Name of this process among replicas, unique per start.
    pub worker: String,
    /// Path to a passwords file is never here: secrets stay in the parts that use them.
    pub session_seconds: i64,
    /// A session unused for so long is over.
    pub session_idle_seconds: i64,
    /// Life of an API token from the device flow, seconds.
    pub api_token_seconds: i64,
    /// The operator says that several servers share the database: revocations wait for the others even while none is
    /// heard. Others that are heard are waited for without it.
    pub replicated: bool,
}

/// What the broker is made of; filled by the composition root.
pub struct Parts {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Encryption at rest.
    pub sealer: Arc<dyn Sealer>,
    /// Token signatures.
    pub signer: Arc<dyn TokenSigner>,
    /// The way to targets.
    pub targets: Arc<dyn Targets>,
    /// The way to people.
    pub notifier: Arc<dyn Notifier>,
    /// Turns stored mails into text and HTML.
    pub renderer: Arc<dyn MailRenderer>,
    /// Signs checkpoints of the audit log.
    pub log_signer: Arc<crate::reconcile::seal_audit::LogSigner>,
    /// Places that hold checkpoints.
    pub checkpoint_sinks: Vec<Arc<dyn CheckpointSink>>,
    /// Where removals are noted while the store cannot be written.
    pub journal: Option<Arc<dyn Journal>>,
    /// Where the window is kept for a start without the store.
    pub kept: Option<Arc<dyn Kept>>,
    /// Settings.
    pub settings: Settings,
}

/// The broker.
pub struct Broker {
    /// The store.
    pub store: Arc<dyn Store>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Encryption at rest.
    pub sealer: Arc<dyn Sealer>,
    /// Token signatures.
    pub signer: Arc<dyn TokenSigner>,
    /// The way to targets.
    pub targets: Arc<dyn Targets>,
    /// The way to people.
    pub notifier: Arc<dyn Notifier>,
    /// Mail texts.
    pub renderer: Arc<dyn MailRenderer>,
    /// Signs checkpoints.
    pub log_signer: Arc<crate::reconcile::seal_audit::LogSigner>,
    /// Places that hold checkpoints.
    pub checkpoint_sinks: Vec<Arc<dyn CheckpointSink>>,
    /// Settings.
    pub settings: Settings,
    /// Tokens as introspection sees them.
    pub tokens: TokenCache,
    /// The catalogue as [`Self::catalogue_known`] last read it.
    known: KnownCatalogue,
    /// Grants as [`Self::usable_grant_known`] last read them.
    known_grants: KnownGrants,
    /// Tokens that were issued here lately.
    pub(crate) issued_tokens: IssuedTokens,
    /// Wakes reconcilers.
    pub nudges: Nudges,
    /// What the reconcilers did last.
    pub reports: Reports,
    /// Sessions of logins that somebody looks at.
    pub session_counts: crate::reconcile::count_sessions::SessionCounts,
    /// When targets were compared with our records.
    pub comparisons: crate::reconcile::comparisons::Comparisons,
    /// Password pool, throttles.
    pub access: Access,
    /// Whether the store can be written: while it cannot, nothing is issued and tokens answer inactive.
    pub health: Health,
    /// Where removals are noted while the store cannot be written.
    pub journal: Option<Arc<dyn Journal>>,
    /// Where the window is kept for a start without the store.
    pub kept: Option<Arc<dyn Kept>>,
    /// The journal holds lines that are to be recorded before anything else of removals.
    pub(crate) journal_waits: AtomicBool,
    /// How far they are.
    pub(crate) journal_progress: tokio::sync::Mutex<crate::reconcile::journal::Progress>,
    /// What was told of a clock that cannot be trusted.
    pub clock_watch: crate::reconcile::watch_clock::ClockWatch,
    /// How far the audit log is behind.
    pub audit_watch: crate::reconcile::watch_audit::AuditWatch,
    /// Targets that are down.
    pub breakers: crate::reconcile::breaker::Breakers,
    /// What is due soon, for when the store cannot be written.
    pub window: crate::reconcile::window::Window,
    /// Whether this is a restored backup that no operator has confirmed: then targets are only looked at.
    pub restored: Arc<Observing>,
}

/// How often a decision is taken again after a conflict before the caller is told.
const TRIES: usize = 5;

/// A decision that must be taken again, or the end of it.
#[expect(clippy::large_enum_variant, reason = "made once a decision and moved at once into its commit")]
pub enum Decided<T> {
    /// Commit this and answer `T`.
    Commit(Transition, T),
    /// Nothing to change: answer `T`.
    Answer(T),
}

impl Broker {
    /// Puts the parts together.
    pub fn new(parts: Parts) -> Self {
        let restored = Arc::new(Observing::default());
        Self {
            store: parts.store,
            clock: parts.clock,
            sealer: parts.sealer,
            signer: parts.signer,
            targets: Arc::new(ObservedTargets { inner: parts.targets, observing: Arc::clone(&restored) }),
            notifier: parts.notifier,
            renderer: parts.renderer,
            log_signer: parts.log_signer,
            checkpoint_sinks: parts.checkpoint_sinks,
            settings: parts.settings,
            tokens: TokenCache::new(),
            known: KnownCatalogue::default(),
            known_grants: KnownGrants::default(),
            issued_tokens: IssuedTokens::default(),
            nudges: Nudges::new(),
            reports: Reports::new(),
            session_counts: crate::reconcile::count_sessions::SessionCounts::default(),
            comparisons: crate::reconcile::comparisons::Comparisons::default(),
            access: Access::new(),
            health: Health::new(),
            // Until it was looked at it may hold lines of a server that died.
            journal_waits: AtomicBool::new(parts.journal.is_some()),
            journal_progress: tokio::sync::Mutex::default(),
            journal: parts.journal,
            kept: parts.kept,
            clock_watch: crate::reconcile::watch_clock::ClockWatch::default(),
            audit_watch: crate::reconcile::watch_audit::AuditWatch::default(),
            breakers: crate::reconcile::breaker::Breakers::new(),
            window: crate::reconcile::window::Window::new(),
            restored,
        }
    }

    /// Now.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// The catalogue as committed.
    pub async fn catalogue(&self) -> Result<Arc<Catalogue>, Refusal> {
        self.store.catalogue().await.map_err(unreadable)
    }

    /// The catalogue from memory, as new as what introspection answers from: a change made here is seen at once, one made
    /// on another server before whoever made it is answered.
    pub async fn catalogue_known(&self) -> Result<Arc<Catalogue>, Refusal> {
        if let Some(known) = self.known.at(self.tokens.resets()).filter(|_| self.tokens.is_fresh()) {
            return Ok(known);
        }
        self.catalogue_anew().await
    }

    /// The catalogue as committed, from now on the one that is known.
    async fn catalogue_anew(&self) -> Result<Arc<Catalogue>, Refusal> {
        let resets = self.tokens.resets();
        let read = self.catalogue().await?;
        self.known.keep(resets, &read);
        Ok(read)
    }

    /// The grant under which `principal` may be issued something of `role` now, from memory where no grant has moved since it
    /// was read. What is issued rests on its version, so that one which did move is read again.
    ///
    /// # Errors
    /// `Unavailable` where it cannot be read.
    pub async fn usable_grant_known(
        &self,
        principal: Principal,
        role: RoleId,
    ) -> Result<Option<Grant>, Refusal> {
        let moved = self.tokens.moved_grants();
        if let Some(known) = self.known_grants.at(moved, principal, role)
            && known.allows_at(self.now())
            && self.tokens.is_fresh()
        {
            return Ok(Some(known));
        }
        let read = self.usable_grant(principal, role).await?;
        if let Some(grant) = &read {
            self.known_grants.keep(moved, grant);
        }
        Ok(read)
    }

    /// Refuses while the clock may not be trusted for issuing, the store cannot be written or the audit log cannot be sealed
    /// (fail closed), or a restored backup waits for an operator.
    ///
    /// # Errors
    /// `Unavailable` `restored`, `audit_unavailable`, `store_unavailable`, `clock_skew`.
    pub fn may_issue(&self) -> Result<(), Refusal> {
        if self.restored.is_on() {
            return Err(Refusal::unavailable(
                "restored",
                "Hallpass runs on a restored backup, and nothing is issued until an operator has confirmed that. The administrators know of it.",
            ));
        }
        self.may_sign_in()?;
        if self.audit_watch.stops_issuing() {
            return Err(Refusal::unavailable(
                "audit_unavailable",
                "The audit log cannot be sealed right now, so nothing is issued. Access that ends still ends. Try again in a moment; the administrators are told.",
            ));
        }
        Ok(())
    }

    /// As [`Self::may_issue`], but not for a restored backup or an audit log that is not sealed: people sign in to put it
    /// right, with a browser or with the command. What they get opens Hallpass alone.
    ///
    /// # Errors
    /// `Unavailable` `store_unavailable`, `clock_skew`.
    pub fn may_sign_in(&self) -> Result<(), Refusal> {
        if !self.health.is_writable() {
            return Err(Refusal::unavailable(
                "store_unavailable",
                "The database cannot be written right now, so nothing is issued. Try again in a moment.",
            ));
        }
        match self.clock.trust() {
            Trust::Good => Ok(()),
            Trust::HoldBulk => Err(Refusal::unavailable(
                "clock_skew",
                "The server's clock has just jumped, and nothing is issued until that is confirmed (a minute at most). Try again then.",
            )),
            Trust::NoIssuing => Err(Refusal::unavailable(
                "clock_skew",
                "The server's clock differs from its database's by more than 30 s, so nothing is issued until that is mended. Access that ends still ends.",
            )),
        }
    }

    /// Returns once no other live server answers from a memory older than now: at once where this server is alone.
    pub async fn wait_for_replicas(&self) {
        self.tokens.wait_for_replicas(self.settings.replicated || self.store.has_company()).await;
    }

    /// Decide → commit, deciding again after a conflict, a few times; then the caller gets the conflict.
    /// `decide` loads what it needs and answers what to commit.
    pub async fn commit_deciding<T, Fut>(&self, decide: impl Fn() -> Fut) -> Result<T, Refusal>
    where
        Fut: Future<Output = Result<Decided<T>, Refusal>>,
    {
        let mut last = String::new();
        for _ in 0..TRIES {
            match decide().await? {
                Decided::Answer(answer) => return Ok(answer),
                Decided::Commit(transition, answer) => match self.commit(transition).await {
                    Ok(()) => return Ok(answer),
                    Err(CommitError::Conflict(what)) => {
                        last = what;
                        // What moved may be the catalogue, or a grant, that the decision knew.
                        self.known_grants.clear();
                        let _ = self.catalogue_anew().await?;
                    }
                    Err(other) => return Err(uncommitted(other)),
                },
            }
        }
        Err(uncommitted(CommitError::Conflict(last)))
    }

    /// Commits, makes introspection forget what changed, and wakes whoever acts on it.
    pub async fn commit(&self, transition: Transition) -> Result<(), CommitError> {
        let wake = crate::nudge::wakes(&transition);
        let stale = crate::credentials::token_cache::Stale::of(&transition);
        let credentials = crate::reconcile::window::credentials_of(&transition);
        let done = self.store.commit(transition).await;
        // Also after an error: a commit whose answer was lost may have happened.
        self.tokens.forget(&stale);
        match &done {
            Ok(()) => {
                self.health.written();
                self.window.note(&credentials, self.now());
            }
            Err(CommitError::Unavailable(_)) => self.health.failed(),
            Err(_) => {}
        }
        if done.is_ok() {
            self.nudges.wake(wake);
        }
        done
    }
}

/// A read error as a refusal.
pub fn unreadable(error: ReadError) -> Refusal {
    tracing::error!(%error, "store read failed");
    Refusal::unavailable(
        "store_unavailable",
        "The database cannot be read right now. Nothing was changed; try again in a moment.",
    )
}

/// A commit error as a refusal.
pub fn uncommitted(error: CommitError) -> Refusal {
    match error {
        CommitError::Conflict(what) => {
            tracing::info!(what, "conflict");
            Refusal::conflict(
                "conflict",
                "Somebody else changed this at the same moment. Look at it again and repeat what you meant to do.",
            )
        }
        CommitError::Refused(what) => {
            tracing::error!(what, "the database refused a change");
            Refusal::conflict(
                "refused_by_store",
                "The database refused this change, so nothing was changed. Look at it again.",
            )
        }
        CommitError::Unavailable(what) => {
            tracing::error!(what, "store cannot be written");
            Refusal::unavailable(
                "store_unavailable",
                "The database cannot be written right now, so nothing was changed. Try again in a moment.",
            )
        }
    }
}
