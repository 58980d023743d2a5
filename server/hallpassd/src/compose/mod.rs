//! Composition root: puts the parts together and starts what runs beside the HTTP server.
pub mod away;
pub mod keys;
pub mod log_key;
pub mod mail;
pub mod notices;
pub mod outside;
pub mod restored;
pub mod rewrap;
pub mod tasks;
pub mod tls;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use hallpass_adapters::checkpoints::{CheckpointFile, CheckpointLog};
use hallpass_adapters::clock::DatabaseClock;
use hallpass_adapters::journal::FileJournal;
use hallpass_adapters::kept::FileKept;
use hallpass_adapters::sealing::AeadSealer;
use hallpass_adapters::signers::KeyRing;
use hallpass_adapters::targets::TargetRegistry;
use hallpass_broker::reconcile::seal_audit::LogSigner;
use hallpass_broker::{Broker, Parts, Settings};
use hallpass_domain::ports::checkpoint_sink::CheckpointSink;
use hallpass_domain::ports::clock::Clock;
use hallpass_domain::ports::journal::Journal;
use hallpass_domain::ports::kept::Kept;
use hallpass_domain::ports::notifier::Notifier;
use hallpass_domain::ports::store::Store;
use hallpass_domain::ports::target::Targets;
use hallpass_domain::secret::random_from;
use hallpass_store::{Schema, StoreHandle};

use crate::config::Config;

/// Meta key of the time that the clock never goes behind.
pub const CLOCK_MARK: &str = "clock.high_water";

/// Why the server did not start, in words for the person who started it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub String);

impl StartError {
    /// From anything that explains itself, with what was being done.
    pub fn because(doing: &str, error: impl std::fmt::Display) -> Self {
        Self(format!("{doing}: {error}"))
    }
}

/// Whether missing things may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Making {
    /// First start of a data folder (`init`, `demo`): the master key is made where it is missing.
    Allowed,
    /// An ordinary start: nothing secret is ever made.
    Refused,
}

/// Parts that tests and the demo bring along.
#[derive(Clone, Default)]
pub struct Given {
    /// Instead of the configured mail transport.
    pub notifier: Option<Arc<dyn Notifier>>,
    /// Instead of database time.
    pub clock: Option<Arc<dyn Clock>>,
    /// Further places for checkpoints.
    pub checkpoint_sinks: Vec<Arc<dyn CheckpointSink>>,
    /// Instead of the file for what is removed without a record.
    pub journal: Option<Arc<dyn Journal>>,
}

/// Everything put together; nothing runs yet.
#[derive(Clone)]
pub struct Composed {
    /// The broker.
    pub broker: Arc<Broker>,
    /// The store, with its notices.
    pub store: StoreHandle,
    /// Database time, where it is the clock: to be sampled.
    pub clock: Option<Arc<DatabaseClock>>,
    /// Token keys: rotated while the server runs.
    pub keys: Arc<KeyRing>,
    /// Encryption at rest.
    pub sealer: Arc<AeadSealer>,
}

