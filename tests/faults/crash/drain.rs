//! Waiting until everything that is due is over and recorded.
use std::time::Duration;

use hallpass_tests::outsider::Outsider;
use hallpass_tests::process::Process;
use hallpass_tests::wait::eventually_within;
use hallpass_tests::world::Place;

use crate::ledger::published;

/// Everything due must be gone so soon after a start: before any lease of the dead server would have run out.
pub(super) const DRAIN: Duration = Duration::from_secs(28);
/// A trial's account is proven gone so soon: when its create can land no more, and some tries on a busy target.
const TRIALS: Duration = Duration::from_secs(90);

/// Everything is over and recorded.
const OPEN: &str = "SELECT (SELECT count(*) FROM credentials WHERE state <> 'revoked') + (SELECT count(*) FROM grants WHERE state <> 'ended')
    + (SELECT count(*) FROM mails WHERE state = 'queued') + (SELECT count(*) FROM audit_events WHERE leaf_index IS NULL)";

/// What is told of it where it is not.
const LEFT: [&str; 4] = [
    "SELECT id, state, due_at, next_attempt_at, claimed_by, claimed_until, create_deadline, last_error, attempts FROM credentials WHERE state <> 'revoked'",
    "SELECT id, state, ends_at, end_reason FROM grants WHERE state <> 'ended'",
    "SELECT id, kind, claimed_by, claimed_until, next_attempt_at, attempts FROM mails WHERE state = 'queued'",
    "SELECT count(*) FROM audit_events WHERE leaf_index IS NULL",
];

/// Trials whose account is not proven gone.
const OPEN_TRIALS: &str = "SELECT count(*) FROM target_checks WHERE open";

/// Waits for it, by a connection to the store that is not Hallpass's.
pub(super) async fn drained(after: &str, server: &Process, outsider: &mut Outsider, place: &Place) {
    let outsider = tokio::sync::Mutex::new(outsider);
    eventually_within(TRIALS, &format!("trials to be over after {after}\n{}", server.log()), || async {
        (outsider.lock().await.number(OPEN_TRIALS).await == 0).then_some(())
    })
    .await;
    let (log, checkpoints) = (server.log(), place.checkpoints());
    let nearly = tokio::time::Instant::now() + DRAIN - Duration::from_secs(1);
    let told = std::sync::Once::new();
    eventually_within(DRAIN, &format!("an end of everything after {after}\n{log}"), || async {
        let mut outsider = outsider.lock().await;
        let open = outsider.number(OPEN).await;
        let sealed = outsider.number("SELECT size FROM audit_head WHERE id = 1").await;
        if tokio::time::Instant::now() > nearly && !told.is_completed() {
            told.call_once(|| ());
            let published = published(&checkpoints);
            eprintln!("still open after {after}: {open} rows, {sealed} sealed, {published:?} published");
            for sql in LEFT {
                eprintln!("{sql}: {:?}", outsider.sql(sql).await);
            }
        }
        (open == 0 && published(&checkpoints) == Some(sealed)).then_some(())
    })
    .await;
}
