//! What somebody holds: grants with their three facts.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::grant::{Grant, GrantState};
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::CredentialKind;

use super::lines;
use super::tokens::grant_accepted_until;
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::reconcile::expire_grants::check_sentence;
use crate::views::access::{AccessView, AtTarget, GrantCard};

impl Broker {
    /// The caller's grants.
    pub async fn access_view(&self, caller: &Caller) -> Result<AccessView, Refusal> {
        let catalogue = self.catalogue().await?;
        let of =
            |states: Vec<GrantState>| GrantFilter { principal: Some(caller.principal()), states, role: None };
        let current = self
            .store
            .grants(&of(vec![GrantState::Active, GrantState::Ending]), Page::first(100))
            .await
            .map_err(unreadable)?;
        let scheduled =
            self.store.grants(&of(vec![GrantState::Scheduled]), Page::first(50)).await.map_err(unreadable)?;
        let ended =
            self.store.grants(&of(vec![GrantState::Ended]), Page::first(20)).await.map_err(unreadable)?;
        let mut view = AccessView { current: Vec::new(), scheduled: Vec::new(), ended: Vec::new() };
        for (from, to) in
            [(current, &mut view.current), (scheduled, &mut view.scheduled), (ended, &mut view.ended)]
        {
            for grant in from {
                to.push(self.grant_card(&catalogue, caller, &grant).await?);
            }
        }
        view.current.sort_by_key(|c| c.ends_at);
        Ok(view)
    }

    /// How many of the caller's grants are not over yet: the number in the navigation.
    pub async fn active_count(&self, caller: &Caller) -> Result<i64, Refusal> {
        let states = vec![GrantState::Active, GrantState::Ending];
        let filter = GrantFilter { principal: Some(caller.principal()), states, role: None };
        let current = self.store.grants(&filter, Page::first(100)).await.map_err(unreadable)?;
        Ok(i64::try_from(current.len()).unwrap_or(0))
    }

    /// `active` past its end reads `ending`, whatever the reconciler has got round to.
    pub fn grant_state_now(&self, grant: &Grant) -> String {
        if matches!(grant.state, GrantState::Active | GrantState::Scheduled) && grant.ends_at <= self.now() {
            "ending".to_owned()
        } else {
            grant.state.as_str().to_owned()
        }
    }

    /// One grant with its three facts.
    pub async fn grant_card(
        &self,
        catalogue: &Catalogue,
        caller: &Caller,
        grant: &Grant,
    ) -> Result<GrantCard, Refusal> {
        let now = self.now();
        let credentials = self.store.credentials_of(grant.id).await.map_err(unreadable)?;
        let tokens = self.store.live_tokens(&[grant.id], now).await.map_err(unreadable)?;
        let tokens = tokens.get(&grant.id).copied().unwrap_or_default();
        let live_tokens = tokens.live;
        let request = match grant.request_id {
            Some(id) => self.store.request(id).await.map_err(unreadable)?,
            None => None,
        };
        let holder = caller.principal() == grant.principal;
        let active = grant.allows_at(now);
        let over = !active && grant.starts_at <= now;
        let until = grant_accepted_until(catalogue, grant, &tokens).filter(|t| *t > now && over);
        Ok(GrantCard {
            id: grant.id.to_string(),
            reference: request.map(|r| r.reference).unwrap_or_default(),
            role: lines::role(catalogue, grant.role_id, grant.target_id),
            holder: lines::principal(catalogue, grant.principal),
            state: self.grant_state_now(grant),
            ended_reason: grant.end_reason.map(|r| r.as_str().to_owned()),
            starts_at: grant.starts_at,
            ends_at: grant.ends_at,
            ended_at: over.then_some(grant.ends_at),
            works: self.works(catalogue, grant, &credentials, live_tokens, now),
            left: AtTarget {
                sessions: self.session_counts.of(
                    credentials.iter().filter(|c| c.state == CredentialState::Live && c.due_at > now),
                    now,
                ),
                ..at_target(grant, &credentials, live_tokens, until, now)
            },
            can_issue: holder && active,
            can_end: active && self.holds(caller, grant).await?,
        })
    }
}

fn at_target(
    grant: &Grant,
    credentials: &[Credential],
    live_tokens: u64,
    until: Option<hallpass_domain::Timestamp>,
    now: hallpass_domain::Timestamp,
) -> AtTarget {
    let unrevoked = credentials.iter().filter(|c| c.state != CredentialState::Revoked).count();
    let active = grant.allows_at(now);
    let verified = grant.verified_at;
    let state = if unrevoked > 0 && active {
        "live"
    } else if unrevoked > 0 || until.is_some() {
        "revoking"
    } else if active && live_tokens > 0 {
        "live"
    } else if verified.is_some() || !credentials.is_empty() {
        "gone"
    } else {
        "nothing"
    };
    let trouble = credentials.iter().filter(|c| c.state != CredentialState::Revoked && !active).find_map(|c| c.last_error.clone()).map(|e| match e.as_str() {
        "down" => "The target cannot be reached. Hallpass keeps trying and completes within seconds of its return.".to_owned(),
        other => format!("The target said no ({other}). Hallpass keeps trying; its owners are told."),
    });
    let check = verified.map(|_| check_sentence(grant, credentials));
    AtTarget {
        state: state.to_owned(),
        credentials: i64::try_from(unrevoked).unwrap_or(0)
            + if active { i64::try_from(live_tokens).unwrap_or(0) } else { 0 },
        sessions: None,
        may_work_until: until,
        verified_at: verified,
        lag_ms: verified.map(|t| (t - grant.ends_at).num_milliseconds().max(0)),
        detail: trouble.or(check),
    }
}

/// Whether a grant gives this kind.
pub fn gives(catalogue: &Catalogue, grant: &Grant) -> Option<CredentialKind> {
    catalogue.roles.get(&grant.role_id).map(|r| r.settings.kind())
}
