//! Compares what targets list under our mark with what is known. What differs is a finding: recorded with its event, mailed
//! once per change to those who answer for the target, and closed when it is so no more. An account that was verified absent
//! and is there again is removed again; one that no row of ours knows waits for an administrator's yes, because a restored
//! backup must not remove what it does not know; one that is gone at the target is revoked in the ordinary way.
use std::collections::{BTreeMap, BTreeSet};

use hallpass_domain::credential::{Credential, CredentialState};
use hallpass_domain::finding::{Finding, FindingKind};
use hallpass_domain::ids::{CredentialId, FindingId};
use hallpass_domain::ports::store::CommitError;
use hallpass_domain::ports::target::{Listed, TargetConnector};
use hallpass_domain::target::{Target, TargetSettings};
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::findings::{about, kind_of};
use super::reports::Report;
use crate::broker::Broker;
use crate::events::event;
use crate::grants::ending::{made_due, revoking_event};
use crate::mails;

const ACTOR: &str = "system:comparer";
/// Findings taken in at a time; the rest comes with the next comparison.
const MOST: usize = 200;

/// What an account is now, other than known and as made.
struct Seen<'a> {
    account: Option<&'a Listed>,
    credential: Option<Credential>,
    kind: FindingKind,
    differences: Vec<String>,
}

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
                Err(error) => {
                    self.comparisons.failed(target.id, &error, self.now());
                    report.error = Some(format!("{}: {error}", target.name));
                }
            }
        }
        report
    }

    /// How many differences were recorded or closed.
    pub async fn compare_target(&self, target: &Target) -> Result<u64, String> {
        let connector = self.targets.connector(target).map_err(|e| e.to_string())?;
        let begun = self.now();
        let listed = connector.list_marked().await.map_err(|e| e.to_string())?;
        let seen = self.differences_at(target, connector.as_ref(), &listed, begun).await?;
        let open: BTreeMap<String, Finding> = self
            .findings_at(target.id)
            .await
            .map_err(|e| e.to_string())?
            .into_iter()
            .map(|f| (f.external_name.clone(), f))
            .collect();
        let recorded = self.record_differences(target, &seen, &open).await?;
        let mut closed = 0;
        for finding in open.values() {
            // What is being removed is closed by its removal, which proves more.
            if finding.removing_since.is_none() && !seen.contains_key(&finding.external_name) {
                closed += u64::from(self.close_finding(finding).await);
            }
        }
        self.comparisons.done(target.id, seen.is_empty(), self.now());
        Ok(recorded + closed)
    }

    /// Every account that is not as our records say, by name.
    async fn differences_at<'a>(
        &self,
        target: &Target,
        connector: &dyn TargetConnector,
        listed: &'a [Listed],
        begun: hallpass_domain::Timestamp,
    ) -> Result<BTreeMap<String, Seen<'a>>, String> {
        // The list is taken before the rows: what is made in between has a row ahead of its account.
        let known: BTreeMap<String, Credential> = self
            .store
            .unrevoked_at(target.id)
            .await
            .map_err(|e| e.to_string())?
            .into_iter()
            .map(|c| (c.external_name.clone(), c))
            .collect();
        let mut seen = BTreeMap::new();
        for account in listed {
            let name = account.external_name.clone();
            match known.get(&name) {
                Some(_) if account.drift.is_empty() => {}
                Some(c) => {
                    let (credential, differences) = (Some(c.clone()), account.drift.clone());
                    seen.insert(
                        name,
                        Seen { account: Some(account), credential, kind: FindingKind::Changed, differences },
                    );
                }
                None => {
                    if let Some((kind, credential)) = self.stranger(target, account).await? {
                        let differences = vec![match kind {
                            FindingKind::Reappeared => "was verified absent, and is there again".to_owned(),
                            _ if account.credential.is_none() => {
                                "carries our mark, but not in a form that Hallpass can read".to_owned()
                            }
                            _ if !account.proven => {
                                "carries our mark without the proof that we made it, and no record of ours knows it"
                                    .to_owned()
                            }
                            _ => "carries our mark, and no record of ours knows it".to_owned(),
                        }];
                        seen.insert(name, Seen { account: Some(account), credential, kind, differences });
                    }
                }
            }
        }
        // Between the list and the rows an account may have been removed: said only where it is there still, after the row
        // was read as revoked or absent.
        if seen.values().any(|s| s.kind != FindingKind::Changed) {
            let again = connector.list_marked().await.map_err(|e| e.to_string())?;
            let still: BTreeSet<(&str, Option<i64>)> =
                again.iter().map(|l| (l.external_name.as_str(), l.external_oid)).collect();
            seen.retain(|name, s| {
                let oid = s.account.and_then(|a| a.external_oid);
                s.kind == FindingKind::Changed || still.contains(&(name.as_str(), oid))
            });
        }
        // Live before the list was asked for, and not in it: somebody removed it by hand.
        let names: BTreeSet<&str> = listed.iter().map(|l| l.external_name.as_str()).collect();
        for (name, credential) in known {
            let live =
                credential.state == CredentialState::Live && credential.live_at.is_some_and(|at| at < begun);
            if live && !names.contains(name.as_str()) {
                let differences = vec!["is gone at the target, and was not removed by Hallpass".to_owned()];
                let credential = Some(credential);
                seen.insert(
                    name,
                    Seen { account: None, credential, kind: FindingKind::Missing, differences },
                );
            }
        }
        Ok(seen)
    }

    /// What an account is that no unrevoked row knows; none where it has a row after all (another target of the same
    /// cluster, or made just now), or is a trial's.
    async fn stranger(
        &self,
        target: &Target,
        account: &Listed,
    ) -> Result<Option<(FindingKind, Option<Credential>)>, String> {
        let Some(id) = account.credential.map(CredentialId) else {
            return Ok(Some((FindingKind::Unknown, None)));
        };
        if self.store.target_check(id).await.map_err(|e| e.to_string())?.is_some_and(|c| c.is_open()) {
            return Ok(None);
        }
        match self.store.credential(id).await.map_err(|e| e.to_string())? {
            None => Ok(Some((FindingKind::Unknown, None))),
            // A mark that was copied to a role of somebody else.
            Some(c) if c.external_name != account.external_name => Ok(Some((FindingKind::Unknown, None))),
            Some(c) if c.state == CredentialState::Revoked && c.target_id == target.id => {
                Ok(Some((FindingKind::Reappeared, Some(c))))
            }
            Some(_) => Ok(None),
        }
    }

    /// Records what is new or changed, each once; how many.
    async fn record_differences(
        &self,
        target: &Target,
        seen: &BTreeMap<String, Seen<'_>>,
        open: &BTreeMap<String, Finding>,
    ) -> Result<u64, String> {
        let now = self.now();
        let catalogue = self.store.catalogue().await.map_err(|e| e.to_string())?;
        let mut together = Transition::new(now);
        let mut told = Vec::new();
        let (mut recorded, mut failed) = (0, None);
        for (name, s) in seen {
            let before = open.get(name);
            if before.is_some_and(|f| f.kind == s.kind && f.differences == s.differences)
                || told.len() >= MOST
            {
                continue;
            }
            let finding = finding(target, name, s, before, now);
            let said = event(
                now,
                kind_of(finding.kind),
                ACTOR,
                &about(&finding),
                json!({ "external_name": name, "differences": finding.differences.len() }),
                json!({ "differences": finding.differences }),
            );
            tracing::warn!(target = %target.name, account = name, kind = finding.kind.as_str(), "an account is not as our records say");
            if let (FindingKind::Missing, Some(credential)) = (finding.kind, &s.credential) {
                // Alone: a credential that moved meanwhile must not keep the others from being told.
                let Some(due) = made_due(credential, now) else { continue };
                let next = Credential { last_error: Some("missing".to_owned()), ..due };
                let alone = Transition::new(now)
                    .event(said)
                    .event(revoking_event(&next, ACTOR, now))
                    .mails(mails::target_differs(&catalogue, target, std::slice::from_ref(&finding), now))
                    .with(Change::Finding(Box::new(finding)))
                    .with(Change::Credential(Box::new(next)));
                match self.commit(alone).await {
                    Ok(()) => recorded += 1,
                    // It was moved meanwhile, by its end or another server.
                    Err(CommitError::Conflict(_)) => {}
                    Err(error) => failed = Some(error),
                }
                continue;
            }
            together = together.event(said).with(Change::Finding(Box::new(finding.clone())));
            told.push(finding);
        }
        if !told.is_empty() {
            let together = together.mails(mails::target_differs(&catalogue, target, &told, now));
            match self.commit(together).await {
                Ok(()) => recorded += u64::try_from(told.len()).unwrap_or(0),
                // Another server compared at the same moment, and told it.
                Err(CommitError::Conflict(_)) => {}
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(recorded), |error| Err(error.to_string()))
    }

    /// It is as our records say again, or gone.
    async fn close_finding(&self, finding: &Finding) -> bool {
        let now = self.now();
        let next = Finding { closed_at: Some(now), version: finding.version + 1, ..finding.clone() };
        let transition = Transition::new(now)
            .event(event(
                now,
                "account.finding_closed",
                ACTOR,
                &about(&next),
                json!({ "external_name": next.external_name, "was": next.kind.as_str() }),
                json!({}),
            ))
            .with(Change::Finding(Box::new(next)));
        self.commit(transition).await.is_ok()
    }
}

fn finding(
    target: &Target,
    name: &str,
    seen: &Seen<'_>,
    before: Option<&Finding>,
    now: hallpass_domain::Timestamp,
) -> Finding {
    let credential = seen.credential.as_ref().map(|c| c.id);
    let removed_before = (seen.kind == FindingKind::Reappeared).then_some(now);
    Finding {
        id: before.map_or_else(|| FindingId::new(now), |f| f.id),
        target_id: target.id,
        external_name: name.to_owned(),
        external_oid: seen.account.and_then(|a| a.external_oid),
        credential_id: credential.or(seen.account.and_then(|a| a.credential).map(CredentialId)),
        groups: seen.account.map(|a| a.groups.clone()).unwrap_or_default(),
        kind: seen.kind,
        differences: seen.differences.clone(),
        first_seen_at: before.map_or(now, |f| f.first_seen_at),
        changed_at: now,
        removing_since: before.and_then(|f| f.removing_since).or(removed_before),
        confirmed_by: before.and_then(|f| f.confirmed_by),
        trouble: None,
        attempts: 0,
        next_attempt_at: now,
        closed_at: None,
        version: before.map_or(1, |f| f.version + 1),
    }
}
