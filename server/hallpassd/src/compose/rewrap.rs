//! Seals everything again under the newest master key. Each row is a commit of its own, so that it can be cut off anywhere
//! and run again: until the end every value opens, as long as the older keys stand in the file, too.
use hallpass_adapters::sealing::AeadSealer;
use hallpass_adapters::signers::{CheckpointKeyRecord, SigningKeyRecord};
use hallpass_broker::access::{ACCOUNTS, TOTP_PENDING, TOTP_SEALED};
use hallpass_broker::admin::TARGET_SECRET;
use hallpass_broker::events::event;
use hallpass_domain::Timestamp;
use hallpass_domain::account::Account;
use hallpass_domain::catalogue::CatalogueChange;
use hallpass_domain::ids::CredentialId;
use hallpass_domain::ports::sealer::SealedAt;
use hallpass_domain::ports::store::{CommitError, ReadError, Store};
use hallpass_domain::target_check::TargetCheck;
use hallpass_domain::transition::{Change, Transition};
use serde_json::json;

use super::StartError;
use super::keys::{CHECK, CHECKPOINT_KEY, MARK_KEY, MARK_KEY_AT, NEXT_CHECKPOINT_KEY, TOKEN_KEYS};

/// How often a row that somebody changes at the same moment is tried.
const TRIES: usize = 20;
/// Open checks of targets that are read: each is closed within a minute where its target answers.
const MOST_CHECKS: u32 = 10_000;

fn read(error: ReadError) -> StartError {
    StartError(error.to_string())
}

fn failed(error: impl std::fmt::Display) -> StartError {
    StartError(error.to_string())
}

/// Seals again what is sealed under an older key; how many values. At the end the database wants the newest key.
///
/// # Errors
/// A value does not open, or cannot be written: what is done stays done, and it is run again.
pub async fn run(store: &dyn Store, sealer: &AeadSealer, now: Timestamp) -> Result<u64, StartError> {
    let mut done = 0;
    let catalogue = store.catalogue().await.map_err(read)?;
    for id in catalogue.targets.keys() {
        done += again(
            async || {
                let catalogue = store.catalogue().await.map_err(read)?;
                let Some(target) = catalogue.targets.get(id) else { return Ok(None) };
                let row = id.to_string();
                let at = SealedAt { table: TARGET_SECRET.0, row: &row, column: TARGET_SECRET.1 };
                let Some(sealed) = outdated(sealer, at, target.sealed_secret.as_deref())? else {
                    return Ok(None);
                };
                let mut next = target.clone();
                next.sealed_secret = Some(sealed);
                next.version += 1;
                Ok(Some(Change::Catalogue(Box::new(CatalogueChange::Target(next)))))
            },
            store,
            ("target", id.to_string()),
            now,
        )
        .await?;
    }
    for check in store.open_checks(MOST_CHECKS).await.map_err(read)? {
        let (id, target) = (check.account.id, check.target.id);
        let change = async || target_check(store, sealer, id).await;
        done += again(change, store, ("target", target.to_string()), now).await?;
    }
    for id in catalogue.users.keys() {
        done += again(
            async || {
                let Some(account) = store.account(*id).await.map_err(read)? else { return Ok(None) };
                let row = id.to_string();
                let seal = |column, sealed: &Option<String>| {
                    outdated(sealer, SealedAt { table: ACCOUNTS, row: &row, column }, sealed.as_deref())
                };
                let (enrolled, pending) =
                    (seal(TOTP_SEALED, &account.totp_sealed)?, seal(TOTP_PENDING, &account.totp_pending)?);
                if enrolled.is_none() && pending.is_none() {
                    return Ok(None);
                }
                Ok(Some(Change::Account(Box::new(Account {
                    totp_sealed: enrolled.or_else(|| account.totp_sealed.clone()),
                    totp_pending: pending.or_else(|| account.totp_pending.clone()),
                    version: account.version + 1,
                    ..account
                }))))
            },
            store,
            ("user", id.to_string()),
            now,
        )
        .await?;
    }
    for (key, what) in [(CHECKPOINT_KEY, "checkpoint"), (NEXT_CHECKPOINT_KEY, "checkpoint.next")] {
        let change = async || checkpoint_key(store, sealer, key).await;
        done += again(change, store, ("key", what.to_owned()), now).await?;
    }
    done += again(async || token_keys(store, sealer).await, store, ("key", "tokens".to_owned()), now).await?;
    done += again(async || mark_key(store, sealer).await, store, ("key", "marks".to_owned()), now).await?;
    finish(store, sealer, done, now).await?;
    Ok(done)
}

/// Whether anything is sealed under a key that is not the newest.
///
/// # Errors
/// The store cannot be read.
pub async fn is_finished(store: &dyn Store, sealer: &AeadSealer) -> Result<bool, StartError> {
    let catalogue = store.catalogue().await.map_err(read)?;
    let old = |sealed: &Option<String>| sealed.as_deref().is_some_and(|s| sealer.is_outdated(s));
    if catalogue.targets.values().any(|t| old(&t.sealed_secret)) {
        return Ok(false);
    }
    let checks = store.open_checks(MOST_CHECKS).await.map_err(read)?;
    if checks.iter().any(|c| old(&c.target.sealed_secret)) {
        return Ok(false);
    }
    for id in catalogue.users.keys() {
        let account = store.account(*id).await.map_err(read)?;
        if account.is_some_and(|a| old(&a.totp_sealed) || old(&a.totp_pending)) {
            return Ok(false);
        }
    }
    let keys = checkpoint_key(store, sealer, CHECKPOINT_KEY).await?.is_some()
        || checkpoint_key(store, sealer, NEXT_CHECKPOINT_KEY).await?.is_some()
        || token_keys(store, sealer).await?.is_some()
        || mark_key(store, sealer).await?.is_some();
    let check = store.meta(CHECK).await.map_err(read)?;
    Ok(!keys && check.as_deref() == Some(sealer.keys().check_value().as_str()))
}

