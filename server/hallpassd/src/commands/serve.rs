//! `hallpassd serve`.
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use hallpass_broker::admin::ServerSecrets;
use hallpass_http::{AppState, HttpConfig};
use secrecy::ExposeSecret as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::compose::{self, Given, Making, StartError};
use crate::config::{self, Config};

/// Runs the server until it is told to stop.
pub async fn run(config: Config) -> Result<(), StartError> {
    let places = config::serve::missing(&config);
    if !places.is_empty() {
        let told: Vec<String> = places.iter().map(|(key, what)| format!("{key}: {what}")).collect();
        return Err(StartError(told.join("\n")));
    }
    match &config.audit.checkpoint_file {
        Some(file) => {
            // Made at once, so that a place that cannot be written is known now and not with the first checkpoint.
            std::fs::OpenOptions::new()
                .append(true)
                .create(true)
                .mode(0o640)
                .open(file)
                .map_err(|e| StartError(format!("audit.checkpoint_file {}: {e}", file.display())))?;
        }
        None => tracing::warn!(
            "checkpoints go to the log alone (audit.no_checkpoint_file): ship it to a place of its own, or a restored backup is noticed at its targets only"
        ),
    }
    compose::away::wait(&config).await?;
    let listener =
        TcpListener::bind(config.server.listen.parse::<SocketAddr>().map_err(|e| StartError(e.to_string()))?)
            .map_err(|e| StartError(format!("cannot listen on {}: {e}", config.server.listen)))?;
    let bound = listener.local_addr().map_err(|e| StartError(e.to_string()))?;
    let base_url = config::base_url(&config, bound);
    let tls = match (&config.server.tls_certificate_file, &config.server.tls_key_file) {
        (Some(certificate), Some(key)) => Some(compose::tls::server_config(certificate, key)?),
        _ => None,
    };
    let composed = compose::compose(&config, &base_url, Making::Refused, Given::default()).await?;
    if let Some(claim) = composed.broker.open_first_run().await.map_err(|r| StartError(r.message))? {
        // The one secret that is ever printed: it makes the first administrator, once, within the hour.
        super::say(&format!(
            "First run: open {base_url}/first-run within the hour and give this claim secret: {}",
            claim.expose_secret()
        ));
    }
    let mut http = HttpConfig::new(&base_url);
    http.trusted_proxies = config
        .server
        .trusted_proxies
        .iter()
        .map(|p| p.parse())
        .collect::<Result<_, _>>()
        .map_err(|e| StartError(format!("server.trusted_proxies: {e}")))?;
    for network in &config.metrics.allow_from {
        http.metrics_from.push(network.parse().map_err(|e| StartError(format!("metrics.allow_from: {e}")))?);
    }
    if let Some(mistake) = http.mistake() {
        return Err(StartError(mistake));
    }
    http.tls = tls;
    http.workers = if config.server.workers == 0 {
        std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
    } else {
        config.server.workers
    };
    let state =
        AppState::new(Arc::clone(&composed.broker), http).with_secrets(Arc::new(ServerSecrets::default()));
    let stop = Stop::listen()?;
    let tasks = compose::tasks::start(&composed);
    tracing::info!(%bound, base_url, "hallpassd serves");
    until_stopped(listener, state, stop).await?;
    for task in tasks {
        task.abort();
    }
    Ok(())
}

/// The signals that end a server well: SIGINT and SIGTERM. They are heard from [`Stop::listen`] on, so that comes before
/// anything is said or answered: who was answered may end us.
pub struct Stop {
    interrupt: Signal,
    terminate: Signal,
}

impl Stop {
    /// Hears them from now on.
    ///
    /// # Errors
    /// Where the system refuses.
    pub fn listen() -> Result<Self, StartError> {
        let hear = |kind| signal(kind).map_err(|e| StartError(e.to_string()));
        Ok(Self { interrupt: hear(SignalKind::interrupt())?, terminate: hear(SignalKind::terminate())? })
    }

    async fn heard(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

/// Serves until it is told to stop, then lets running answers finish.
///
/// # Errors
/// Where the listener cannot be served.
pub async fn until_stopped(listener: TcpListener, state: AppState, mut stop: Stop) -> Result<(), StartError> {
    let state = actix_web::web::Data::new(state);
    let server =
        hallpass_http::serve(vec![listener], state.clone()).map_err(|e| StartError(e.to_string()))?;
    let handle = server.handle();
    let running = tokio::spawn(server);
    stop.heard().await;
    state.stop();
    handle.stop(true).await;
    let _ = running.await;
    Ok(())
}
