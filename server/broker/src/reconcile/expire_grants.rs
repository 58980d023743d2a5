//! Ends grants whose time is up, and finishes those of which nothing is left.
use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ports::clock::Trust;
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::{Broker, uncommitted, unreadable};
use crate::events::event;
use crate::grants::ending::ending;
use crate::mails;
use crate::queries::tokens::grant_accepted_until;

const BATCH: u32 = 500;
/// Tries to move a grant that others move, or whose credentials others move, at the same time.
const TRIES: usize = 3;
const ACTOR: &str = "system:expiry";

impl Broker {
    /// One batch of due grants to `ending`; all of which nothing is left to `ended`.
    pub async fn step_expire_grants(&self) -> Report {
        let now = self.now();
        if self.clock.trust() == Trust::HoldBulk {
            return Report { error: Some("the clock jumped forward; ending waits for its confirmation (60 s at most), use is denied already".to_owned()), ..Report::default() };
        }
        let mut report = Report::default();
        match self.store.due_grants(now, BATCH).await {
            Ok(due) => self.move_all(&due, now, &mut report).await,
            Err(error) => report.error = Some(error.to_string()),
        }
        // Page by page, so that those which may not end yet keep no others from it.
        let mut after = None;
        loop {
            let emptied = match self.store.emptied_grants(after, BATCH).await {
                Ok(emptied) => emptied,
                Err(error) => {
                    report.error = Some(error.to_string());
                    break;
                }
            };
            self.move_all(&emptied, now, &mut report).await;
            after = emptied.last().map(|g| (g.ends_at, g.id));
            if emptied.len() < BATCH as usize {
                break;
            }
        }
        report
    }

    async fn move_all(&self, grants: &[Grant], now: Timestamp, report: &mut Report) {
        for result in join_all(grants.iter().map(|g| self.move_on(g.clone(), now))).await {
            match result {
                Ok(true) => report.done += 1,
                Ok(false) => report.left += 1,
                Err(refusal) => report.error = Some(refusal.message),
            }
        }
    }

    /// One bad grant stops no other: its error stays with it. Whatever somebody else moves meanwhile is looked at again.
    async fn move_on(&self, mut grant: Grant, now: Timestamp) -> Result<bool, Refusal> {
        for _ in 0..TRIES {
            let credentials = self.store.credentials_of(grant.id).await.map_err(unreadable)?;
            let transition = match grant.state {
                GrantState::Active | GrantState::Scheduled => {
                    ending(&grant, &credentials, EndReason::Expired, None, "", ACTOR.to_owned(), now).0
                }
                GrantState::Ending => match self.finished(&grant, &credentials, now).await? {
                    Some(transition) => transition,
                    None => return Ok(false),
                },
                GrantState::Ended => return Ok(false),
            };
            match self.commit(transition).await {
                Ok(()) => return Ok(true),
                Err(CommitError::Conflict(_)) => {}
                Err(error) => return Err(uncommitted(error)),
            }
            match self.store.grant(grant.id).await.map_err(unreadable)? {
                Some(now_so) => grant = now_so,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// `ending → ended`, once nothing issued under the grant is left or may still be accepted.
    async fn finished(
        &self,
        grant: &Grant,
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<Option<Transition>, Refusal> {
        if credentials.iter().any(|c| c.state != CredentialState::Revoked) {
            return Ok(None);
        }
        let catalogue = self.catalogue().await?;
        let tokens = self.store.live_tokens(grant.id, now).await.map_err(unreadable)?;
        let until = grant_accepted_until(&catalogue, grant, &tokens);
        if until.is_some_and(|t| now < t) {
            return Ok(None);
        }
        let next = Grant {
            state: GrantState::Ended,
            verified_at: Some(now),
            accepted_until: until.filter(|t| *t > grant.ends_at),
            version: grant.version + 1,
            ..grant.clone()
        };
        let check = check_sentence(&next, credentials);
        let events = self.events_so_far(grant).await?;
        let mut subjects = vec![
            ("grant", grant.id.to_string()),
            ("role", grant.role_id.to_string()),
            ("target", grant.target_id.to_string()),
            ("subject", grant.principal.to_string()),
        ];
        subjects.extend(grant.request_id.map(|r| ("request", r.to_string())));
        let mut transition = Transition::new(now).with(Change::Grant(Box::new(next.clone()))).event(event(now, "grant.ended", ACTOR, &subjects,
            json!({ "reason": next.end_reason.map(EndReason::as_str), "ends_at": next.ends_at.to_rfc3339(), "verified_at": now.to_rfc3339(), "accepted_until": next.accepted_until.map(|t| t.to_rfc3339()), "credentials": credentials.len(), "events": events }), json!({})));
        if grant.request_id.is_some() {
            transition = transition.mails(mails::grant_ended(&catalogue, &next, &check, now));
        }
        Ok(Some(transition))
    }
}

/// `no login 0.08 s, sessions dead 0.11 s, absent, verified 0.19 s after the end`, for page, API, mail and receipt, of a
/// grant that is ended.
pub fn check_sentence(grant: &Grant, credentials: &[Credential]) -> String {
    let logins: Vec<&Credential> = credentials.iter().filter(|c| c.live_at.is_some()).collect();
    if logins.is_empty() {
        return match grant.accepted_until {
            Some(t) => format!(
                "the last offline-checked token could be accepted until {}; introspection answers inactive since the end",
                t.format("%H:%M:%S UTC")
            ),
            None => "nothing was left at the target; introspection answers inactive since the end".to_owned(),
        };
    }
    let worst = |at: fn(&Credential) -> Option<Timestamp>| {
        logins.iter().filter_map(|c| at(c)).max().map_or(0.0, |t| seconds_after(t, grant.ends_at))
    };
    let many =
        if logins.len() > 1 { format!(" ({} logins, the slowest)", logins.len()) } else { String::new() };
    format!(
        "no login {:.2} s, sessions dead {:.2} s, absent, verified {:.2} s after the end{many}",
        worst(|c| c.denied_at),
        worst(|c| c.sessions_ended_at),
        worst(|c| c.verified_at)
    )
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds for people")]
fn seconds_after(at: Timestamp, end: Timestamp) -> f64 {
    (at - end).num_milliseconds().max(0) as f64 / 1_000.0
}
