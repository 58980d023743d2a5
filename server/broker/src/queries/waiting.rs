//! What waits for somebody's decision: found page by page, however much waits for others.
use std::collections::BTreeMap;

use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::{RequestId, RoleId, UserId};
use hallpass_domain::principal::Principal;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::decide::may_decide;
use hallpass_domain::request::{Decision, Request};

use crate::broker::{Broker, unreadable};

/// Pending requests that are read at once.
const BATCH: u32 = 200;

/// A request that waits for somebody.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// It.
    pub request: Request,
    /// What was decided of it so far.
    pub decisions: Vec<Decision>,
    /// He asked for it himself, so others decide it.
    pub own: bool,
}

/// Which of those that wait.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// From the one after this place on.
    pub after: Option<Place>,
    /// At most so many.
    pub limit: usize,
    /// His own ones too, where he could decide them if they were somebody else's.
    pub own: bool,
    /// Of this role alone.
    pub role: Option<RoleId>,
}

/// Where a request stands in the list: by its deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    decide_by: Timestamp,
    id: RequestId,
}

impl Place {
    /// Of a request.
    pub fn of(request: &Request) -> Self {
        Self { decide_by: request.decide_by, id: request.id }
    }

    /// Reads a cursor as [`Place`]'s `Display` writes it.
    pub fn parse(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once('.')?;
        let decide_by = Timestamp::from_timestamp_micros(micros.parse().ok()?)?;
        Some(Self { decide_by, id: RequestId(id.parse().ok()?) })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.decide_by.timestamp_micros(), self.id.0)
    }
}

impl Broker {
    /// Requests that wait for `user`, soonest deadline first.
    ///
    /// # Errors
    /// Where the store cannot be read.
    pub async fn waiting_for(&self, user: UserId, wanted: Wanted) -> Result<Vec<Waiting>, Refusal> {
        let catalogue = self.catalogue().await?;
        let now = self.now();
        // A request is decided by its role's workflow as it was asked for: where that changed, it lapses.
        let roles: Vec<RoleId> = decided_by(&catalogue, user)
            .into_iter()
            .filter(|role| wanted.role.is_none_or(|only| only == *role))
            .collect();
        let (mut found, mut after) = (Vec::new(), wanted.after);
        while !roles.is_empty() && found.len() < wanted.limit {
            let place = after.map(|p| (p.decide_by, p.id));
            let batch = self.store.pending_requests(&roles, place, BATCH).await.map_err(unreadable)?;
            let Some(last) = batch.last() else { break };
            after = Some(Place::of(last));
            let ids: Vec<RequestId> = batch.iter().map(|r| r.id).collect();
            let mut decisions: BTreeMap<RequestId, Vec<Decision>> = BTreeMap::new();
            for decision in self.store.decisions_on(&ids).await.map_err(unreadable)? {
                decisions.entry(decision.request_id).or_default().push(decision);
            }
            let full = batch.len() == BATCH as usize;
            for request in batch {
                let decisions = decisions.remove(&request.id).unwrap_or_default();
                let own = request.requesters.contains(&user);
                let his = if own {
                    wanted.own && now < request.decide_by && opens_to(&catalogue, &request, user)
                } else {
                    may_decide(&catalogue, &request, &decisions, user, now).is_ok()
                };
                if his {
                    found.push(Waiting { request, decisions, own });
                }
            }
            if !full {
                break;
            }
        }
        found.truncate(wanted.limit);
        Ok(found)
    }
}

/// Roles that somebody decides at some stage.
fn decided_by(catalogue: &Catalogue, user: UserId) -> Vec<RoleId> {
    let me = Principal::User(user);
    let decides = |role: &hallpass_domain::role::Role| {
        let stages = catalogue.workflows.get(&role.workflow_id).into_iter().flat_map(|w| &w.stages);
        stages.flat_map(|s| &s.approvers).any(|p| catalogue.covers(*p, me))
    };
    catalogue.roles.values().filter(|r| decides(r)).map(|r| r.id).collect()
}

fn opens_to(catalogue: &Catalogue, request: &Request, user: UserId) -> bool {
    let stage = request.open_stage();
    stage.is_some_and(|s| s.approvers.iter().any(|p| catalogue.covers(*p, Principal::User(user))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_reads_back() {
        let place = Place {
            decide_by: Timestamp::from_timestamp_micros(1_790_000_000_123_456).unwrap(),
            id: RequestId(uuid::Uuid::from_u128(7)),
        };
        assert_eq!(Place::parse(&place.to_string()), Some(place));
        for bad in
            ["", ".", "1", "1.", ".00000000-0000-0000-0000-000000000007", "x.y", "99999999999999999999.0"]
        {
            assert_eq!(Place::parse(bad), None, "{bad}");
        }
    }
}
