//! Pending requests after a catalogue change: taken back where the requester lost the role, lapsed where the role is not
//! what was asked for, an earlier stage open again where its approvals do not count any more.
use std::collections::BTreeSet;

use hallpass_domain::catalogue::Catalogue;
use hallpass_domain::ids::RequestId;
use hallpass_domain::mail::{Mail, MailKind};
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
        if request.stage == 0 || !self.reopen_where_unfilled(request.id).await? {
            self.ask_new_approvers(request.id).await?;
        }
        Ok(false)
    }

    /// Asks those who may decide at the open stage by now and were not asked; whether there are any.
    async fn ask_new_approvers(&self, id: RequestId) -> Result<bool, Refusal> {
        self.commit_deciding(async || {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let Some(request) = self.store.request(id).await.map_err(unreadable)? else {
                return Ok(Decided::Answer(false));
            };
            if request.state != RequestState::Pending || request.decide_by <= now {
                return Ok(Decided::Answer(false));
            }
            let decisions = self.store.decisions(id).await.map_err(unreadable)?;
            let asked = self.store.mails_of_request(id).await.map_err(unreadable)?;
            // The footer names the stage: who was asked at one is asked again at the next.
            let asked: BTreeSet<(&str, &str)> = asked
                .iter()
                .filter(|m| m.kind == MailKind::ApprovalAsked)
                .map(|m| (m.to_email.as_str(), m.model.footer.as_str()))
                .collect();
            let new: Vec<Mail> = mails::approval_asked(&catalogue, &request, &decisions, now)
                .into_iter()
                .filter(|m| !asked.contains(&(m.to_email.as_str(), m.model.footer.as_str())))
                .collect();
            if new.is_empty() {
                return Ok(Decided::Answer(false));
            }
            // A version of its own: of two servers that see it at once, one asks.
            let next = Request { version: request.version + 1, ..request };
            let transition = Transition::new(now)
                .rests_on(Rested::Catalogue(catalogue.revision))
                .event(event(
                    now,
                    "request.approvers_asked",
                    ACTOR,
                    &[("request", next.id.to_string())],
                    json!({ "digest": next.digest, "stage": next.stage, "cause": "may_decide_now", "people": new.len() }),
                    json!({}),
                ))
                .mails(new)
                .with(Change::Request(Box::new(next)));
            Ok(Decided::Commit(transition, true))
        })
        .await
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
            let decisions = self.store.decisions(id).await.map_err(unreadable)?;
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
                    &decisions,
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
            let decisions = self.store.decisions(id).await.map_err(unreadable)?;
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
                    &decisions,
                    "the requester may no longer have this role",
                    now,
                ));
            Ok(Decided::Commit(transition, true))
        })
        .await
    }
}
