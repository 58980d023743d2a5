//! What the reconcilers report, how targets are, and what is overdue.
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::target::TargetSettings;

use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::restored::Restored;
use crate::views::reports::{Figure, OverdueRow, ReconcilerRow, ReportsView, RestoredFact, TargetReport};

impl Broker {
    /// Administrators, auditors, and owners of targets.
    pub async fn reports_view(&self, caller: &Caller) -> Result<ReportsView, Refusal> {
        let catalogue = self.catalogue().await?;
        let owner = caller.user().is_some_and(|u| catalogue.targets.values().any(|t| t.owners.contains(&u)));
        if !owner && !caller.has(Duty::Administrator) && !caller.has(Duty::Auditor) {
            return Err(Refusal::not_found("page"));
        }
        let now = self.now();
        let overdue = self.store.overdue(now, 100).await.map_err(unreadable)?;
        let count = self.store.count_overdue(now).await.map_err(unreadable)?;
        let (unsealed, _) = self.store.unsealed_tail().await.map_err(unreadable)?;
        let (oldest, queued) = self.store.outbox_age().await.map_err(unreadable)?;
        let (_, revoked, sum) = self.reports.lag.read();
        let figure = |label: &str, value: String, bad: bool| Figure {
            label: label.to_owned(),
            value,
            tone: if bad { "bad" } else { "good" }.to_owned(),
        };
        #[expect(clippy::cast_precision_loss, reason = "a mean for people")]
        let mean =
            if revoked == 0 { "none yet".to_owned() } else { format!("{:.2} s", sum / revoked as f64) };
        let mut targets = Vec::new();
        for target in
            catalogue.targets.values().filter(|t| matches!(t.settings, TargetSettings::Postgresql(_)))
        {
            let unrevoked = self.store.unrevoked_at(target.id).await.map_err(unreadable)?;
            let revoking = unrevoked.iter().filter(|c| c.due_at <= now).count();
            let down = self.breakers.down().iter().any(|(t, _)| *t == target.id);
            targets.push(TargetReport {
                name: target.name.to_string(),
                kind: super::lines::kind_in_words(target.settings.kind()),
                state: if target.disabled {
                    "disabled"
                } else if down {
                    "down"
                } else {
                    "up"
                }
                .to_owned(),
                last_seen_at: None,
                live: i64::try_from(unrevoked.len() - revoking).unwrap_or(0),
                revoking: i64::try_from(revoking).unwrap_or(0),
                drift: Vec::new(),
                trouble: down
                    .then(|| "It does not answer; removals wait for it and go on by themselves.".to_owned()),
            });
        }
        Ok(ReportsView {
            restored: self.restored.get().map(|r| restored_facts(&r)).unwrap_or_default(),
            figures: vec![
                figure("Overdue at targets", count.to_string(), count > 0),
                figure("Mean time from end to verified absent", mean, false),
                figure("Events not sealed yet", unsealed.to_string(), unsealed > 10_000),
                figure(
                    "Mails waiting",
                    oldest.map_or_else(
                        || "none".to_owned(),
                        |t| {
                            format!(
                                "{queued}, oldest {}",
                                hallpass_domain::window::describe_seconds((now - t).num_seconds())
                            )
                        },
                    ),
                    queued > 100,
                ),
                figure(
                    "Store",
                    if self.health.is_writable() {
                        "writable"
                    } else {
                        "cannot be written: nothing is issued"
                    }
                    .to_owned(),
                    !self.health.is_writable(),
                ),
            ],
            reconcilers: self
                .reports
                .all()
                .into_iter()
                .map(|(name, s)| ReconcilerRow {
                    name: name.to_owned(),
                    purpose: purpose(name).to_owned(),
                    state: if s.last.error.is_some() { "failing" } else { "ok" }.to_owned(),
                    last_run_at: Some(s.ran_at),
                    took_ms: None,
                    done: i64::try_from(s.done).unwrap_or(i64::MAX),
                    failed: i64::from(s.last.error.is_some()),
                    due: i64::try_from(s.last.left).unwrap_or(i64::MAX),
                    next_run_at: None,
                    trouble: s.last.error,
                })
                .collect(),
            targets,
            overdue: overdue
                .into_iter()
                .map(|c| OverdueRow {
                    credential_id: c.id.to_string(),
                    grant_id: c.grant_id.to_string(),
                    target: catalogue
                        .targets
                        .get(&c.target_id)
                        .map(|t| t.name.to_string())
                        .unwrap_or_default(),
                    name: c.external_name,
                    due_at: c.due_at,
                    attempts: i64::from(c.attempts),
                    next_attempt_at: Some(c.next_attempt_at),
                    needs_human: matches!(c.last_error.as_deref(), Some("refused" | "not_ours")),
                    trouble: c.last_error,
                })
                .collect(),
        })
    }
}

fn restored_facts(restored: &Restored) -> Vec<RestoredFact> {
    let fact = |label: &str, value: String| RestoredFact { label: label.to_owned(), value };
    let mut facts = vec![
        fact("What shows it", format!("{} ({})", restored.why, restored.found_in)),
        fact("Noticed", restored.since.format("%Y-%m-%d %H:%M:%S UTC").to_string()),
        fact("What died", "every session, device code, API token, target token, recovery code and client secret issued before".to_owned()),
        fact("Log before", format!("{}, key {}", restored.origin_before, restored.vkey_before)),
        fact("Log now", restored.origin.clone()),
    ];
    if !restored.clients.is_empty() {
        facts.push(fact("Clients that need a new secret", restored.clients.join(", ")));
    }
    facts.push(fact(
        "What to do",
        "Read “Restoring a backup” in the operations page; then, on the server: hallpassd restored status, and hallpassd restored confirm.".to_owned(),
    ));
    facts
}

fn purpose(name: &str) -> &'static str {
    match name {
        "expire" => "Ends grants whose time is up, and finishes those of which nothing is left",
        "dispatch" => "Starts a lane for each target that has something due",
        "revoke" => "Denies, ends sessions, removes and verifies at targets",
        "mail" => "Delivers the outbox",
        "seal" => "Seals audit events and publishes checkpoints",
        "lapse" => "Lapses requests that nobody decided",
        "alert" => "Alerts about removals that are overdue",
        "probe" => "Looks whether the store can be written again",
        "journal" => "Records what was removed while the store could not be written",
        "window" => "Keeps the next minutes of due removals in memory",
        "keep" => "Writes that window down, for a start without the store",
        "unrecorded" => "Removes from memory while the store cannot be written",
        "eligibility" => "Ends access of those who may no longer have it",
        "sweep" => "Deletes what has expired",
        "compare" => "Compares targets with what is known",
        _ => "",
    }
}
