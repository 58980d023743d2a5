//! Keys and names that are made once and remembered: master key, token keys, checkpoint key, instance.
use std::sync::Arc;

use hallpass_adapters::sealing::{self, AeadSealer, MasterKeyError};
use hallpass_adapters::signers::{CheckpointKeyRecord, KeyRing, RotationPolicy, SigningKeyRecord};
use hallpass_adapters::targets::MarkKey;
use hallpass_broker::events::event;
use hallpass_broker::reconcile::seal_audit::LogSigner;
use hallpass_domain::Timestamp;
use hallpass_domain::audit::keys::NoteSigner;
use hallpass_domain::ports::sealer::{SealedAt, Sealer as _};
use hallpass_domain::ports::store::{CommitError, Store};
use hallpass_domain::secret::random_alphanumeric;
use hallpass_domain::target::TokenAlg;
use hallpass_domain::transition::{Change, Transition};
use secrecy::SecretString;
use serde_json::json;

use super::{Making, StartError};
use crate::config::Keys;

/// Where the master key may stand in the environment.
pub const MASTER_KEY_VARIABLE: &str = "HALLPASS_MASTER_KEY";
/// Characters of the key of account marks: 262 bits.
const MARK_KEY_LENGTH: usize = 44;
/// Algorithms that targets may ask for.
pub(super) const ALGS: [TokenAlg; 2] = [TokenAlg::EdDsa, TokenAlg::Es256];
/// Meta key of the master key's check value.
pub(super) const CHECK: &str = "keys.check";
/// Meta key of the log's origin.
pub(super) const ORIGIN: &str = hallpass_broker::reconcile::seal_audit::ORIGIN;
/// Meta key of the key that signs checkpoints.
pub(super) const CHECKPOINT_KEY: &str = "keys.checkpoint";
/// Meta key of the successor of that key, from its announcement until it signs.
pub(super) const NEXT_CHECKPOINT_KEY: &str = "keys.checkpoint.next";
/// Meta key of the token keys.
pub(super) const TOKEN_KEYS: &str = "keys.tokens";
/// Meta key of the key of account marks, sealed; and where it stands.
pub(super) const MARK_KEY: &str = "keys.marks";
pub(super) const MARK_KEY_AT: SealedAt<'static> = SealedAt { table: "meta", row: MARK_KEY, column: "value" };

/// The master keys from where they are configured; nothing is made.
pub fn master_keys(keys: &Keys) -> Result<sealing::MasterKeys, StartError> {
    let opened = if std::env::var_os(MASTER_KEY_VARIABLE).is_some() {
        sealing::from_environment(MASTER_KEY_VARIABLE)
    } else {
        sealing::from_file(&keys.master_key_file)
    };
    opened.map_err(|e| {
        StartError(format!(
            "{e}. Without the master key nothing stored can be opened, so the server does not start."
        ))
    })
}

/// Opens the master key and checks that it is the one that the data was sealed with. A wrong or missing key refuses
/// to start and never makes a new one, except at the first start of a data folder.
pub async fn sealer(
    keys: &Keys,
    store: &dyn Store,
    making: Making,
    now: Timestamp,
) -> Result<Arc<AeadSealer>, StartError> {
    let path = &keys.master_key_file;
    let known = store.meta(CHECK).await.map_err(|e| StartError(e.to_string()))?;
    let first = making == Making::Allowed && known.is_none() && !path.exists();
    let master = if first && std::env::var_os(MASTER_KEY_VARIABLE).is_none() {
        match sealing::create_file(path) {
            // Another server that has this folder was first.
            Err(MasterKeyError::Exists(_)) => master_keys(keys)?,
            made => made.map_err(|e| StartError(e.to_string()))?,
        }
    } else {
        master_keys(keys)?
    };
    // Where another server was first with a key of its own, that one's holds, and this is refused as any wrong one.
    let check = told_as(store, CHECK, "key.master_set", now, || Ok(master.check_value())).await?;
    master.verify(&check).map_err(|e| StartError(e.to_string()))?;
    Ok(Arc::new(AeadSealer::new(master)))
}