/// Puts the parts together for `base_url`.
pub async fn compose(
    config: &Config,
    base_url: &str,
    making: Making,
    given: Given,
) -> Result<Composed, StartError> {
    let store = hallpass_store::open(&config.database.url, Schema::Migrate)
        .await
        .map_err(|e| StartError(e.to_string()))?;
    let port: Arc<dyn Store> = Arc::new(store.clone());
    let read = |e: hallpass_domain::ports::store::ReadError| StartError(e.to_string());

    let sampled = port.database_time().await.map_err(read)?;
    let mark = port.meta(CLOCK_MARK).await.map_err(read)?.and_then(|m| m.parse().ok());
    let database_clock = DatabaseClock::new(sampled, Instant::now());
    let database_clock = Arc::new(match mark {
        Some(mark) => database_clock.with_high_water(mark),
        None => database_clock,
    });
    let (clock, sampled): (Arc<dyn Clock>, _) = match given.clock {
        Some(clock) => (clock, None),
        None => (database_clock.clone(), Some(database_clock)),
    };
    let now = clock.now();

    let sealer = keys::sealer(&config.keys, port.as_ref(), making, now).await?;
    let instance = keys::remembered(port.as_ref(), "instance", now, || {
        random_from(b"abcdefghijklmnopqrstuvwxyz0123456789", 6).map_err(|e| StartError(e.to_string()))
    })
    .await?;
    let host = host_of(base_url);
    let origin_wanted = config.audit.origin.clone().unwrap_or_else(|| format!("{host}/hallpass/{instance}"));
    let origin = keys::remembered(port.as_ref(), keys::ORIGIN, now, || Ok(origin_wanted)).await?;
    let log_signer = Arc::new(LogSigner::new(
        keys::checkpoint_signer(port.as_ref(), sealer.as_ref(), &origin, now).await?,
    ));
    let ring = keys::token_keys(port.as_ref(), sealer.as_ref(), now).await?;
    let marks = keys::mark_key(port.as_ref(), sealer.as_ref(), now).await?;
    let began_empty = port.log_head().await.map_err(read)?.checkpoint.is_none();

    let mut checkpoint_sinks = given.checkpoint_sinks;
    checkpoint_sinks.push(Arc::new(CheckpointLog::default()));
    if let Some(file) = &config.audit.checkpoint_file {
        checkpoint_sinks.push(Arc::new(CheckpointFile::new(file.clone())));
    }
    let told = restored::at_start(port.as_ref(), &checkpoint_sinks, &log_signer, &sealer, now).await?;

    let journal: Option<Arc<dyn Journal>> = match (given.journal, journal_path(config)) {
        (Some(given), _) => Some(given),
        (None, Some(path)) => Some(Arc::new(FileJournal::open(&path).map_err(StartError)?)),
        (None, None) => None,
    };
    let kept: Option<Arc<dyn Kept>> = match beside_journal(config) {
        Some(path) => Some(Arc::new(FileKept::open(&path, sealer.clone()).map_err(StartError)?)),
        None => None,
    };
    let notifier = match given.notifier {
        Some(notifier) => notifier,
        None => mail::notifier(&config.mail, &host)?,
    };
    let renderer = Arc::new(
        hallpass_views::mail::Renderer::new(base_url, &host, "[Access]")
            .map_err(|e| StartError(e.to_string()))?,
    );
    let targets: Arc<dyn Targets> = Arc::new(TargetRegistry::new(&instance, sealer.clone()).proving(marks));
    let worker = store.name().to_owned();
    let settings = Settings {
        base_url: base_url.to_owned(),
        instance,
        worker,
        session_seconds: 12 * 3_600,
        session_idle_seconds: 3_600,
        api_token_seconds: 12 * 3_600,
        replicated: config.server.replicated,
    };
    let broker = Arc::new(Broker::new(Parts {
        store: port,
        clock,
        sealer: sealer.clone(),
        signer: ring.clone(),
        targets,
        notifier,
        renderer,
        log_signer,
        checkpoint_sinks,
        journal,
        kept,
        settings,
    }));
    let composed = Composed { broker, store, clock: sampled, keys: ring, sealer };
    restored::take_up(&composed).await?;
    if !told && !began_empty && !composed.broker.restored.is_on() {
        // No place outside can tell whether this is the newest state of the database: the targets may.
        restored::look_at_targets(&composed).await?;
    }
    // What was removed without a record is recorded before anything else.
    if let Some(error) = composed.broker.step_record_journal().await.error {
        tracing::error!(error, "what was removed without a record is not recorded yet");
    }
    composed.broker.ensure_command_line_client().await.map_err(|e| StartError(e.message))?;
    Ok(composed)
}

/// The journal stands beside the SQLite file, or where `[database] journal_file` says.
fn journal_path(config: &Config) -> Option<PathBuf> {
    if config.database.no_journal_file {
        return None;
    }
    let beside =
        config.database.url.strip_prefix("sqlite:").map(|p| PathBuf::from(format!("{p}.journalled")));
    config.database.journal_file.clone().or(beside)
}

/// The file with what is due soon stands beside the journal.
fn beside_journal(config: &Config) -> Option<PathBuf> {
    let mut path = journal_path(config)?.into_os_string();
    path.push(".window");
    Some(PathBuf::from(path))
}

/// Host name of a base URL, without port.
pub fn host_of(base_url: &str) -> String {
    let rest = base_url.split_once("://").map_or(base_url, |(_, r)| r);
    let authority = rest.split('/').next().unwrap_or(rest);
    let host = if authority.starts_with('[') {
        authority.split(']').next().map(|h| h.trim_start_matches('[').to_owned())
    } else {
        authority.split(':').next().map(str::to_owned)
    };
    host.filter(|h| !h.is_empty()).unwrap_or_else(|| "localhost".to_owned())
}

/// A path made absolute, for messages and URLs.
pub fn absolute(path: PathBuf) -> PathBuf {
    std::path::absolute(&path).unwrap_or(path)
}
