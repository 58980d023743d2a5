//! Runs the reconcilers: woken by nudges and by the clock. Every loop survives any error of a run.
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::deliveries::Deliveries;
use super::remove_unrecorded::Removals;
use super::reports::Report;
use crate::broker::Broker;

/// Longest time between two looks, where nothing nudges.
const TICK: Duration = Duration::from_secs(1);

/// Starts every reconciler; they run until aborted.
pub fn start(broker: &Arc<Broker>) -> Vec<JoinHandle<()>> {
    vec![
        tokio::spawn(ends(Arc::clone(broker))),
        tokio::spawn(mails(Arc::clone(broker))),
        tokio::spawn(seals(Arc::clone(broker))),
        tokio::spawn(evidence(Arc::clone(broker))),
        tokio::spawn(slow(Arc::clone(broker))),
        tokio::spawn(guard(Arc::clone(broker))),
    ]
}

async fn wait(bell: &Notify, at_most: Duration) {
    let _ = tokio::time::timeout(at_most, bell.notified()).await;
}

/// Ends of grants and removals: sleeps to the very instant of the next end.
async fn ends(broker: Arc<Broker>) {
    note(&broker, "release", broker.step_release_claims().await);
    loop {
        let looked = broker.now();
        // Logins first: who is in goes out while the grants that are over are written down.
        let report = broker.dispatch_revocations().await;
        broker.reports.note("dispatch", report, broker.now());
        let report = broker.step_expire_grants().await;
        let again = report.done > 0;
        broker.reports.note("expire", report, broker.now());
        if again {
            continue;
        }
        // What was due when it looked and is there still waits for its target: a tick is soon enough for that.
        let next = broker.store.next_due(looked).await.ok().flatten();
        let until = next.map_or(TICK, |t| {
            (t - broker.now()).to_std().unwrap_or(Duration::ZERO).clamp(Duration::from_millis(5), TICK)
        });
        wait(&broker.nudges.ends, until).await;
    }
}

/// Mails: what is due is begun at every nudge and as soon as there is room, beside those that are still under way.
async fn mails(broker: Arc<Broker>) {
    let mut deliveries = Deliveries::new();
    let mut report = Report::default();
    loop {
        if let Err(error) = deliveries.begin(&broker).await {
            report.error = Some(error);
        }
        broker.reports.note("mail", std::mem::take(&mut report), broker.now());
        tokio::select! {
            () = deliveries.one_ends(&mut report), if !deliveries.is_empty() => {}
            () = wait(&broker.nudges.mail, TICK) => {}
        }
    }
}

/// The sealer batches for a quarter of a second, so that one checkpoint covers many events.
async fn seals(broker: Arc<Broker>) {
    loop {
        let report = broker.step_seal_audit().await;
        let again = report.done >= 10_000;
        broker.reports.note("seal", report, broker.now());
        if !again {
            wait(&broker.nudges.seal, TICK).await;
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

/// Looks whether what was sealed is what was recorded, and whether it got out. On its own, because an audit log that somebody
/// has locked keeps waiting whoever asks for it.
async fn evidence(broker: Arc<Broker>) {
    loop {
        note(&broker, "evidence", broker.step_watch_audit().await);
        tokio::time::sleep(TICK).await;
    }
}

/// Fails closed within seconds of the store's failure, and removes meanwhile what is due from memory. On its own, because
/// the other loops may be waiting for that very store.
async fn guard(broker: Arc<Broker>) {
    let mut round: u64 = 0;
    let mut removals = Removals::new();
    loop {
        note(&broker, "probe", broker.step_probe_store().await);
        note(&broker, "journal", broker.step_record_journal().await);
        if broker.health.is_writable() {
            // What this server commits itself is noted at once; the rest is read every quarter of a minute.
            if round.is_multiple_of(15) {
                note(&broker, "window", broker.step_fill_window().await);
            }
            note(&broker, "keep", broker.step_keep_window().await);
            note(&broker, "clock", broker.step_watch_clock().await);
            round += 1;
        } else {
            round = 0;
            removals.begin(&broker);
        }
        note(&broker, "unrecorded", removals.ended());
        tokio::time::sleep(TICK).await;
    }
}

/// Work that is not urgent.
async fn slow(broker: Arc<Broker>) {
    let mut round: u64 = 0;
    let mut clearing: Option<JoinHandle<()>> = None;
    loop {
        note(&broker, "lapse", broker.step_lapse_requests().await);
        note(&broker, "alert", broker.step_alert_overdue().await);
        // Once more after the start: connections of a server that was killed a moment before may have been seen still.
        if matches!(round, 1 | 5) {
            note(&broker, "release", broker.step_release_claims().await);
        }
        if round.is_multiple_of(10) {
            note(&broker, "sweep", broker.step_sweep().await);
        }
        // Heals an apply that was cut off, and whatever lost its right beside a decision.
        if round % 60 == 20 {
            let ended = broker.end_what_may_not_be().await;
            let report = match ended {
                Ok(ended) => Report { done: u64::try_from(ended.len()).unwrap_or(0), ..Report::default() },
                Err(refusal) => Report { error: Some(refusal.message), ..Report::default() },
            };
            note(&broker, "eligibility", report);
        }
        // On their own, as all that asks targets: one that does not answer must keep nothing else from its turn.
        if round % 5 == 2 && clearing.as_ref().is_none_or(JoinHandle::is_finished) {
            let broker = Arc::clone(&broker);
            clearing = Some(tokio::spawn(async move {
                note(&broker, "checks", broker.step_finish_checks().await);
                note(&broker, "findings", broker.step_remove_findings().await);
            }));
        }
        if round.is_multiple_of(2) {
            let counting = Arc::clone(&broker);
            tokio::spawn(async move { note(&counting, "sessions", counting.step_count_sessions().await) });
        }
        // First after half a minute, so that a start is not slowed; then every five minutes.
        if round % 300 == 30 {
            let comparing = Arc::clone(&broker);
            tokio::spawn(async move { note(&comparing, "compare", comparing.step_compare_targets().await) });
        }
        round += 1;
        tokio::time::sleep(TICK).await;
    }
}

fn note(broker: &Broker, name: &'static str, report: Report) {
    broker.reports.note(name, report, broker.now());
}
