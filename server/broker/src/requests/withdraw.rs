//! Withdraw.
use hallpass_domain::refusal::Refusal;
use hallpass_domain::request::Request;
use hallpass_domain::request::decide::{withdraw, withdraw_by_subject};
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::events::event;
use crate::mails;

impl Broker {
    /// Takes a pending request back.
    pub async fn withdraw_request(&self, caller: &Caller, reference: &str) -> Result<Request, Refusal> {
        self.commit_deciding(move || async move {
            let now = self.now();
            let catalogue = self.catalogue().await?;
            let request =
                self.request_referenced(reference).await?.ok_or_else(|| Refusal::not_found("request"))?;
            let next = match caller.user() {
                Some(user) => withdraw(&catalogue, &request, user, now)?,
                None => withdraw_by_subject(&request, caller.principal(), now)?,
            };
            let decisions = self.store.decisions(next.id).await.map_err(unreadable)?;
            let transition = Transition::new(now)
                .with(Change::Request(Box::new(next.clone())))
                .event(event(
                    now,
                    "request.withdrawn",
                    caller.actor(),
                    &[("request", next.id.to_string())],
                    json!({ "digest": next.digest }),
                    json!({}),
                ))
                .mails(mails::request_withdrawn(&catalogue, &next, Some(caller.principal()), now))
                .mails(mails::no_action_needed(
                    &catalogue,
                    &next,
                    next.stage,
                    &decisions,
                    "the request was withdrawn",
                    now,
                ));
            Ok(Decided::Commit(transition, next))
        })
        .await
    }
}
