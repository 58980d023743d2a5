//! What every handler can reach.
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hallpass_broker::Broker;
use hallpass_broker::admin::{SecretSource, ServerSecrets};

use crate::api::idempotency::InFlight;
use crate::config::HttpConfig;
use crate::demo::DemoHooks;
use crate::metrics::Metrics;
use crate::oauth::client_cache::ClientCache;

/// State shared by all workers.
pub struct AppState {
    /// The use cases.
    pub broker: Arc<Broker>,
    /// Settings.
    pub config: HttpConfig,
    /// Counters.
    pub metrics: Metrics,
    /// The demo, in the demo.
    pub demo: Option<Arc<dyn DemoHooks>>,
    /// Where a catalogue that is applied over the API finds its targets' passwords.
    pub secrets: Arc<dyn SecretSource + Send + Sync>,
    pub(crate) clients: ClientCache,
    pub(crate) in_flight: InFlight,
    stopping: AtomicBool,
}

impl AppState {
    /// The state of a server.
    pub fn new(broker: Arc<Broker>, config: HttpConfig) -> Self {
        Self {
            broker,
            config,
            metrics: Metrics::new(),
            demo: None,
            secrets: Arc::new(ServerSecrets::default()),
            clients: ClientCache::new(),
            in_flight: InFlight::new(),
            stopping: AtomicBool::new(false),
        }
    }

    /// With the demo's pages.
    #[must_use]
    pub fn with_demo(mut self, demo: Arc<dyn DemoHooks>) -> Self {
        self.config.demo = true;
        self.demo = Some(demo);
        self
    }

    /// With another source of the targets' passwords.
    #[must_use]
    pub fn with_secrets(mut self, secrets: Arc<dyn SecretSource + Send + Sync>) -> Self {
        self.secrets = secrets;
        self
    }

    /// The server is stopping: `/readyz` answers 503, and answers that wait (long-polls) come now.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Self::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}
