//! A restored backup: what is committed at once when it is noticed, at the start or beneath a running server. What shows it
//! outside is read in `outside.rs`; the rules stand in `hallpass_broker::restored`.
use std::sync::Arc;
use std::time::Duration;

use hallpass_adapters::sealing::AeadSealer;
use hallpass_adapters::signers::{CheckpointKeyRecord, RotationPolicy};
use hallpass_broker::access::FIRST_RUN_CLAIM;
use hallpass_broker::reconcile::seal_audit::LogSigner;
use hallpass_broker::restored::{BEFORE, LAST, RESTORED, Restored, Stored, entering, needs_a_secret};
use hallpass_domain::Timestamp;
use hallpass_domain::audit::keys::VerifierKey;
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;
use hallpass_domain::ports::store::{CommitError, ReadError, Store};
use hallpass_domain::secret::random_from;
use hallpass_domain::transition::Change;

use super::keys::{ALGS, CHECKPOINT_KEY, ORIGIN, TOKEN_KEYS};
use super::outside::{Evidence, judge};
use super::{Composed, StartError};

/// How long targets may take at a start where nothing else can tell.
const PATIENCE: Duration = Duration::from_secs(5);

/// Tries at a start to record it, each as long as the store tries, and the pause between two tries: another server that
/// records the same keeps this one waiting.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_secs(1);

fn read(error: ReadError) -> StartError {
    StartError(error.to_string())
}

/// At a start: what the places outside say is taken up before anything is served. Several servers may start on one restored
/// database; one of them records it, and the others wait for that and go on from it. Whether a place outside could tell.
///
/// # Errors
/// As [`judge`], and where it cannot be recorded: then nothing may be served.
pub async fn at_start(
    store: &dyn Store,
    sinks: &[Arc<dyn CheckpointSink>],
    signer: &LogSigner,
    sealer: &AeadSealer,
    now: Timestamp,
) -> Result<bool, StartError> {
    let mut tries = 0;
    loop {
        let key = signer.verifier();
        let judged = judge(store, sinks, &key).await?;
        let Some(evidence) = judged.evidence else { return Ok(judged.told) };
        tries += 1;
        match enter(store, sealer, evidence, &key, now).await {
            Ok(true) => return Ok(judged.told),
            Ok(false) => {}
            Err(error) if tries >= TRIES => return Err(error),
            Err(error) => {
                tracing::warn!(%error, "that this is a restored backup is not recorded yet; it is tried again");
                tokio::time::sleep(PAUSE).await;
            }
        }
        if let Some(stored) = super::keys::stored_checkpoint_signer(store, sealer).await? {
            signer.replace(stored);
        }
    }
}

/// Commits that this is a restored backup: bearers end, keys are new, the log goes on under a new origin. False where
/// another server did, or something else changed first: look again. `judged` is the log's key when the evidence was found:
/// what is evidence against that log is none against the one that another server went on with since.
///
/// # Errors
/// Where that cannot be committed: then nothing may be served.
pub async fn enter(
    store: &dyn Store,
    sealer: &AeadSealer,
    evidence: Evidence,
    judged: &VerifierKey,
    now: Timestamp,
) -> Result<bool, StartError> {
    let stored_origin = store.meta(ORIGIN).await.map_err(read)?;
    let stored_key = store.meta(CHECKPOINT_KEY).await.map_err(read)?;
    let stored_tokens = store.meta(TOKEN_KEYS).await.map_err(read)?;
    let origin_before = stored_origin.clone().unwrap_or_default();
    let vkey_before = stored_key
        .as_deref()
        .and_then(|t| serde_json::from_str::<CheckpointKeyRecord>(t).ok())
        .map(|r| r.verifier)
        .unwrap_or_default();
    if vkey_before != judged.to_string() {
        return Ok(false);
    }
    let origin = next_origin(&origin_before, now)?;
    let key = CheckpointKeyRecord::generate(&origin, sealer).map_err(|e| StartError(e.to_string()))?;
    let tokens =
        RotationPolicy::default().first_keys(&ALGS, now, sealer).map_err(|e| StartError(e.to_string()))?;
    let set = |key: &str, expected: Option<String>, value: String| Change::Meta {
        key: key.to_owned(),
        expected,
        value: Some(value),
    };
    let changes = vec![
        set(ORIGIN, stored_origin, origin.clone()),
        set(CHECKPOINT_KEY, stored_key, text(&key)?),
        // None of the old ones is published any more: what they signed verifies nowhere.
        set(TOKEN_KEYS, stored_tokens, text(&tokens)?),
    ];
    let clients = store.clients().await.map_err(read)?;
    let restored = Restored {
        since: now,
        found_in: evidence.found_in,
        why: evidence.why,
        origin_before,
        vkey_before,
        origin,
        cited_size: evidence.cited.as_ref().map(|(_, size)| *size),
        cited: evidence.cited.map(|(note, _)| note),
        size_here: store.log_head().await.map_err(read)?.size,
        clients: clients.iter().filter(|c| needs_a_secret(c)).map(|c| c.client_id.to_string()).collect(),
    };
    let meta = async |key: &str| store.meta(key).await.map_err(read);
    let before = Stored {
        restored: meta(RESTORED).await?,
        last: meta(LAST).await?,
        log_before: meta(BEFORE).await?,
        claim: meta(FIRST_RUN_CLAIM).await?,
    };
    let catalogue = store.catalogue().await.map_err(read)?;
    let transition =
        entering(&restored, before, &catalogue, &clients, changes).map_err(|e| StartError(e.to_string()))?;
    match store.commit(transition).await {
        Ok(()) => {}
        Err(CommitError::Conflict(_)) => return Ok(false),
        Err(error) => return Err(StartError(error.to_string())),
    }
    tracing::error!(
        found_in = restored.found_in,
        "{} Everybody is signed out, and targets are only looked at, until an operator has run: hallpassd restored confirm",
        restored.why
    );
    Ok(true)
}

