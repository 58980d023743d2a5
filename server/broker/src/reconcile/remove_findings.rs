//! Removes accounts that comparing found and that may go: an administrator said so, or they had been removed before. Denied
//! first, then out of their sessions, then removed and looked for, as every removal; until it is proven.
use hallpass_domain::credential::{Credential, CredentialState, Plan};
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::ids::{FindingId, GrantId};
use hallpass_domain::ports::target::{Step, TargetConnector, TargetError};
use hallpass_domain::refusal::Refusal;
use hallpass_domain::role::CredentialKind;
use hallpass_domain::target::Target;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::findings::about;
use super::reports::Report;
use crate::admin::By;
use crate::admin::actor;
use crate::broker::{Broker, Decided, unreadable};
use crate::caller::Caller;
use crate::credentials::recording::backoff;
use crate::events::event;

const ACTOR: &str = "system:comparer";
/// Most that are tried at one target in a pass.
const AT_A_TARGET: usize = 50;

impl Broker {
    /// An administrator's yes: an account that carries our mark and that no record knows is to be removed.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`, and `Conflict` where it is over, or is no account that waits for a yes.
    pub async fn confirm_removal(&self, caller: &Caller, id: FindingId) -> Result<Finding, Refusal> {
        let finding = self
            .commit_deciding(async || {
                let now = self.now();
                let catalogue = self.catalogue().await?;
                let (actor, _, who) = actor(&catalogue, By::Person(caller))?;
                let finding = self
                    .store
                    .finding(id)
                    .await
                    .map_err(unreadable)?
                    .ok_or_else(|| Refusal::not_found("finding"))?;
                if finding.removing_since.is_some() {
                    return Ok(Decided::Answer(finding));
                }
                if finding.closed_at.is_some() || finding.kind != FindingKind::Unknown {
                    return Err(Refusal::conflict(
                        "nothing_to_confirm",
                        "This account does not wait for a yes. Load the reports again to see how it is now.",
                    ));
                }
                if finding.credential_id.is_none() {
                    return Err(Refusal::conflict(
                        "mark_unreadable",
                        "The account's mark cannot be read, so Hallpass cannot prove that it is ours and does not touch it. \
                         Remove it by hand at the target.",
                    ));
                }
                let next = Finding {
                    removing_since: Some(now),
                    confirmed_by: who,
                    next_attempt_at: now,
                    version: finding.version + 1,
                    ..finding
                };
                let transition = Transition::new(now)
                    .event(event(now, "account.removal_confirmed", actor, &about(&next),
                        json!({ "external_name": next.external_name }), json!({})))
                    .with(Change::Finding(Box::new(next.clone())));
                Ok(Decided::Commit(transition, next))
            })
            .await?;
        Ok(finding)
    }

    /// Removes what may go.
    pub async fn step_remove_findings(&self) -> Report {
        let mut report = Report::default();
        let catalogue = match self.store.catalogue().await {
            Ok(catalogue) => catalogue,
            Err(error) => return Report { error: Some(error.to_string()), ..report },
        };
        for target in catalogue.targets.values() {
            match self.findings_at(target.id).await {
                Ok(open) => self.remove_at(target, open, &mut report).await,
                Err(error) => report.error = Some(error.to_string()),
            }
        }
        report
    }

    /// Removes what may go at one target; of very many some, so that other targets have their turn.
    async fn remove_at(&self, target: &Target, open: Vec<Finding>, report: &mut Report) {
        let now = self.now();
        let mut due: Vec<Finding> = open.into_iter().filter(|f| f.removing_since.is_some()).collect();
        due.sort_by_key(|f| f.next_attempt_at);
        let mut down = false;
        for (place, finding) in due.into_iter().enumerate() {
            // One that does not answer is asked once a pass: each try waits as long as a connection may take.
            if down || place >= AT_A_TARGET || now < finding.next_attempt_at {
                report.left += 1;
                continue;
            }
            let Some(account) = account(&finding) else { continue };
            let removed = match self.targets.connector(target) {
                Ok(connector) => removed(connector.as_ref(), &account).await,
                Err(error) => Err(error),
            };
            let now = self.now();
            let attempts = finding.attempts.saturating_add(1);
            let mut next = Finding {
                attempts,
                next_attempt_at: now + backoff(attempts),
                version: finding.version + 1,
                ..finding
            };
            let mut transition = Transition::new(now);
            match removed {
                Ok(true) => {
                    next.closed_at = Some(now);
                    next.trouble = None;
                    transition = transition.event(event(
                        now,
                        "account.removed",
                        ACTOR,
                        &about(&next),
                        json!({ "external_name": next.external_name, "verified": true }),
                        json!({}),
                    ));
                }
                Ok(false) => next.next_attempt_at = now + chrono::Duration::seconds(1),
                Err(error) => {
                    down = matches!(error, TargetError::Down(_));
                    report.error = Some(format!("{}: {error}", target.name));
                    next.trouble = Some(error.to_string());
                }
            }
            let gone = next.closed_at.is_some();
            match self.commit(transition.with(Change::Finding(Box::new(next)))).await {
                Ok(()) if gone => report.done += 1,
                _ => report.left += 1,
            }
        }
    }
}

/// Whether it is proven gone.
async fn removed(connector: &dyn TargetConnector, account: &Credential) -> Result<bool, TargetError> {
    for step in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        for answer in connector.step(step, std::slice::from_ref(account)).await {
            if answer?.verified_absent {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// The account as connectors take it: what its mark and the target say of it, since no record of ours does.
fn account(finding: &Finding) -> Option<Credential> {
    let at = finding.first_seen_at;
    Some(Credential {
        id: finding.credential_id?,
        grant_id: GrantId(uuid::Uuid::nil()),
        target_id: finding.target_id,
        kind: CredentialKind::PostgresqlLogin,
        state: CredentialState::Revoking,
        external_name: finding.external_name.clone(),
        plan: Plan::PostgresqlLogin {
            database: String::new(),
            groups: finding.groups.clone(),
            connection_limit: 1,
        },
        not_after: at,
        // Nobody creates it any more: whoever did wrote a record that is lost, and its deadline was seconds later.
        create_deadline: at,
        due_at: at,
        intended_at: at,
        live_at: None,
        probe: None,
        denied_at: None,
        sessions_ended_at: None,
        sessions_cut: None,
        removed_at: None,
        verified_at: None,
        attempts: 0,
        next_attempt_at: at,
        last_error: None,
        alerted_at: None,
        claimed_by: None,
        claimed_until: None,
        fence: 1,
        external_oid: finding.external_oid,
        version: 1,
    })
}
