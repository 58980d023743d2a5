//! Pending requests after a catalogue change: taken back where the requester lost the role, lapsed where the role is not
//! what was asked for, an earlier stage open again where its approvals do not count any more.
use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::RequestId;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::count::reopen;
use hallpass_domain::request::decide::{lapse_changed, withdraw_not_eligible};
use hallpass_domain::request::{Request, RequestState};
use hallpass_domain::terms::are_as_asked;
use hallpass_domain::transition::{Change, Rested, Transition};
use serde_json::json;

use super::settle::ACTOR;
use crate::broker::{Broker, Decided, unreadable};
use crate::events::event;
use crate::mails;

impl Broker {
    /// Closes or reopens one pending request as the catalogue now demands; whether it was closed.
    pub(super) async fn settle_request(
        &self,
        catalogue: &Catalogue,
        request: &Request,
    ) -> Result<bool, Refusal> {
        let eligible =
            catalogue.roles.get(&request.role_id).is_some_and(|r| catalogue.is_eligible(r, request.subject));
        if !eligible {
            return self.take_back_without_eligibility(request.id).await;
        }
        if !are_as_asked(catalogue, request) {
            return self.lapse_where_role_changed(request.id).await;
        }
        if request.stage > 0 {
            self.reopen_where_unfilled(request.id).await?;
        }
        Ok(false)
    }

    /// Lapses a pending request whose role changed after it was asked. Whoever asked may ask again in one click; its
    /// approvers are told that there is nothing to decide.
    pub(crate) async fn lapse_where_role_changed(&self, id: RequestId) -> Result<bool, Refusal> {
        self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let Some(request) = self.store.request(id).await.map_err(unreadable)? else {
                return Ok(Decided::Answer(false));
            };
            let Some(next) = lapse_changed(&catalogue, &request, now) else {
                return Ok(Decided::Answer(false));
            };
            let transition = Transition::new(now)
                .rests_on(Rested::Catalogue(catalogue.revision))
                .event(event(
                    now,
                    "request.lapsed",
                    ACTOR,
                    &[("request", next.id.to_string()), ("role", next.role_id.to_string())],
                    json!({ "digest": next.digest, "stage": next.stage, "cause": "role_changed", "role_revision": next.role_revision }),
                    json!({}),
                ))
                .mails(mails::request_lapsed(&catalogue, &next, now))
                .mails(mails::no_action_needed(
                    &catalogue,
                    &next,
                    next.stage,
                    None,
                    "the role changed, so the request lapsed",
                    now,
                ))
                .with(Change::Request(Box::new(next)));
            Ok(Decided::Commit(transition, true))
        })
        .await
    }

    /// Opens an earlier stage again where approvals of it do not count any more, and asks its approvers.
    async fn reopen_where_unfilled(&self, id: RequestId) -> Result<bool, Refusal> {
        self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let Some(request) = self.store.request(id).await.map_err(unreadable)? else {
                return Ok(Decided::Answer(false));
            };
            let decisions = self.store.decisions(id).await.map_err(unreadable)?;
            let Some(next) = reopen(&catalogue, &request, &decisions, now) else {
                return Ok(Decided::Answer(false));
            };
            let transition = Transition::new(now)
                .rests_on(Rested::Catalogue(catalogue.revision))
                .event(event(
                    now,
                    "request.stage_reopened",
                    ACTOR,
                    &[("request", next.id.to_string())],
                    json!({ "digest": next.digest, "stage": next.stage, "cause": "approvals_do_not_count" }),
                    json!({}),
                ))
                .mails(mails::approval_asked(&catalogue, &next, &decisions, now))
                .with(Change::Request(Box::new(next)));
            Ok(Decided::Commit(transition, true))
        })
        .await
    }

    /// Takes one pending request back, unless its subject is eligible after all by now. Its approvers are told that
    /// there is nothing to decide.
    async fn take_back_without_eligibility(&self, id: RequestId) -> Result<bool, Refusal> {
        self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let Some(request) = self.store.request(id).await.map_err(unreadable)? else {
                return Ok(Decided::Answer(false));
            };
            let eligible = catalogue
                .roles
                .get(&request.role_id)
                .is_some_and(|r| catalogue.is_eligible(r, request.subject));
            if request.state != RequestState::Pending || eligible {
                return Ok(Decided::Answer(false));
            }
            // Where it is lapsing at this moment, the reconciler that does so tells everyone.
            let Ok(next) = withdraw_not_eligible(&request, now) else {
                return Ok(Decided::Answer(false));
            };
            let transition = Transition::new(now)
                .with(Change::Request(Box::new(next.clone())))
                .event(event(
                    now,
                    "request.withdrawn",
                    ACTOR,
                    &[("request", next.id.to_string())],
                    json!({ "digest": next.digest, "cause": "not_eligible" }),
                    json!({}),
                ))
                .mails(mails::request_withdrawn(&catalogue, &next, None, now))
                .mails(mails::no_action_needed(
                    &catalogue,
                    &next,
                    next.stage,
                    None,
                    "the requester may no longer have this role",
                    now,
                ));
            Ok(Decided::Commit(transition, true))
        })
        .await
    }
}
