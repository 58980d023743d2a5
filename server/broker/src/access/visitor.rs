//! Whose session a cookie is, and how far they have come.
use chrono::Duration;
use hallpass_domain::Timestamp;
use hallpass_domain::account::{Session, Strength};
use hallpass_domain::principal::User;
use hallpass_domain::refusal::{Class, Refusal};
use hallpass_domain::secret::SecretHash;
use hallpass_domain::transition::{Change, Transition};

use super::{csrf, sign_in_first};
use crate::broker::{Broker, unreadable};
use crate::caller::{Caller, HumanCaller};

/// A sign-in younger than this many seconds is fresh: enough to allow a command line.
pub const FRESH_SECONDS: i64 = 300;
/// `seen_at` is moved at most this often, in seconds.
const SEEN_SECONDS: i64 = 60;

/// How far somebody has come.
#[derive(Clone, Debug, PartialEq)]
pub enum Standing {
    /// Nobody yet.
    Anonymous,
    /// Gave the right password, and must give the second factor now: no other page is for them.
    NeedsSecondFactor(User),
    /// Signed in.
    SignedIn(User),
}

/// Who looks: a live session and what it may.
#[derive(Clone)]
pub struct Visitor {
    /// The session.
    pub session: Session,
    /// The CSRF token that every form of its pages carries.
    pub csrf: String,
    /// How far they have come.
    pub standing: Standing,
}

/// Keeps the CSRF token out of logs.
impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitor")
            .field("session", &self.session.id)
            .field("strength", &self.session.strength)
            .finish_non_exhaustive()
    }
}

impl Visitor {
    /// The person, once signed in.
    pub fn user(&self) -> Option<&User> {
        match &self.standing {
            Standing::SignedIn(user) => Some(user),
            Standing::Anonymous | Standing::NeedsSecondFactor(_) => None,
        }
    }

    /// The caller of use cases.
    ///
    /// # Errors
    /// `Unproven` with `sign_in_needed` or `second_factor_needed`: the edge shows that page.
    pub fn human(&self) -> Result<HumanCaller, Refusal> {
        match &self.standing {
            Standing::Anonymous => Err(sign_in_first()),
            Standing::NeedsSecondFactor(_) => Err(Refusal::new(
                Class::Unproven,
                "second_factor_needed",
                "Finish signing in: give the code from your authenticator app.",
            )),
            Standing::SignedIn(user) => Ok(HumanCaller {
                user: user.id,
                duties: user.duties.iter().copied().collect(),
                session: Some(self.session.id),
                strength: self.session.strength,
            }),
        }
    }

    /// [`Self::human`] as a [`Caller`].
    ///
    /// # Errors
    /// As [`Self::human`].
    pub fn caller(&self) -> Result<Caller, Refusal> {
        self.human().map(Caller::Human)
    }

    /// Whether a form's CSRF token is this session's, in constant time.
    pub fn csrf_matches(&self, presented: &str) -> bool {
        csrf::matches(&self.csrf, presented)
    }

    /// Whether the sign-in is younger than [`FRESH_SECONDS`]. Using a session does not refresh it.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        is_fresh(&self.session, now)
    }

    /// Refuses a sign-in that is not fresh.
    pub(super) fn must_be_fresh(&self, now: Timestamp) -> Result<(), Refusal> {
        if self.is_fresh(now) {
            return Ok(());
        }
        Err(Refusal::new(
            Class::Unproven,
            "fresh_sign_in_needed",
            "For this you must have signed in within the last five minutes. Sign in again; you come back here.",
        ))
    }
}

fn is_fresh(session: &Session, now: Timestamp) -> bool {
    session.user_id.is_some() && now < session.created_at + Duration::seconds(FRESH_SECONDS)
}

/// Whether a session is neither ended, nor past its absolute end, nor idle for too long.
pub(super) fn is_open(session: &Session, idle_seconds: i64, now: Timestamp) -> bool {
    session.ended_at.is_none()
        && now < session.expires_at
        && now < session.seen_at + Duration::seconds(idle_seconds)
}

