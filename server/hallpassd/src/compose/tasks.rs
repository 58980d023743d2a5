//! What runs beside the HTTP server: reconcilers, clock samples, key rotation, notices from other replicas.
use std::sync::Arc;
use std::time::{Duration, Instant};

use hallpass_domain::transition::{Change, Transition};
use tokio::task::JoinHandle;

use super::{CLOCK_MARK, Composed, StartError, keys, restored};

/// Starts everything; it runs until aborted.
pub fn start(composed: &Composed) -> Vec<JoinHandle<()>> {
    let mut tasks = hallpass_broker::reconcile::driver::start(&composed.broker);
    tasks.push(sample_clock(composed));
    tasks.push(rotate_keys(composed));
    tasks.push(hear_notices(composed));
    tasks.push(watch_restored(composed));
    tasks
}

/// Looks each second whether a restore was noticed or confirmed elsewhere, or keys were rotated; now and then itself, at the
/// places outside and at the targets: a database may be put back beneath a running server.
fn watch_restored(composed: &Composed) -> JoinHandle<()> {
    let composed = composed.clone();
    tokio::spawn(async move {
        let mut round: u64 = 0;
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut done = Ok(());
            // A store that cannot be read is told of by everything else: here it is asked again in a second.
            if composed.broker.step_look_restored().await.unwrap_or(false) {
                done = restored::take_up(&composed).await;
            } else if let Err(error) = take_up_keys(&composed).await {
                done = Err(error);
            } else if round % 10 == 9 {
                done = restored::look_outside(&composed).await;
            } else if round % 300 == 4 && !composed.broker.restored.is_on() {
                done = restored::look_at_targets(&composed).await;
            }
            if let Err(error) = done {
                tracing::error!(%error, "whether this is a restored backup, or keys were rotated, could not be told");
            }
            round += 1;
        }
    })
}

/// In the same turn as what a restore changes, so that neither undoes the other. The sealer stands still while its key is one
/// that was rotated away, and whoever reads the key set here meets tokens that another server signed: hence each second.
async fn take_up_keys(composed: &Composed) -> Result<(), StartError> {
    let store = composed.broker.store.as_ref();
    keys::reload_log_key(store, &composed.sealer, &composed.broker.log_signer).await?;
    keys::reload_token_keys(store, &composed.sealer, &composed.keys).await
}

/// Samples database time each second; an answer that took longer than a second says little and is dropped.
fn sample_clock(composed: &Composed) -> JoinHandle<()> {
    let (broker, clock) = (Arc::clone(&composed.broker), composed.clock.clone());
    tokio::spawn(async move {
        let Some(clock) = clock else { return };
        let mut rounds = 0u64;
        let mut stored: Option<String> = broker.store.meta(CLOCK_MARK).await.ok().flatten();
        loop {
            let asked = Instant::now();
            if let Ok(database) = broker.store.database_time().await
                && asked.elapsed() < Duration::from_secs(1)
            {
                clock.observe(database, Instant::now());
            }
            rounds += 1;
            if rounds.is_multiple_of(30) {
                let mark = clock.high_water().to_rfc3339();
                // A mark is no state that anybody acts on but this clock: it has no event of its own.
                let change = Change::Meta {
                    key: CLOCK_MARK.to_owned(),
                    expected: stored.clone(),
                    value: Some(mark.clone()),
                };
                stored = match broker.store.commit(Transition::new(broker.now()).with(change)).await {
                    Ok(()) => Some(mark),
                    Err(_) => broker.store.meta(CLOCK_MARK).await.ok().flatten(),
                };
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    })
}

/// Looks once a minute whether token keys are due for a successor.
fn rotate_keys(composed: &Composed) -> JoinHandle<()> {
    let (broker, ring, sealer) =
        (Arc::clone(&composed.broker), Arc::clone(&composed.keys), Arc::clone(&composed.sealer));
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(60)).await;
            if let Err(error) = keys::rotate_token_keys(
                broker.store.as_ref(),
                &sealer,
                &ring,
                keys::Rotate::WhenDue,
                broker.now(),
            )
            .await
            {
                tracing::error!(%error, "token keys were not rotated");
            }
        }
    })
}

/// How long after the last proof that every notice arrived memory is still asked. Whoever revokes waits a second for
/// replicas that do not hear; this is less.
const DEAF: Duration = Duration::from_millis(900);

/// Takes notices of commits, ours and other replicas', and stops answering from memory while they do not come.
pub fn hear_notices(composed: &Composed) -> JoinHandle<()> {
    let (broker, store) = (Arc::clone(&composed.broker), composed.store.clone());
    tokio::spawn(async move {
        let mut changes = store.changes();
        if store.is_shared() {
            // Until the first proof that notices arrive.
            broker.tokens.fresh_until(Some(Instant::now()));
        }
        loop {
            match tokio::time::timeout(Duration::from_millis(200), changes.recv()).await {
                Ok(Ok(notice)) => super::notices::apply(&broker, &notice),
                // Some were lost: everything may be stale.
                Ok(Err(tokio::sync::broadcast::error::RecvError::Lagged(_))) => broker.tokens.forget_all(),
                Ok(Err(tokio::sync::broadcast::error::RecvError::Closed)) => return,
                Err(_) => {}
            }
            if store.is_shared() {
                // Looked at in this order: what was told before that sign of life has all been applied then.
                let heard = store.last_heard();
                if changes.is_empty()
                    && let Some(heard) = heard
                {
                    broker.tokens.fresh_until(Some(heard + DEAF));
                }
            }
        }
    })
}
