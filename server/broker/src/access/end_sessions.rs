//! Sessions end: signing out, one of them, all the others.
use hallpass_domain::account::Session;
use hallpass_domain::ids::{SessionId, UserId};
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::Transition;
use serde_json::json;

use super::open_session::ended;
use super::sign_in_first;
use crate::broker::{Broker, Decided, unreadable};
use crate::caller::HumanCaller;
use crate::events::event;

impl Broker {
    /// Ends this session; ending it twice is the same as once.
    ///
    /// # Errors
    /// `Unavailable` where the store cannot be written: the session then still works, and the page must say so.
    pub async fn sign_out(&self, session: &Session) -> Result<(), Refusal> {
        let now = self.now();
        self.commit_deciding(|| async {
            let found = self.store.session_by_hash(&session.hash).await.map_err(unreadable)?;
            let Some(session) = found.filter(|s| s.ended_at.is_none()) else {
                return Ok(Decided::Answer(()));
            };
            let mut transition = Transition::new(now).with(ended(&session, now));
            if let Some(user) = session.user_id {
                transition = transition.event(session_ended(now, user, session.id, "signed_out"));
            }
            Ok(Decided::Commit(transition, ()))
        })
        .await
    }

    /// Ends one of the caller's sessions. Somebody else's is not found.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn end_session(&self, caller: &HumanCaller, id: SessionId) -> Result<(), Refusal> {
        let now = self.now();
        self.commit_deciding(|| async {
            let sessions = self.store.sessions_of(caller.user, now).await.map_err(unreadable)?;
            let session =
                sessions.iter().find(|s| s.id == id).ok_or_else(|| Refusal::not_found("session"))?;
            let transition = Transition::new(now).with(ended(session, now)).event(session_ended(
                now,
                caller.user,
                id,
                "ended_by_owner",
            ));
            Ok(Decided::Commit(transition, ()))
        })
        .await
    }

    /// Ends all the caller's sessions except the one that asks, and revokes their command lines; how many went.
    ///
    /// # Errors
    /// `Unproven` from a command line: there is no session to keep.
    pub async fn end_all_other_sessions(&self, caller: &HumanCaller) -> Result<usize, Refusal> {
        let now = self.now();
        let kept = caller.session.ok_or_else(sign_in_first)?;
        self.commit_deciding(|| async {
            let (transition, sessions) =
                self.end_others(Transition::new(now), caller.user, Some(kept), now).await?;
            let (transition, tokens) = self.revoke_tokens_of(transition, caller.user, now).await?;
            let gone = sessions.len() + tokens.len();
            if gone == 0 {
                return Ok(Decided::Answer(0));
            }
            let all = event(
                now,
                "session.others_ended",
                Principal::User(caller.user).to_string(),
                &[("user", caller.user.to_string()), ("session", kept.to_string())],
                json!({ "ended_sessions": sessions, "revoked_api_tokens": tokens }),
                json!({}),
            );
            Ok(Decided::Commit(transition.event(all), gone))
        })
        .await
    }
}

fn session_ended(
    now: hallpass_domain::Timestamp,
    user: UserId,
    session: SessionId,
    how: &str,
) -> hallpass_domain::audit::event::Event {
    let subjects = [("user", user.to_string()), ("session", session.to_string())];
    event(
        now,
        "session.ended",
        Principal::User(user).to_string(),
        &subjects,
        json!({ "how": how }),
        json!({}),
    )
}
