//! What the reconcilers report, how targets are, and what is overdue.
use hallpass_domain::Timestamp;
use hallpass_domain::ids::{FindingId, TargetId};
use hallpass_domain::principal::Duty;
use hallpass_domain::refusal::Refusal;
use hallpass_domain::target::TargetSettings;
use hallpass_domain::target_check::TargetCheck;

use super::findings::{finding_row, named};
use crate::broker::{Broker, unreadable};
use crate::caller::Caller;
use crate::reconcile::comparisons::Compared;
use crate::restored::Restored;
use crate::views::reports::{Figure, OverdueRow, ReconcilerRow, ReportsView, RestoredFact, TargetReport};

/// Findings on one page.
const PAGE: u32 = 50;
/// Overdue credentials shown on the page.
const OVERDUE_SHOWN: u32 = 100;

impl Broker {
    /// For administrators, auditors, and owners of targets; with the findings that were seen before one of them, or the newest,
    /// at the target of this name or at all.
    ///
    /// # Errors
    /// Not found for others, and where there is no such target.
    pub async fn reports_view(
        &self,
        caller: &Caller,
        at: Option<&str>,
        before: Option<FindingId>,
    ) -> Result<ReportsView, Refusal> {
        let catalogue = self.overseen(caller).await?;
        let only = at.map(|name| named(&catalogue, name)).transpose()?;
        let now = self.now();
        let overdue = self.store.overdue(now, OVERDUE_SHOWN).await.map_err(unreadable)?;
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
        let counted = self.store.count_findings().await.map_err(unreadable)?;
        let differing = |of: Option<TargetId>| -> u64 {
            counted.iter().filter(|(t, ..)| of.is_none_or(|of| of == *t)).map(|(.., n)| n).sum()
        };
        let mut shown = self.store.newest_findings(only, before, PAGE + 1).await.map_err(unreadable)?;
        let more = shown.len() > PAGE as usize;
        shown.truncate(PAGE as usize);
        let mut targets = Vec::new();
        for target in
            catalogue.targets.values().filter(|t| matches!(t.settings, TargetSettings::Postgresql(_)))
        {
            let unrevoked = self.store.unrevoked_at(target.id).await.map_err(unreadable)?;
            let revoking = unrevoked.iter().filter(|c| c.due_at <= now).count();
            let differing = differing(Some(target.id));
            let compared = compared(&self.comparisons.of(target.id), differing, now);
            let tried = tried(self.store.last_check(target.id).await.map_err(unreadable)?.as_ref(), now);
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
                findings: differing,
                compared: compared.0,
                differs: compared.1,
                tried: tried.0,
                unfit: tried.1,
                can_try: caller.has(Duty::Administrator),
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
            findings_count: differing(only),
            findings_at: at.map(str::to_owned),
            findings_next: shown.last().filter(|_| more).map(|f| f.id.to_string()),
            findings_first: before.is_none(),
            findings: shown.iter().map(|f| finding_row(&catalogue, caller, f)).collect(),
            // Counted apart from the list: a list says how many rows it has, not how many there are.
            overdue_count: usize::try_from(count).unwrap_or(usize::MAX),
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

/// When a target was compared and what that came to; and whether somebody should look.
fn compared(last: &Compared, differing: u64, now: Timestamp) -> (String, bool) {
    let ago =
        |at: Timestamp| hallpass_domain::window::describe_seconds((now - at).num_seconds().max(1)) + " ago";
    let accounts =
        if differing == 1 { "1 account differs".to_owned() } else { format!("{differing} accounts differ") };
    let (mut said, mut bad) = match (last.at, last.same_since) {
        (None, _) if differing > 0 => (format!("{accounts}; not compared since this server's start"), true),
        (None, _) => ("not compared yet".to_owned(), false),
        (Some(at), _) if differing > 0 => (format!("{accounts}; compared {}", ago(at)), true),
        (Some(at), Some(since)) => {
            (format!("the same since {} UTC; compared {}", since.format("%-d %b %H:%M:%S"), ago(at)), false)
        }
        (Some(at), None) => (format!("compared {}", ago(at)), false),
    };
    if let Some((at, why)) = &last.failed {
        said = format!("{said}; the last attempt, {}, came to nothing: {why}", ago(*at));
        bad = true;
    }
    (said, bad)
}

/// How the last trial of a target went, and whether it is unfit.
fn tried(check: Option<&TargetCheck>, now: Timestamp) -> (Option<String>, bool) {
    let Some(check) = check else { return (None, false) };
    let ago = hallpass_domain::window::describe_seconds((now - check.begun_at).num_seconds().max(1));
    match &check.found {
        Some(found) if found.problems.is_empty() => {
            (Some(format!("fit, PostgreSQL {}; tried {ago} ago", found.version)), false)
        }
        Some(found) => (Some(format!("NOT fit, tried {ago} ago: {}", found.problems.join("; "))), true),
        None => (Some(format!("tried {ago} ago, without an answer")), false),
    }
}

fn purpose(name: &str) -> &'static str {
    match name {
        "expire" => "Ends grants whose time is up, and finishes those of which nothing is left",
        "dispatch" => "Starts a lane for each target that has something due",
        "revoke" => "Denies, ends sessions, removes and verifies at targets",
        "mail" => "Delivers the outbox",
        "seal" => "Seals audit events and publishes checkpoints",
        "evidence" => "Notices audit events that are not sealed, and checkpoints that do not get out",
        "lapse" => "Lapses requests that nobody decided",
        "alert" => "Alerts about removals that are overdue",
        "probe" => "Looks whether the store can be written again",
        "journal" => "Records what was removed while the store could not be written",
        "window" => "Keeps the next minutes of due removals in memory",
        "keep" => "Writes that window down, for a start without the store",
        "unrecorded" => "Removes from memory while the store cannot be written",
        "eligibility" => "Ends access of those who may no longer have it",
        "sweep" => "Deletes what has expired",
        "checks" => "Proves that the accounts of trials of targets are gone",
        "findings" => "Removes accounts that comparing found and that may go",
        "sessions" => "Counts the sessions of logins that somebody looks at",
        "release" => "Takes up what a server that died was doing",
        "compare" => "Compares targets with what is known",
        _ => "",
    }
}