/// A value of the meta table, made on first use.
pub async fn remembered(
    store: &dyn Store,
    key: &'static str,
    now: Timestamp,
    make: impl FnOnce() -> Result<String, StartError>,
) -> Result<String, StartError> {
    told_as(store, key, "instance.named", now, make).await
}

/// The same, told by an event of this kind when it is made.
async fn told_as(
    store: &dyn Store,
    key: &'static str,
    kind: &'static str,
    now: Timestamp,
    make: impl FnOnce() -> Result<String, StartError>,
) -> Result<String, StartError> {
    let read = |e: hallpass_domain::ports::store::ReadError| StartError(e.to_string());
    if let Some(value) = store.meta(key).await.map_err(read)? {
        return Ok(value);
    }
    let value = make()?;
    match put(store, key, value.clone(), kind, now).await {
        Ok(()) => Ok(value),
        // Another replica was first: its value holds.
        Err(error) => store.meta(key).await.map_err(read)?.ok_or(error),
    }
}

async fn put(
    store: &dyn Store,
    key: &'static str,
    value: String,
    kind: &'static str,
    now: Timestamp,
) -> Result<(), StartError> {
    let transition = Transition::new(now)
        .with(Change::Meta { key: key.to_owned(), expected: None, value: Some(value) })
        .event(event(now, kind, "system:start", &[], json!({ "what": key }), json!({})));
    store.commit(transition).await.map_err(|e| StartError(e.to_string()))
}

/// The key that signs checkpoints.
pub async fn checkpoint_signer(
    store: &dyn Store,
    sealer: &AeadSealer,
    origin: &str,
    now: Timestamp,
) -> Result<NoteSigner, StartError> {
    let text = remembered(store, CHECKPOINT_KEY, now, || {
        let record = CheckpointKeyRecord::generate(origin, sealer).map_err(|e| StartError(e.to_string()))?;
        serde_json::to_string(&record).map_err(|e| StartError(e.to_string()))
    })
    .await?;
    open_checkpoint_key(&text, sealer)
}

fn open_checkpoint_key(text: &str, sealer: &AeadSealer) -> Result<NoteSigner, StartError> {
    let record: CheckpointKeyRecord = serde_json::from_str(text)
        .map_err(|e| StartError::because("the stored checkpoint key is damaged", e))?;
    record.open(sealer).map_err(|e| StartError(e.to_string()))
}

/// The key that signs checkpoints, as it is stored now: another server may have replaced it.
pub async fn stored_checkpoint_signer(
    store: &dyn Store,
    sealer: &AeadSealer,
) -> Result<Option<NoteSigner>, StartError> {
    let stored = store.meta(CHECKPOINT_KEY).await.map_err(|e| StartError(e.to_string()))?;
    stored.map(|text| open_checkpoint_key(&text, sealer)).transpose()
}

/// Takes up the log's key where it was rotated. A log that goes on under another origin is taken up as a whole, by
/// [`super::restored::take_up`]. A store that cannot be read is told of by everything else.
pub async fn reload_log_key(
    store: &dyn Store,
    sealer: &AeadSealer,
    signer: &LogSigner,
) -> Result<(), StartError> {
    let Ok(Some(text)) = store.meta(CHECKPOINT_KEY).await else { return Ok(()) };
    let record: CheckpointKeyRecord = serde_json::from_str(&text)
        .map_err(|e| StartError::because("the stored checkpoint key is damaged", e))?;
    let here = signer.verifier();
    if record.name == here.name() && record.verifier != here.to_string() {
        signer.replace(record.open(sealer).map_err(|e| StartError(e.to_string()))?);
    }
    Ok(())
}

/// Takes up the token keys as they are stored now. A store that cannot be read is told of by everything else.
pub async fn reload_token_keys(
    store: &dyn Store,
    sealer: &AeadSealer,
    ring: &KeyRing,
) -> Result<(), StartError> {
    let Ok(Some(text)) = store.meta(TOKEN_KEYS).await else { return Ok(()) };
    let records = parse(&text)?;
    if records == ring.records() {
        return Ok(());
    }
    ring.replace(&records, sealer).map_err(|e| StartError(e.to_string()))
}

