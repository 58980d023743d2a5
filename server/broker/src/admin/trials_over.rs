//! The end of trials: their accounts are proven gone and what they made is taken away, across restarts, also of those that
//! were cut off.
use chrono::Duration;
use hallpass_domain::credential::Credential;
use hallpass_domain::failpoint;
use hallpass_domain::ports::target::{Step, TargetConnector, TargetError};
use hallpass_domain::target_check::TargetCheck;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use crate::broker::Broker;
use crate::events::event;
use crate::reconcile::reports::Report;

/// Seconds until an account that is not proven gone is looked at again.
const AGAIN_SECONDS: i64 = 5;
/// Passes over one account before others have their turn.
const PASSES: usize = 3;

impl Broker {
    /// Proves that the accounts of trials are gone, also of those that were cut off.
    pub async fn step_finish_checks(&self) -> Report {
        let mut report = Report::default();
        let (open, catalogue) = match (self.store.open_checks(50).await, self.store.catalogue().await) {
            (Ok(open), Ok(catalogue)) => (open, catalogue),
            (Err(error), _) | (_, Err(error)) => {
                return Report { error: Some(error.to_string()), ..report };
            }
        };
        for check in open {
            if self.now() < check.next_attempt_at {
                report.left += 1;
                continue;
            }
            // The same connector as everything else there, where it is the same server: it remembers what it saw.
            let known =
                catalogue.targets.get(&check.target.id).filter(|t| t.settings == check.target.settings);
            let connector = match known {
                Some(target) => self.targets.connector(target),
                None => self.targets.trial(&check.target),
            };
            let mut account = check.account.clone();
            let over = match connector {
                Ok(connector) => self.over(connector.as_ref(), &check, &mut account).await,
                Err(error) => Err(error),
            };
            if let Err(error) = &over {
                tracing::warn!(target = %check.target.name, account = account.external_name, %error, "the account of a trial is not proven gone yet");
                report.error = Some(format!("{}: {error}", check.target.name));
            }
            let over = over.unwrap_or(None);
            let gone = over.is_some();
            let now = self.now();
            let mut next = TargetCheck {
                account,
                gone_at: gone.then_some(now),
                next_attempt_at: now + Duration::seconds(AGAIN_SECONDS),
                version: check.version + 1,
                ..check
            };
            let mut transition = Transition::new(now);
            if let Some(left) = over {
                // Nothing is left to be done there: no copy of our password, sealed under whatever key, is kept for it.
                next.target.sealed_secret = None;
                let subjects =
                    [("credential", next.account.id.to_string()), ("target", next.target.id.to_string())];
                transition = transition.event(event(
                    now,
                    "target.check_gone",
                    "system:checker",
                    &subjects,
                    json!({ "external_name": next.account.external_name, "left": left.len() }),
                    json!({ "left": left }),
                ));
            }
            match self.commit(transition.with(Change::TargetCheck(Box::new(next)))).await {
                Ok(()) if gone => report.done += 1,
                // Another server did the same, or it is tried again.
                _ => report.left += 1,
            }
        }
        report
    }

    /// What is left of a trial for a person to look at, once its account is proven gone; none where it is not yet.
    async fn over(
        &self,
        connector: &dyn TargetConnector,
        check: &TargetCheck,
        account: &mut Credential,
    ) -> Result<Option<Vec<String>>, TargetError> {
        if !self.proven_gone(connector, account).await? {
            return Ok(None);
        }
        // One that found nothing wrong has done so itself.
        let cleaned = if check.is_fit() { Ok(()) } else { connector.clean(account).await };
        match cleaned {
            Ok(()) => Ok(Some(Vec::new())),
            Err(down @ TargetError::Down(_)) => Err(down),
            // Nobody has access by it, and nothing that we do again would change it: it is told, once.
            Err(error) => {
                tracing::warn!(target = %check.target.name, account = account.external_name, %error, "something that a trial made may be left at its target");
                Ok(Some(vec![format!("something that the trial made may be left there: {error}")]))
            }
        }
    }

    async fn proven_gone(
        &self,
        connector: &dyn TargetConnector,
        account: &mut Credential,
    ) -> Result<bool, TargetError> {
        for _ in 0..PASSES {
            for step in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
                failpoint::hit("trial.finish.before");
                let answers = connector.step(step, std::slice::from_ref(&*account)).await;
                failpoint::hit("trial.finish.after");
                for answer in answers {
                    let answer = answer?;
                    // Of a trial that was cut off only the target knows it; its sessions are told apart from others' by it.
                    account.external_oid = account.external_oid.or(answer.external_oid);
                    if answer.verified_absent {
                        return Ok(true);
                    }
                }
            }
        }
        Ok(false)
    }
}
