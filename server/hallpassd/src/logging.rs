//! Structured logs: JSON lines to standard error.
use tracing_subscriber::EnvFilter;

/// Starts logging; a second call does nothing. A filter that cannot be read was refused before (`config/serve.rs`).
pub fn start(text: &str, json: bool) {
    let filter = filter(text).unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let _ = if json { builder.json().flatten_event(true).try_init() } else { builder.compact().try_init() };
}

/// Reads a filter.
///
/// # Errors
/// What is wrong with it.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    EnvFilter::try_new(text)
        .map_err(|error| format!("“{text}” is not a filter such as info or hallpass=debug,info: {error}"))
}
