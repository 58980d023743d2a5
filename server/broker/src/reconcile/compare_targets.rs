//! Compares each target's marked accounts with what is known: unknown ones are quarantined, missing ones marked.
use std::collections::BTreeMap;

use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::target::Listed;
use hallpass_domain::target::{Target, TargetSettings};
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::reports::Report;
use crate::broker::Broker;
use crate::credentials::login::subjects;
use crate::events::event;
use crate::grants::ending::revoking_event;

const ACTOR: &str = "system:comparer";

impl Broker {
    /// Looks at every target on which accounts are made.
    pub async fn step_compare_targets(&self) -> Report {
        if self.restored.is_on() {
            // What differs is not ours to act on before an operator has confirmed.
            return Report::default();
        }
        let catalogue = match self.store.catalogue().await {
            Ok(catalogue) => catalogue,
            Err(error) => return Report { error: Some(error.to_string()), ..Report::default() },
        };
        let mut report = Report::default();
        for target in
            catalogue.targets.values().filter(|t| matches!(t.settings, TargetSettings::Postgresql(_)))
        {
            match self.compare_target(target).await {
                Ok(found) => report.done += found,
                Err(error) => report.error = Some(format!("{}: {error}", target.name)),
            }
        }
        report
    }

    /// How many differences were acted on.
    async fn compare_target(&self, target: &Target) -> Result<u64, String> {
        let connector = self.targets.connector(target).map_err(|e| e.to_string())?;
        // The list is taken before the rows: what is made in between has a row ahead of its account.
        let listed = connector.list_marked().await.map_err(|e| e.to_string())?;
        let known: BTreeMap<String, Credential> = self
            .store
            .unrevoked_at(target.id)
            .await
            .map_err(|e| e.to_string())?
            .into_iter()
            .map(|c| (c.external_name.clone(), c))
            .collect();
        let mut acted = 0;
        for account in &listed {
            if !known.contains_key(&account.external_name) {
                acted += u64::from(self.unknown_account(target, account).await?);
            } else if !account.drift.is_empty() {
                tracing::warn!(target = %target.name, account = account.external_name, drift = ?account.drift, "an account differs from what was made");
            }
        }
        for credential in known.values().filter(|c| {
            c.state == CredentialState::Live && !listed.iter().any(|l| l.external_name == c.external_name)
        }) {
            acted += u64::from(self.missing_account(credential).await?);
        }
        Ok(acted)
    }

    /// Ours by mark, and no row that says it may be: a row once revoked is opened again; a row never known (a restored
    /// backup) is reported and left to an operator, because a backup must not remove what it does not know.
    async fn unknown_account(&self, target: &Target, account: &Listed) -> Result<bool, String> {
        let row = match account.credential {
            Some(id) => self.store.credential(CredentialId(id)).await.map_err(|e| e.to_string())?,
            None => None,
        };
        let now = self.now();
        match row {
            Some(c) if c.state == CredentialState::Revoked => {
                tracing::error!(target = %target.name, account = account.external_name, "an account that was verified absent is there again");
                let transition = Transition::new(now).event(event(
                    now,
                    "credential.reappeared",
                    ACTOR,
                    &subjects(&c),
                    json!({ "external_name": c.external_name }),
                    json!({}),
                ));
                self.commit(transition).await.map_err(|e| e.to_string())?;
                let _ = connector_removes(self, target, c).await;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => {
                tracing::error!(target = %target.name, account = account.external_name, "an account carries our mark but no row: an operator must confirm its removal");
                Ok(false)
            }
        }
    }

    /// Live here, absent there: somebody removed it by hand. It is revoked in the ordinary way, which verifies that.
    async fn missing_account(&self, credential: &Credential) -> Result<bool, String> {
        let now = self.now();
        let next = Credential {
            state: CredentialState::Revoking,
            due_at: now,
            next_attempt_at: now,
            last_error: Some("missing".to_owned()),
            version: credential.version + 1,
            ..credential.clone()
        };
        let transition = Transition::new(now)
            .event(event(
                now,
                "credential.missing",
                ACTOR,
                &subjects(&next),
                json!({ "external_name": next.external_name }),
                json!({}),
            ))
            .event(revoking_event(&next, ACTOR, now))
            .with(Change::Credential(Box::new(next)));
        Ok(self.commit(transition).await.is_ok())
    }
}

/// Removes an account whose row is terminal already; the event above is its record.
async fn connector_removes(broker: &Broker, target: &Target, credential: Credential) -> Result<(), String> {
    use hallpass_domain::ports::target::Step;
    let connector = broker.targets.connector(target).map_err(|e| e.to_string())?;
    for step in [Step::Deny, Step::EndSessions, Step::Remove, Step::VerifyAbsent] {
        for answer in connector.step(step, std::slice::from_ref(&credential)).await {
            answer.map_err(|e| e.to_string())?;
        }
    }
    Ok(())
}
