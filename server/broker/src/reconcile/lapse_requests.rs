//! Lapses requests that nobody decided in time.
use hallpass_domain::ports::clock::Trust;
use hallpass_domain::request::decide::lapse;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::events::event;
use crate::mails;

impl Broker {
    /// One batch of due requests to `lapsed`.
    pub async fn step_lapse_requests(&self) -> Report {
        let now = self.now();
        if self.clock.trust() == Trust::HoldBulk {
            return Report {
                error: Some("the clock jumped forward; lapsing waits for its confirmation (60 s at most), deciding too late is refused already".to_owned()),
                ..Report::default()
            };
        }
        let (due, catalogue) =
            match (self.store.lapsing_requests(now, 200).await, self.store.catalogue().await) {
                (Ok(due), Ok(catalogue)) => (due, catalogue),
                (Err(error), _) | (_, Err(error)) => {
                    return Report { error: Some(error.to_string()), ..Report::default() };
                }
            };
        let mut report = Report::default();
        for request in due {
            let Some(next) = lapse(&request, now) else { continue };
            let Ok(decisions) = self.store.decisions(next.id).await else {
                report.left += 1;
                continue;
            };
            let transition = Transition::new(now)
                .event(event(
                    now,
                    "request.lapsed",
                    "system:lapse",
                    &[("request", next.id.to_string())],
                    json!({ "digest": next.digest, "stage": next.stage }),
                    json!({}),
                ))
                .mails(mails::request_lapsed(&catalogue, &next, now))
                .mails(mails::no_action_needed(
                    &catalogue,
                    &next,
                    next.stage,
                    &decisions,
                    "the request lapsed",
                    now,
                ))
                .with(Change::Request(Box::new(next)));
            match self.commit(transition).await {
                Ok(()) => report.done += 1,
                Err(_) => report.left += 1,
            }
        }
        report
    }
}