/// A trial whose account is not proven gone: with the password in its target, which may be in no catalogue, it is removed.
async fn target_check(
    store: &dyn Store,
    sealer: &AeadSealer,
    id: CredentialId,
) -> Result<Option<Change>, StartError> {
    let Some(mut check) = store.target_check(id).await.map_err(read)?.filter(TargetCheck::is_open) else {
        return Ok(None);
    };
    let row = check.target.id.to_string();
    let at = SealedAt { table: TARGET_SECRET.0, row: &row, column: TARGET_SECRET.1 };
    let Some(sealed) = outdated(sealer, at, check.target.sealed_secret.as_deref())? else { return Ok(None) };
    check.target.sealed_secret = Some(sealed);
    check.version += 1;
    Ok(Some(Change::TargetCheck(Box::new(check))))
}

fn outdated(
    sealer: &AeadSealer,
    at: SealedAt<'_>,
    sealed: Option<&str>,
) -> Result<Option<String>, StartError> {
    sealed.filter(|s| sealer.is_outdated(s)).map(|s| sealer.seal_again(at, s).map_err(failed)).transpose()
}

/// The key that signs checkpoints, or its announced successor.
async fn checkpoint_key(
    store: &dyn Store,
    sealer: &AeadSealer,
    key: &str,
) -> Result<Option<Change>, StartError> {
    let Some(stored) = store.meta(key).await.map_err(read)? else { return Ok(None) };
    let mut record: CheckpointKeyRecord = serde_json::from_str(&stored)
        .map_err(|e| StartError::because("the stored checkpoint key is damaged", e))?;
    if !sealer.is_outdated(&record.seed) {
        return Ok(None);
    }
    record.seal_again(sealer).map_err(failed)?;
    let value = Some(serde_json::to_string(&record).map_err(failed)?);
    Ok(Some(Change::Meta { key: key.to_owned(), expected: Some(stored), value }))
}

async fn token_keys(store: &dyn Store, sealer: &AeadSealer) -> Result<Option<Change>, StartError> {
    let Some(stored) = store.meta(TOKEN_KEYS).await.map_err(read)? else { return Ok(None) };
    let mut records: Vec<SigningKeyRecord> = serde_json::from_str(&stored)
        .map_err(|e| StartError::because("the stored token keys are damaged", e))?;
    if !records.iter().any(|r| sealer.is_outdated(&r.pkcs8)) {
        return Ok(None);
    }
    for record in &mut records {
        record.seal_again(sealer).map_err(failed)?;
    }
    let value = Some(serde_json::to_string(&records).map_err(failed)?);
    Ok(Some(Change::Meta { key: TOKEN_KEYS.to_owned(), expected: Some(stored), value }))
}

async fn mark_key(store: &dyn Store, sealer: &AeadSealer) -> Result<Option<Change>, StartError> {
    let Some(stored) = store.meta(MARK_KEY).await.map_err(read)? else { return Ok(None) };
    let again = outdated(sealer, MARK_KEY_AT, Some(stored.as_str()))?;
    Ok(again.map(|sealed| Change::Meta {
        key: MARK_KEY.to_owned(),
        expected: Some(stored),
        value: Some(sealed),
    }))
}

/// Commits one row, from its newest state.
async fn again(
    change: impl AsyncFn() -> Result<Option<Change>, StartError>,
    store: &dyn Store,
    subject: (&str, String),
    now: Timestamp,
) -> Result<u64, StartError> {
    for _ in 0..TRIES {
        let Some(change) = change().await? else { return Ok(0) };
        let rewrapped = event(
            now,
            "key.rewrapped",
            "system:operator",
            &[(subject.0, subject.1.clone())],
            json!({}),
            json!({}),
        );
        match store.commit(Transition::new(now).with(change).event(rewrapped)).await {
            Ok(()) => return Ok(1),
            Err(CommitError::Conflict(_)) => {}
            Err(error) => return Err(failed(error)),
        }
    }
    Err(StartError(format!("{} {} changes all the time; run it again", subject.0, subject.1)))
}

/// From here on a start needs the newest key.
async fn finish(store: &dyn Store, sealer: &AeadSealer, done: u64, now: Timestamp) -> Result<(), StartError> {
    let (stored, value) = (store.meta(CHECK).await.map_err(read)?, sealer.keys().check_value());
    if stored.as_deref() == Some(value.as_str()) {
        return Ok(());
    }
    let transition = Transition::new(now)
        .with(Change::Meta { key: CHECK.to_owned(), expected: stored, value: Some(value.clone()) })
        .event(event(
            now,
            "key.master_rotated",
            "system:operator",
            &[],
            json!({ "key": sealer.keys().newest().id(), "values": done }),
            json!({}),
        ));
    match store.commit(transition).await {
        // Somebody else ran it at the same moment, and came to its end first.
        Err(CommitError::Conflict(_)) if store.meta(CHECK).await.map_err(read)? == Some(value) => Ok(()),
        done => done.map_err(failed),
    }
}