fn text(value: &impl serde::Serialize) -> Result<String, StartError> {
    serde_json::to_string(value).map_err(|e| StartError(e.to_string()))
}

/// `host/hallpass/abc` becomes `host/hallpass/abc/restored-20261125T140000Z-k3x9`; unique, because a copy may be put back
/// twice.
fn next_origin(before: &str, now: Timestamp) -> Result<String, StartError> {
    let base = before.split("/restored-").next().unwrap_or(before);
    let mark =
        random_from(b"abcdefghijklmnopqrstuvwxyz0123456789", 4).map_err(|e| StartError(e.to_string()))?;
    Ok(format!("{base}/restored-{}-{mark}", now.format("%Y%m%dT%H%M%SZ")))
}

/// Asks the targets; commits what they show, however long that takes, and takes it up here.
///
/// # Errors
/// As [`take_up`].
pub async fn look_at_targets(composed: &Composed) -> Result<(), StartError> {
    let broker = &composed.broker;
    let key = broker.log_signer.verifier();
    let Some(ahead) = broker.look_for_lost_accounts(PATIENCE).await else { return Ok(()) };
    let evidence = Evidence {
        found_in: format!("target {}", ahead.target),
        why: format!(
            "{} has the account {}, which carries our mark, is newer than every account that the database knows, and has no row in it: it is a restored backup.",
            ahead.target, ahead.account
        ),
        cited: None,
    };
    noticed(composed, evidence, &key).await
}

/// As a place outside shows while the server runs: a database that was put back beneath it. Commits that, however long it
/// takes, and takes it up here.
///
/// # Errors
/// As [`judge`] and [`take_up`].
pub async fn look_outside(composed: &Composed) -> Result<(), StartError> {
    let broker = &composed.broker;
    let key = broker.log_signer.verifier();
    match judge(broker.store.as_ref(), &broker.checkpoint_sinks, &key).await?.evidence {
        Some(evidence) => noticed(composed, evidence, &key).await,
        None => Ok(()),
    }
}

async fn noticed(composed: &Composed, evidence: Evidence, judged: &VerifierKey) -> Result<(), StartError> {
    let broker = &composed.broker;
    // With many tokens it takes a while, in which none of them may open anything here; and as long as it cannot be recorded,
    // what was noticed once is not forgotten.
    broker.restored.noticed();
    while let Err(error) =
        enter(broker.store.as_ref(), &composed.sealer, evidence.clone(), judged, broker.now()).await
    {
        tracing::error!(%error, "this is a restored backup, which is not recorded yet; it is tried again");
        tokio::time::sleep(PAUSE).await;
    }
    take_up(composed).await
}

/// Takes up what this or another server has committed about a restore: state, log key, token keys.
///
/// # Errors
/// The store cannot be read, or a key does not open.
pub async fn take_up(composed: &Composed) -> Result<(), StartError> {
    let broker = &composed.broker;
    broker.step_look_restored().await.map_err(|refusal| StartError(refusal.message))?;
    broker.tokens.forget_all();
    let store = broker.store.as_ref();
    if let Some(signer) = super::keys::stored_checkpoint_signer(store, &composed.sealer).await? {
        broker.log_signer.replace(signer);
    }
    super::keys::reload_token_keys(store, &composed.sealer, &composed.keys).await
}
