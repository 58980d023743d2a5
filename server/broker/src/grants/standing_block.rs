//! A standing role's grant that a person revoked stays revoked: its workload gets no new one by itself until an
//! administrator lifts the stop.
use hallpass_domain::Timestamp;
use hallpass_domain::catalogue::{Catalogue, CatalogueChange};
use hallpass_domain::grant::{Grant, GrantState, StandingBlock};
use hallpass_domain::ids::{GrantId, StandingBlockId};
use hallpass_domain::ports::grants::GrantFilter;
use hallpass_domain::ports::store::Page;
use hallpass_domain::principal::{Duty, Principal};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;

/// Adds the stop to the revocation of a standing role's grant, in the same transaction. It is part of the catalogue, on
/// whose revision every new standing grant rests: none that was begun before can be committed after.
pub(super) fn blocking(
    catalogue: &Catalogue,
    transition: Transition,
    grant: &Grant,
    caller: &Caller,
    now: Timestamp,
) -> Transition {
    let (None, Principal::Workload(workload_id)) = (grant.request_id, grant.principal) else {
        return transition;
    };
    if catalogue.standing_block(grant.role_id, grant.principal).is_some() {
        return transition;
    }
    let block = StandingBlock {
        id: StandingBlockId::new(now),
        role_id: grant.role_id,
        workload_id,
        grant_id: grant.id,
        blocked_at: now,
        blocked_by: caller.user(),
        lifted_at: None,
        lifted_by: None,
        version: 1,
    };
    transition
        .event(event(now, "grant.standing_blocked", caller.actor(), &subjects(&block), json!({}), json!({})))
        .with(Change::Catalogue(Box::new(CatalogueChange::StandingBlock(block))))
}

fn subjects(block: &StandingBlock) -> [(&'static str, String); 4] {
    [
        ("standing_block", block.id.to_string()),
        ("grant", block.grant_id.to_string()),
        ("role", block.role_id.to_string()),
        ("workload", block.workload_id.to_string()),
    ]
}

impl Broker {
    /// Ends what else the workload holds of the standing role: two first calls at once may have made two grants.
    pub(super) async fn end_other_standing(&self, revoked: &Grant) -> Result<(), Refusal> {
        let filter = GrantFilter {
            principal: Some(revoked.principal),
            states: vec![GrantState::Scheduled, GrantState::Active],
            role: Some(revoked.role_id),
        };
        for grant in self.store.grants(&filter, Page::first(200)).await.map_err(unreadable)? {
            if grant.request_id.is_none() {
                self.end_without_eligibility(grant.id).await?;
            }
        }
        Ok(())
    }

    /// Lifts the stop that revoking `grant` set: from now on the workload gets the standing role again. Only for
    /// administrators.
    ///
    /// # Errors
    /// `Forbidden`; `Conflict` `not_blocked` where there is none (any more).
    pub async fn lift_standing_block(
        &self,
        caller: &Caller,
        grant: GrantId,
    ) -> Result<StandingBlock, Refusal> {
        let human = caller.human()?;
        if !human.has(Duty::Administrator) {
            return Err(Refusal::forbidden(
                "administrators_only",
                "Only an administrator lets a workload have a standing role again.",
            ));
        }
        self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let found = catalogue.standing_blocks.values().find(|b| b.grant_id == grant).cloned();
            let block = found.ok_or_else(|| {
                Refusal::conflict(
                    "not_blocked",
                    "Nothing keeps this workload from the role any more, or this is not the grant that was revoked.",
                )
            })?;
            let next = StandingBlock {
                lifted_at: Some(now),
                lifted_by: Some(human.user()),
                version: block.version + 1,
                ..block
            };
            let transition = Transition::new(now)
                .event(event(
                    now,
                    "grant.standing_lifted",
                    caller.actor(),
                    &subjects(&next),
                    json!({}),
                    json!({}),
                ))
                .with(Change::Catalogue(Box::new(CatalogueChange::StandingBlock(next.clone()))));
            Ok(Decided::Commit(transition, next))
        })
        .await
    }
}