/// The keys that sign tokens, made at first start.
pub async fn token_keys(
    store: &dyn Store,
    sealer: &AeadSealer,
    now: Timestamp,
) -> Result<Arc<KeyRing>, StartError> {
    let text = remembered(store, TOKEN_KEYS, now, || {
        let records = RotationPolicy::default()
            .first_keys(&ALGS, now, sealer)
            .map_err(|e| StartError(e.to_string()))?;
        serde_json::to_string(&records).map_err(|e| StartError(e.to_string()))
    })
    .await?;
    KeyRing::open(&parse(&text)?, sealer).map(Arc::new).map_err(|e| StartError(e.to_string()))
}

/// The key that proves marks of accounts at targets, made at first start and never replaced: accounts may be older than
/// anything else that changes.
pub async fn mark_key(store: &dyn Store, sealer: &AeadSealer, now: Timestamp) -> Result<MarkKey, StartError> {
    let sealed = remembered(store, MARK_KEY, now, || {
        let secret = random_alphanumeric(MARK_KEY_LENGTH).map_err(|e| StartError(e.to_string()))?;
        sealer.seal(MARK_KEY_AT, &SecretString::from(secret)).map_err(|e| StartError(e.to_string()))
    })
    .await?;
    let secret = sealer
        .open(MARK_KEY_AT, &sealed)
        .map_err(|e| StartError::because("the stored key of account marks does not open", e))?;
    Ok(MarkKey::new(&secret))
}

fn parse(text: &str) -> Result<Vec<SigningKeyRecord>, StartError> {
    serde_json::from_str(text).map_err(|e| StartError::because("the stored token keys are damaged", e))
}

/// When token keys get their successors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotate {
    /// When they are due: the successor is published ahead of its use.
    WhenDue,
    /// Now; the old keys verify until the last token that they signed has expired.
    Now,
    /// Now, and the old keys verify nothing any more: they may be known to others.
    DropOld,
}

/// Gives keys their successors, and takes over what another replica did. Returns whether anything changed.
pub async fn rotate_token_keys(
    store: &dyn Store,
    sealer: &AeadSealer,
    ring: &KeyRing,
    how: Rotate,
    now: Timestamp,
) -> Result<bool, StartError> {
    let policy = RotationPolicy::default();
    let stored = store
        .meta(TOKEN_KEYS)
        .await
        .map_err(|e| StartError(e.to_string()))?
        .unwrap_or_else(|| "[]".to_owned());
    let mut records = parse(&stored)?;
    let mut changed = policy.forget(&mut records, now);
    for alg in ALGS {
        match how {
            Rotate::WhenDue if !policy.is_due(&records, alg, now) => continue,
            Rotate::WhenDue => policy.rotate(&mut records, alg, now, sealer),
            Rotate::Now => policy.rotate_now(&mut records, alg, now, sealer),
            Rotate::DropOld => policy.replace_at_once(&mut records, alg, now, sealer),
        }
        .map_err(|e| StartError(e.to_string()))?;
        changed = true;
    }
    if changed {
        let text = serde_json::to_string(&records).map_err(|e| StartError(e.to_string()))?;
        let transition = Transition::new(now)
            .with(Change::Meta { key: TOKEN_KEYS.to_owned(), expected: Some(stored), value: Some(text) })
            .event(event(
                now,
                "key.rotated",
                if how == Rotate::WhenDue { "system:keys" } else { "system:operator" },
                &[],
                json!({ "keys": records.len(), "dropped_old": how == Rotate::DropOld }),
                json!({}),
            ));
        match store.commit(transition).await {
            Ok(()) => {}
            // Another replica was first: its keys are taken up. An operator's wish was not fulfilled by that.
            Err(CommitError::Conflict(_)) if how == Rotate::WhenDue => {}
            Err(error) => return Err(StartError(error.to_string())),
        }
        let stored = store.meta(TOKEN_KEYS).await.map_err(|e| StartError(e.to_string()))?.unwrap_or_default();
        records = parse(&stored)?;
    }
    if records != ring.records() {
        ring.replace(&records, sealer).map_err(|e| StartError(e.to_string()))?;
        return Ok(true);
    }
    Ok(changed)
}
