//! New sessions. Each has a cookie of its own: the id changes at sign-in, second factor and password change, so that a
//! cookie planted before is worth nothing after (OWASP ASVS v5.0.0-7.2.4).
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Account, Session, Strength};
use hallpass_domain::ids::{SessionId, UserId};
use hallpass_domain::principal::User;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::secret::{SecretHash, new_secret};
use hallpass_domain::text::clean_line;
use hallpass_domain::transition::{Change, Transition};
use secrecy::{ExposeSecret, SecretString};

use super::throttle::Bucket;
use super::visitor::is_open;
use super::{Browser, csrf, next_path, no_randomness, session_over};
use crate::broker::{Broker, Decided, uncommitted, unreadable};
use crate::caller::Origin;

/// Life of a session before anybody signed in, seconds: how long a sign-in page may stay open.
const ANONYMOUS_SECONDS: i64 = 4 * 3_600;
/// Life of a session that waits for the second factor, seconds.
pub(super) const HALFWAY_SECONDS: i64 = 600;
const MAX_AGENT: usize = 200;

/// A session that was just made, with what the browser gets of it.
pub struct NewSession {
    /// Value of the session cookie: shown here and never again.
    pub cookie: SecretString,
    /// CSRF token of its pages.
    pub csrf: String,
    /// The row.
    pub session: Session,
}

/// Keeps cookie and token out of logs.
impl std::fmt::Debug for NewSession {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewSession").field("session", &self.session.id).finish_non_exhaustive()
    }
}

impl NewSession {
    /// A session of `user` (or nobody yet), not committed. It lives for `seconds`.
    ///
    /// # Errors
    /// `Unavailable` without randomness.
    pub fn prepare(
        now: Timestamp,
        user: Option<UserId>,
        strength: Strength,
        seconds: i64,
        agent: &str,
        origin: &Origin,
    ) -> Result<Self, Refusal> {
        let (cookie, hash) = new_secret("hps").map_err(no_randomness)?;
        let csrf = csrf::token_for(cookie.expose_secret());
        let session = Session {
            id: SessionId::new(now),
            hash,
            user_id: user,
            strength,
            csrf: SecretHash::of(&csrf).hex(),
            next: None,
            agent: clean_line(agent).chars().take(MAX_AGENT).collect(),
            network: origin.network(),
            created_at: now,
            seen_at: now,
            expires_at: now + Duration::seconds(seconds),
            ended_at: None,
            device_tries: 0,
            version: 1,
        };
        Ok(Self { cookie, csrf, session })
    }

    /// Takes the place of `old`: signed in since when `old` was, and not for longer.
    pub(super) fn in_place_of(mut self, old: &Session) -> Self {
        self.session.created_at = old.created_at;
        self.session.expires_at = old.expires_at;
        self.session.device_tries = old.device_tries;
        self
    }
}

/// Somebody signed in who changes something of their own account: everything as it stands now.
pub(super) struct Held {
    pub(super) session: Session,
    pub(super) user: User,
    pub(super) account: Account,
}

/// `session`, ended.
pub(super) fn ended(session: &Session, now: Timestamp) -> Change {
    let mut session = session.clone();
    session.ended_at = Some(now);
    session.version += 1;
    Change::Session(Box::new(session))
}

impl Broker {
    /// Begins a session for a browser that has none and sent a form: at a sign-in, or where `next` is to be kept with what
    /// was typed. Nobody is in it and it allows nothing, so it leaves no event. Never for a GET, which writes nothing.
    ///
    /// # Errors
    /// `Throttled` for a network that begins hundreds; `Unavailable` where the store cannot be written.
    pub async fn open_anonymous_session(
        &self,
        next: Option<&str>,
        agent: &str,
        origin: &Origin,
    ) -> Result<NewSession, Refusal> {
        let now = self.now();
        let _spent =
            self.access.throttle.take(&[Bucket::AnonymousSession { network: &origin.network() }], now)?;
        let mut opened =
            NewSession::prepare(now, None, Strength::Password, ANONYMOUS_SECONDS, agent, origin)?;
        opened.session.next = next.and_then(next_path);
        self.commit(Transition::new(now).with(Change::Session(Box::new(opened.session.clone()))))
            .await
            .map_err(uncommitted)?;
        Ok(opened)
    }

    /// Keeps the local path to go on to after sign-in; anything else is dropped (see [`next_path`]). Without an event,
    /// as [`Self::open_anonymous_session`].
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be written.
    pub async fn remember_next(&self, session: &Session, next: &str) -> Result<(), Refusal> {
        let now = self.now();
        self.commit_deciding(|| async {
            let mut session = self.still_open(session, now).await?;
            let next = next_path(next);
            if session.next == next {
                return Ok(Decided::Answer(()));
            }
            session.next = next;
            session.version += 1;
            Ok(Decided::Commit(Transition::new(now).with(Change::Session(Box::new(session))), ()))
        })
        .await
    }

    /// The session as it stands now, if it is still open.
    pub(super) async fn still_open(&self, session: &Session, now: Timestamp) -> Result<Session, Refusal> {
        let found = self.store.session_by_hash(&session.hash).await.map_err(unreadable)?;
        found.filter(|s| is_open(s, self.settings.session_idle_seconds, now)).ok_or_else(session_over)
    }

    /// The session, person and account as they stand now, if the person is still signed in and enabled.
    pub(super) async fn held(&self, from: Browser<'_>, now: Timestamp) -> Result<Held, Refusal> {
        let session = self.still_open(from.session, now).await?;
        let id =
            session.user_id.filter(|_| session.strength >= Strength::Session).ok_or_else(session_over)?;
        let user = self
            .catalogue()
            .await?
            .users
            .get(&id)
            .filter(|u| !u.disabled)
            .cloned()
            .ok_or_else(session_over)?;
        let account = self.store.account(id).await.map_err(unreadable)?.ok_or_else(session_over)?;
        Ok(Held { session, user, account })
    }

    /// Ends every session of a person except `kept`: what changed is in the transition, the ids for its event.
    pub(super) async fn end_others(
        &self,
        transition: Transition,
        user: UserId,
        kept: Option<SessionId>,
        now: Timestamp,
    ) -> Result<(Transition, Vec<String>), Refusal> {
        let others: Vec<Session> = self.store.sessions_of(user, now).await.map_err(unreadable)?;
        let others: Vec<Session> = others.into_iter().filter(|s| Some(s.id) != kept).collect();
        let ids = others.iter().map(|s| s.id.to_string()).collect();
        Ok((others.iter().fold(transition, |t, session| t.with(ended(session, now))), ids))
    }
}

/// The account with its version moved: what rests on it cannot pass another change of it.
pub(super) fn moved(account: &Account) -> Account {
    let mut account = account.clone();
    account.version += 1;
    account
}
