//! Structured logs: JSON lines to standard error.
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt;
use tracing_subscriber::prelude::*;

/// Starts logging; a second call does nothing. A filter that cannot be read was refused before (`config/serve.rs`).
pub fn start(text: &str, json: bool) {
    let filter = filter(text).unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = if json {
        lines.json().flatten_event(true).with_span_list(false).boxed()
    } else {
        lines.compact().boxed()
    };
    let _ = tracing_subscriber::registry().with(lines.with_filter(filter)).try_init();
}

/// Reads a filter: a level for all, and levels for those whose name begins so, apart by commas.
///
/// # Errors
/// What is wrong with it. A word alone must be a level: as a name it would log that part of the program and nothing else,
/// which is what a misspelt level would do.
pub fn filter(text: &str) -> Result<Targets, String> {
    let text = text.replace(' ', "");
    let unread = |why: &dyn std::fmt::Display| {
        format!("“{text}” is not a filter such as info or hallpass=debug,info: {why}")
    };
    let is_level = |word: &str| !word.is_empty() && word.parse::<LevelFilter>().is_ok();
    if let Some(word) = text.split(',').find(|part| !part.contains('=') && !is_level(part)) {
        return Err(unread(&format_args!("“{word}” is not one of error, warn, info, debug, trace and off")));
    }
    text.parse().map_err(|error: tracing_subscriber::filter::ParseError| unread(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn levels_for_all_and_for_parts() {
        let read = filter("hallpass=debug, warn").unwrap();
        assert!(read.would_enable("hallpass_broker::requests", &Level::DEBUG));
        assert!(read.would_enable("rustls", &Level::WARN));
        assert!(!read.would_enable("rustls", &Level::INFO));
        assert!(!filter("off").unwrap().would_enable("hallpass", &Level::ERROR));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["inof", "hallpass=loud", "", "info,", "a=b=c"] {
            let error = filter(text).expect_err(text);
            assert!(error.contains("hallpass=debug,info"), "{error}");
        }
    }
}
