//! A start while the database is away: what the last window knew to be due is removed at its targets, and journalled, until
//! the database answers. Nothing else is done and nobody is served.
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use hallpass_adapters::clock::DatabaseClock;
use hallpass_adapters::journal::FileJournal;
use hallpass_adapters::kept::FileKept;
use hallpass_adapters::sealing::AeadSealer;
use hallpass_adapters::signers::KeyRing;
use hallpass_adapters::targets::TargetRegistry;
use hallpass_broker::reconcile::keep_window::KeptWindow;
use hallpass_broker::reconcile::remove_unrecorded::Removals;
use hallpass_broker::reconcile::seal_audit::LogSigner;
use hallpass_broker::{Broker, Parts, Settings};
use hallpass_domain::Timestamp;
use hallpass_domain::audit::keys::NoteSigner;
use hallpass_domain::ports::journal::Journal;
use hallpass_domain::ports::kept::Kept as _;
use hallpass_domain::secret::random_bytes;
use hallpass_store::{OpenError, StoreHandle};

use super::{StartError, beside_journal, host_of, journal_path, keys, mail};
use crate::config::{self, Config};

/// Between two looks whether the database is back.
const TICK: Duration = Duration::from_secs(1);

/// Returns at once where the database answers, or where nothing is known to be due; else when it is back, or when nothing is
/// left to remove without it.
///
/// # Errors
/// The master key or the journal cannot be opened.
pub async fn wait(config: &Config) -> Result<(), StartError> {
    let Err(OpenError::Unusable(why)) = hallpass_store::reachable(&config.database.url).await else {
        return Ok(());
    };
    let (Some(journal), Some(window)) = (journal_path(config), beside_journal(config)) else { return Ok(()) };
    if !window.is_file() {
        return Ok(());
    }
    let sealer = Arc::new(AeadSealer::new(keys::master_keys(&config.keys)?));
    let kept = FileKept::open(&window, sealer.clone()).map_err(StartError)?;
    let Some(window) = kept.kept().and_then(|t| serde_json::from_str::<KeptWindow>(&t).ok()) else {
        return Ok(());
    };
    let journal: Arc<dyn Journal> = Arc::new(FileJournal::open(&journal).map_err(StartError)?);
    let broker = Arc::new(parts(config, &window, sealer, journal)?);
    broker.health.failed();
    broker.take_up_window(window);
    tracing::error!(
        why,
        due = broker.window.left(),
        "the database is away; what is due is removed at its targets until it is back"
    );
    let mut removals = Removals::new();
    while broker.window.left() > 0 {
        removals.begin(&broker);
        let back = hallpass_store::reachable(&config.database.url).await;
        let report = removals.ended();
        if report.done > 0 {
            tracing::warn!(removed = report.done, left = report.left, "removed without a record");
        }
        if back.is_ok() {
            break;
        }
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// A broker without a store. Only the way to the targets, the window and the journal are used of it.
fn parts(
    config: &Config,
    window: &KeptWindow,
    sealer: Arc<AeadSealer>,
    journal: Arc<dyn Journal>,
) -> Result<Broker, StartError> {
    let failed = |e: &dyn std::fmt::Display| StartError(e.to_string());
    let listen =
        config.server.listen.parse().map_err(|_| StartError("server.listen is not an address".to_owned()))?;
    let base_url = config::base_url(config, listen);
    let host = host_of(&base_url);
    let seed = random_bytes::<32>().map_err(|e| failed(&e))?;
    let settings = Settings {
        base_url: base_url.clone(),
        instance: window.instance.clone(),
        worker: format!("{}-away", std::process::id()),
        session_seconds: 0,
        session_idle_seconds: 0,
        api_token_seconds: 0,
        replicated: config.server.replicated,
    };
    let renderer =
        hallpass_views::mail::Renderer::new(&base_url, &host, "[Access]").map_err(|e| failed(&e))?;
    Ok(Broker::new(Parts {
        store: Arc::new(StoreHandle::away()),
        clock: Arc::new(DatabaseClock::new(wall_clock(), Instant::now()).with_high_water(window.at)),
        signer: Arc::new(KeyRing::open(&[], sealer.as_ref()).map_err(|e| failed(&e))?),
        targets: Arc::new(TargetRegistry::new(&window.instance, sealer.clone())),
        notifier: mail::notifier(&config.mail, &host)?,
        renderer: Arc::new(renderer),
        log_signer: Arc::new(LogSigner::new(NoteSigner::from_seed("away", &seed).map_err(|e| failed(&e))?)),
        checkpoint_sinks: Vec::new(),
        journal: Some(journal),
        kept: None,
        sealer,
        settings,
    }))
}

/// Nothing else tells the time while the database is away; it only decides when the few logins of the window are due.
#[expect(clippy::disallowed_methods, reason = "the database, whose time is asked otherwise, is away")]
fn wall_clock() -> Timestamp {
    Timestamp::from(SystemTime::now())
}
