//! One of the servers of a test: the parts put together, served at a port, and stopped.
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::Arc;

use hallpass_http::{AppState, HttpConfig};
use hallpassd::compose::{self, Composed, Given, Making};
use hallpassd::config::Config;
use tokio::task::JoinHandle;

use crate::server::target_secrets;

type Stop = Box<dyn FnOnce() -> Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

/// One server process's worth of parts.
pub struct Node {
    /// Everything put together.
    pub composed: Composed,
    state: Option<Arc<AppState>>,
    stop: Option<Stop>,
    tasks: Vec<JoinHandle<()>>,
}

impl Node {
    /// The parts without an HTTP server and without reconcilers.
    pub(crate) async fn idle(config: &Config, base_url: &str, given: Given) -> Self {
        let composed =
            compose::compose(config, base_url, Making::Allowed, given).await.expect("the parts fit together");
        let tasks = vec![compose::tasks::hear_notices(&composed)];
        Self { composed, state: None, stop: None, tasks }
    }

    /// Serves at `listener`; reconcilers run by themselves where `reconcile` says so.
    pub(crate) async fn start(
        config: &Config,
        base_url: &str,
        listener: TcpListener,
        given: Given,
        reconcile: bool,
    ) -> Self {
        let composed =
            compose::compose(config, base_url, Making::Allowed, given).await.expect("the server starts");
        let mut http = HttpConfig::new(base_url);
        http.plain_http_on_loopback = base_url.starts_with("http://");
        http.workers = 1;
        http.trusted_proxies =
            config.server.trusted_proxies.iter().map(|n| n.parse().expect("a network")).collect();
        let state =
            AppState::new(Arc::clone(&composed.broker), http).with_secrets(Arc::new(target_secrets()));
        let state = Arc::new(state);
        let server =
            hallpass_http::serve(vec![listener], Arc::clone(&state).into()).expect("the server listens");
        let handle = server.handle();
        let running = tokio::spawn(server);
        let stop: Stop = Box::new(move || {
            Box::pin(async move {
                handle.stop(false).await;
                let _ = running.await;
            })
        });
        // With the fake clock only what hears other servers runs by itself.
        let tasks = if reconcile {
            compose::tasks::start(&composed)
        } else {
            vec![compose::tasks::hear_notices(&composed)]
        };
        Self { composed, state: Some(state), stop: Some(stop), tasks }
    }

    /// Stops serving, and what runs by itself.
    pub(crate) async fn stop(&mut self) {
        if let Some(state) = &self.state {
            state.stop();
        }
        if let Some(stop) = self.stop.take() {
            stop().await;
        }
        for task in self.tasks.drain(..) {
            task.abort();
            let _ = task.await;
        }
    }
}
