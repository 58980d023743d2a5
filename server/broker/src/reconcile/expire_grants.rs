//! Ends grants whose time is up, and finishes those of which nothing is left.
use std::collections::HashMap;

use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ids::GrantId;
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
use crate::queries::happened::Kinds;
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
            Ok(due) => self.end_all(due, now, &mut report).await,
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
            after = emptied.last().map(|g| (g.ends_at, g.id));
            let all = emptied.len() < BATCH as usize;
            self.finish_all(emptied, now, &mut report).await;
            if all {
                break;
            }
        }
        report
    }

    /// Due grants to `ending`. One bad grant or credential stops no others: its error stays with it.
    async fn end_all(&self, due: Vec<Grant>, now: Timestamp, report: &mut Report) {
        let credentials = self.credentials_of_each(&due).await;
        let ended = due
            .into_iter()
            .zip(credentials)
            .map(async |(grant, credentials)| self.end(grant, credentials?, now).await);
        join_all(ended).await.into_iter().for_each(|result| report.count(result));
    }

    /// Whatever somebody else moves meanwhile is looked at again.
    async fn end(
        &self,
        mut grant: Grant,
        mut credentials: Vec<Credential>,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        for _ in 0..TRIES {
            if !matches!(grant.state, GrantState::Active | GrantState::Scheduled) {
                return Ok(false);
            }
            let (transition, _) =
                ending(&grant, &credentials, EndReason::Expired, None, "", ACTOR.to_owned(), now);
            if self.moved(transition).await? {
                return Ok(true);
            }
            match self.store.grant(grant.id).await.map_err(unreadable)? {
                Some(now_so) => grant = now_so,
                None => return Ok(false),
            }
            credentials = self.store.credentials_of(grant.id).await.map_err(unreadable)?;
        }
        Ok(false)
    }

    /// `ending → ended`, once nothing issued under a grant is left or may still be accepted. What somebody else moves
    /// meanwhile is looked at in the next round.
    async fn finish_all(&self, emptied: Vec<Grant>, now: Timestamp, report: &mut Report) {
        let ended: Result<_, Refusal> = async {
            let catalogue = self.catalogue().await?;
            let over = self.nothing_left(&catalogue, emptied, now, report).await?;
            // Counted after that: nothing happens to them any more.
            let events = self.events_so_far(&over.iter().map(|o| &o.grant).collect::<Vec<_>>()).await?;
            let ended =
                |o: &Over| self.moved(o.ended(&catalogue, events.get(&o.grant.id).unwrap_or(&None), now));
            Ok(join_all(over.iter().map(ended)).await)
        }
        .await;
        match ended {
            Ok(results) => results.into_iter().for_each(|result| report.count(result)),
            Err(refusal) => report.error = Some(refusal.message),
        }
    }

    /// Those of which nothing is left.
    async fn nothing_left(
        &self,
        catalogue: &Catalogue,
        emptied: Vec<Grant>,
        now: Timestamp,
        report: &mut Report,
    ) -> Result<Vec<Over>, Refusal> {
        let credentials = self.credentials_of_each(&emptied).await;
        let ids: Vec<GrantId> = emptied.iter().map(|grant| grant.id).collect();
        let tokens = self.store.live_tokens(&ids, now).await.map_err(unreadable)?;
        let mut over = Vec::with_capacity(emptied.len());
        for (grant, credentials) in emptied.into_iter().zip(credentials) {
            let credentials = match credentials {
                Ok(credentials) => credentials,
                Err(refusal) => {
                    report.error = Some(refusal.message);
                    continue;
                }
            };
            let tokens = tokens.get(&grant.id).copied().unwrap_or_default();
            let until = grant_accepted_until(catalogue, &grant, &tokens);
            let left = credentials.iter().any(|c| c.state != CredentialState::Revoked);
            if left || until.is_some_and(|t| now < t) {
                report.left += 1;
            } else {
                over.push(Over { grant, credentials, until });
            }
        }
        Ok(over)
    }

    /// The credentials of each, in one read; each on its own where that fails, since a row that cannot be read fails it for all.
    async fn credentials_of_each(&self, grants: &[Grant]) -> Vec<Result<Vec<Credential>, Refusal>> {
        let ids: Vec<GrantId> = grants.iter().map(|grant| grant.id).collect();
        let Ok(all) = self.store.credentials_of_all(&ids).await else {
            let each = ids.iter().map(async |id| self.store.credentials_of(*id).await.map_err(unreadable));
            return join_all(each).await;
        };
        let mut by_grant = HashMap::<GrantId, Vec<Credential>>::new();
        for credential in all {
            by_grant.entry(credential.grant_id).or_default().push(credential);
        }
        ids.iter().map(|id| Ok(by_grant.remove(id).unwrap_or_default())).collect()
    }

    /// False where somebody else was faster.
    async fn moved(&self, transition: Transition) -> Result<bool, Refusal> {
        match self.commit(transition).await {
            Ok(()) => Ok(true),
            Err(CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(uncommitted(error)),
        }
    }
}

/// A grant of which nothing is left.
struct Over {
    grant: Grant,
    credentials: Vec<Credential>,
    /// Until when one of its tokens could be accepted by a target that does not ask.
    until: Option<Timestamp>,
}

impl Over {
    fn ended(&self, catalogue: &Catalogue, events: &Kinds, now: Timestamp) -> Transition {
        let grant = &self.grant;
        let next = Grant {
            state: GrantState::Ended,
            verified_at: Some(now),
            accepted_until: self.until.filter(|t| *t > grant.ends_at),
            version: grant.version + 1,
            ..grant.clone()
        };
        let mut subjects = vec![
            ("grant", grant.id.to_string()),
            ("role", grant.role_id.to_string()),
            ("target", grant.target_id.to_string()),
            ("subject", grant.principal.to_string()),
        ];
        subjects.extend(grant.request_id.map(|r| ("request", r.to_string())));
        let data = json!({
            "reason": next.end_reason.map(EndReason::as_str), "ends_at": next.ends_at.to_rfc3339(), "verified_at": now.to_rfc3339(),
            "accepted_until": next.accepted_until.map(|t| t.to_rfc3339()), "credentials": self.credentials.len(), "events": events,
        });
        let transition = Transition::new(now).with(Change::Grant(Box::new(next.clone()))).event(event(
            now,
            "grant.ended",
            ACTOR,
            &subjects,
            data,
            json!({}),
        ));
        if grant.request_id.is_none() {
            return transition;
        }
        let check = check_sentence(&next, &self.credentials);
        transition.mails(mails::grant_ended(catalogue, &next, &check, now))
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
