//! Ends grants whose time is up, and finishes those of which nothing is left.
use futures_util::future::join_all;
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ports::clock::Trust;
use hallpass_domain::target::{TargetSettings, Verification};
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::{Broker, uncommitted, unreadable};
use crate::events::event;
use crate::grants::ending::ending;
use crate::mails;

const BATCH: u32 = 500;
const ACTOR: &str = "system:expiry";

impl Broker {
    /// One batch: due grants to `ending`, finished ones to `ended`, begun ones to `active`.
    pub async fn step_expire_grants(&self) -> Report {
        let now = self.now();
        if self.clock.trust() == Trust::HoldBulk {
            return Report { error: Some("the clock jumped forward; ending waits for its confirmation (60 s at most), use is denied already".to_owned()), ..Report::default() };
        }
        let grants = match self.store.due_grants(now, BATCH).await {
            Ok(grants) => grants,
            Err(error) => return Report { error: Some(error.to_string()), ..Report::default() },
        };
        let results = join_all(grants.iter().map(|g| self.move_on(g, now))).await;
        let mut report = Report::default();
        for result in results {
            match result {
                Ok(true) => report.done += 1,
                Ok(false) => report.left += 1,
                Err(refusal) => report.error = Some(refusal.message),
            }
        }
        report
    }

    /// One bad grant stops no other: its error stays with it.
    async fn move_on(
        &self,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<bool, hallpass_domain::refusal::Refusal> {
        let credentials = self.store.credentials_of(grant.id).await.map_err(unreadable)?;
        let transition = match grant.state {
            GrantState::Active | GrantState::Scheduled => {
                ending(grant, &credentials, EndReason::Expired, None, "", ACTOR.to_owned(), now).0
            }
            GrantState::Ending => match self.finished(grant, &credentials, now).await? {
                Some(transition) => transition,
                None => return Ok(false),
            },
            GrantState::Ended => return Ok(false),
        };
        match self.commit(transition).await {
            Ok(()) => Ok(true),
            // Somebody else moved it: it is looked at again.
            Err(hallpass_domain::ports::store::CommitError::Conflict(_)) => Ok(false),
            Err(error) => Err(uncommitted(error)),
        }
    }

    /// `ending → ended`, once nothing issued under the grant is left or may still be accepted.
    async fn finished(
        &self,
        grant: &Grant,
        credentials: &[Credential],
        now: Timestamp,
    ) -> Result<Option<Transition>, hallpass_domain::refusal::Refusal> {
        if credentials.iter().any(|c| c.state != CredentialState::Revoked) {
            return Ok(None);
        }
        let catalogue = self.catalogue().await?;
        let until = self.offline_until(&catalogue, grant, now).await?;
        if until.is_some_and(|t| now < t) {
            return Ok(None);
        }
        let next = Grant {
            state: GrantState::Ended,
            verified_at: Some(now),
            version: grant.version + 1,
            ..grant.clone()
        };
        let check = check_sentence(&next, credentials, until);
        let mut subjects = vec![
            ("grant", grant.id.to_string()),
            ("role", grant.role_id.to_string()),
            ("target", grant.target_id.to_string()),
            ("subject", grant.principal.to_string()),
        ];
        subjects.extend(grant.request_id.map(|r| ("request", r.to_string())));
        let mut transition = Transition::new(now).with(Change::Grant(Box::new(next.clone()))).event(event(now, "grant.ended", ACTOR, &subjects,
            json!({ "reason": next.end_reason.map(EndReason::as_str), "ends_at": next.ends_at.to_rfc3339(), "verified_at": now.to_rfc3339(), "credentials": credentials.len() }), json!({})));
        if grant.request_id.is_some() {
            transition = transition.mails(mails::grant_ended(&catalogue, &next, &check, now));
        }
        Ok(Some(transition))
    }

    /// Until when a verifier that works offline may still accept a token of this grant; none where every verifier asks.
    pub async fn offline_until(
        &self,
        catalogue: &Catalogue,
        grant: &Grant,
        now: Timestamp,
    ) -> Result<Option<Timestamp>, hallpass_domain::refusal::Refusal> {
        let Some(TargetSettings::Oauth(oauth)) = catalogue.targets.get(&grant.target_id).map(|t| &t.settings)
        else {
            return Ok(None);
        };
        if oauth.verification == Verification::Introspect {
            return Ok(None);
        }
        let (_, last) = self.store.live_tokens(grant.id, now).await.map_err(unreadable)?;
        Ok(last.map(|t| t + chrono::Duration::seconds(oauth.leeway_seconds)))
    }
}

/// `no login 0.08 s, sessions dead 0.11 s, absent, verified 0.19 s after the end`, for page, mail and receipt.
pub fn check_sentence(grant: &Grant, credentials: &[Credential], offline_until: Option<Timestamp>) -> String {
    let logins: Vec<&Credential> = credentials.iter().filter(|c| c.live_at.is_some()).collect();
    if logins.is_empty() {
        return match offline_until {
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
