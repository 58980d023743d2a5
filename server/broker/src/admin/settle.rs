//! After a catalogue change: access that its holder may no longer have ends, and requests that are not what was asked
//! for any more are closed. Judged from what is committed, not from one difference, so that it can be done again.
use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::grant::{EndReason, Grant, GrantState};
use hallpass_domain::ids::GrantId;
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::{Request, RequestState};
use serde::Serialize;

use crate::broker::{Broker, Decided, unreadable};
use crate::grants::ending::ending;
use crate::mails;

/// Actor of what ends by itself after a catalogue change.
pub(super) const ACTOR: &str = "system:policy";
/// Pages of 200: far more open grants or requests than one installation has; a stop against an endless walk.
const MOST_PAGES: usize = 10_000;

/// What ended for one holder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EndedAccess {
    /// Whose.
    pub principal: Principal,
    /// Their name.
    pub name: String,
    /// How many grants ended.
    pub grants: usize,
    /// How many pending requests were closed.
    pub requests: usize,
}

impl Broker {
    /// Signs disabled people out, and ends grants and takes back pending requests of holders who are disabled or no
    /// longer eligible. Doing it again does nothing. One holder's failure stops no other's; the first is answered.
    pub async fn end_what_may_not_be(&self) -> Result<Vec<EndedAccess>, Refusal> {
        let catalogue = self.catalogue().await?;
        let may = |who, role| catalogue.roles.get(&role).is_some_and(|r| catalogue.is_eligible(r, who));
        let mut counts: BTreeMap<Principal, (usize, usize)> = BTreeMap::new();
        let mut failed = None;
        let mut disabled = BTreeSet::new();
        for user in catalogue.users.values().filter(|u| u.disabled) {
            if let Err(refusal) = self.sign_out_disabled(user.id).await {
                failed = failed.or(Some(refusal));
            }
        }
        for grant in self.open_grants().await? {
            let blocked = grant.request_id.is_none()
                && catalogue.standing_block(grant.role_id, grant.principal).is_some();
            if may(grant.principal, grant.role_id) && !blocked {
                continue;
            }
            let ended = if catalogue.is_enabled(grant.principal) {
                self.end_without_eligibility(grant.id).await.map(usize::from)
            } else if disabled.insert(grant.principal) {
                self.end_all_of(grant.principal).await
            } else {
                Ok(0)
            };
            match ended {
                Ok(n) => counts.entry(grant.principal).or_default().0 += n,
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        for request in self.open_requests().await? {
            match self.settle_request(&catalogue, &request).await {
                Ok(done) => counts.entry(request.subject).or_default().1 += usize::from(done),
                Err(refusal) => failed = failed.or(Some(refusal)),
            }
        }
        match failed {
            Some(refusal) => Err(refusal),
            None => Ok(counts
                .into_iter()
                .filter(|(_, (grants, requests))| grants + requests > 0)
                .map(|(principal, (grants, requests))| EndedAccess {
                    principal,
                    name: catalogue.name_of(principal),
                    grants,
                    requests,
                })
                .collect()),
        }
    }

    async fn open_grants(&self) -> Result<Vec<Grant>, Refusal> {
        let filter = GrantFilter {
            principal: None,
            states: vec![GrantState::Scheduled, GrantState::Active],
            role: None,
        };
        let (mut all, mut page) = (Vec::new(), Page::first(200));
        for _ in 0..MOST_PAGES {
            let part = self.store.grants(&filter, page).await.map_err(unreadable)?;
            let Some(last) = part.last() else { break };
            page.after = Some(last.id.0);
            all.extend(part);
        }
        Ok(all)
    }

    async fn open_requests(&self) -> Result<Vec<Request>, Refusal> {
        let filter = hallpass_domain::ports::requests::RequestFilter {
            state: Some(RequestState::Pending),
            ..Default::default()
        };
        let (mut all, mut page) = (Vec::new(), Page::first(200));
        for _ in 0..MOST_PAGES {
            let part = self.store.requests(&filter, page).await.map_err(unreadable)?;
            let Some(last) = part.last() else { break };
            page.after = Some(last.id.0);
            all.extend(part);
        }
        Ok(all)
    }

    /// Everything of somebody disabled, in the portions in which it is ended.
    async fn end_all_of(&self, principal: Principal) -> Result<usize, Refusal> {
        let mut ended = 0;
        for _ in 0..MOST_PAGES {
            match self
                .end_grants_of_principal(principal, "The account was disabled in the catalogue.")
                .await?
            {
                0 => break,
                n => ended += n,
            }
        }
        Ok(ended)
    }

    /// Ends one grant, unless its holder may have it after all by now.
    pub(crate) async fn end_without_eligibility(&self, id: GrantId) -> Result<bool, Refusal> {
        self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let Some(grant) = self.store.grant(id).await.map_err(unreadable)? else {
                return Ok(Decided::Answer(false));
            };
            let over = !matches!(grant.state, GrantState::Scheduled | GrantState::Active);
            let eligible = catalogue
                .roles
                .get(&grant.role_id)
                .is_some_and(|r| catalogue.is_eligible(r, grant.principal));
            let blocked = grant.request_id.is_none()
                && catalogue.standing_block(grant.role_id, grant.principal).is_some();
            if over || (eligible && !blocked) {
                return Ok(Decided::Answer(false));
            }
            let why = if blocked {
                "Another grant of this standing role was revoked, which stops the role for this workload."
            } else {
                "The catalogue changed: the role was retired, or no longer names the holder as eligible."
            };
            let credentials = self.store.credentials_of(id).await.map_err(unreadable)?;
            let (transition, next) =
                ending(&grant, &credentials, EndReason::Revoked, None, why, ACTOR.to_owned(), now);
            let mails = mails::grant_revoked(&catalogue, &next, "Hallpass", why, now);
            Ok(Decided::Commit(transition.mails(mails), true))
        })
        .await
    }
}