impl Broker {
    /// The visitor whose cookie this is; nobody where the session is unknown, ended, expired, idle for too long, or of
    /// a person who was disabled (OWASP ASVS v5.0.0-7.4.2). Moves `seen_at` at most once a minute, without an event:
    /// it says nothing but that the session is used.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be read.
    pub async fn session_for_cookie(&self, cookie: &str, now: Timestamp) -> Result<Option<Visitor>, Refusal> {
        let Some(mut visitor) = self.glance_at_session(cookie, now).await? else { return Ok(None) };
        visitor.session = self.seen(visitor.session, now).await;
        Ok(Some(visitor))
    }

    /// As [`Self::session_for_cookie`], without counting as use: a page that refreshes itself keeps nobody signed in.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be read.
    pub async fn glance_at_session(&self, cookie: &str, now: Timestamp) -> Result<Option<Visitor>, Refusal> {
        if !cookie.starts_with("hps_") || cookie.len() > 64 {
            return Ok(None);
        }
        let found = self.store.session_by_hash(&SecretHash::of(cookie)).await.map_err(unreadable)?;
        let Some(session) = found.filter(|s| is_open(s, self.settings.session_idle_seconds, now)) else {
            return Ok(None);
        };
        let standing = match session.user_id {
            None => Standing::Anonymous,
            Some(id) => match self.catalogue().await?.users.get(&id).filter(|u| !u.disabled) {
                None => return Ok(None),
                Some(user) if session.strength == Strength::Password => {
                    Standing::NeedsSecondFactor(user.clone())
                }
                Some(user) => Standing::SignedIn(user.clone()),
            },
        };
        Ok(Some(Visitor { session, csrf: csrf::token_for(cookie), standing }))
    }

    /// Notes that a session is used. This is the one write that a signed-in GET makes, and no break of "GET and HEAD change
    /// nothing": it decides nothing and gives nothing, and without it somebody who reads would be signed out in the middle of
    /// it. Who follows a mailed link without the cookie writes nothing. Once a minute: often enough for an end by idleness
    /// that is counted in many minutes, and no page costs a commit each time that it is opened. It has no event: that a session
    /// is used is no change of what anybody may do. That it could not be noted stops nobody: the session then ends sooner.
    async fn seen(&self, session: Session, now: Timestamp) -> Session {
        if now < session.seen_at + Duration::seconds(SEEN_SECONDS) {
            return session;
        }
        let mut moved = session.clone();
        moved.seen_at = now;
        moved.version += 1;
        match self.commit(Transition::new(now).with(Change::Session(Box::new(moved.clone())))).await {
            Ok(()) => moved,
            Err(error) => {
                tracing::debug!(%error, "use of a session was not noted");
                session
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hallpass_domain::ids::{SessionId, UserId};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_timestamp(1_800_000_000 + seconds, 0).unwrap()
    }
    const IDLE: i64 = 3_600;
    fn session() -> Session {
        Session {
            id: SessionId::new(at(0)),
            hash: SecretHash::of("hps_x"),
            user_id: Some(UserId::new(at(0))),
            strength: Strength::Session,
            csrf: String::new(),
            next: None,
            agent: String::new(),
            network: String::new(),
            created_at: at(0),
            seen_at: at(0),
            expires_at: at(36_000),
            ended_at: None,
            device_tries: 0,
            version: 1,
        }
    }

    #[test]
    fn a_session_ends_by_itself_when_idle_and_at_its_end() {
        let mut session = session();
        assert!(is_open(&session, IDLE, at(3_599)));
        assert!(!is_open(&session, IDLE, at(3_600)));
        session.seen_at = at(35_990);
        assert!(is_open(&session, IDLE, at(35_999)));
        assert!(!is_open(&session, IDLE, at(36_000)));
        session.ended_at = Some(at(10));
        assert!(!is_open(&session, IDLE, at(11)));
    }

    #[test]
    fn use_does_not_make_a_sign_in_fresh() {
        let mut session = session();
        session.seen_at = at(299);
        assert!(is_fresh(&session, at(299)));
        assert!(!is_fresh(&session, at(300)));
        session.user_id = None;
        assert!(!is_fresh(&session, at(1)));
    }
}
