//! Structured logs: JSON lines to standard error.
use hallpass_broker::log_scope;
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{self, FmtContext, FormatEvent, FormatFields, MakeWriter};
use tracing_subscriber::prelude::*;
use tracing_subscriber::registry::LookupSpan;

/// Starts logging; a second call does nothing. A filter that cannot be read was refused before (`config/serve.rs`).
pub fn start(text: &str, json: bool) {
    let filter = filter(text).unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let _ = tracing_subscriber::registry().with(lines(json, std::io::stderr).with_filter(filter)).try_init();
}

fn lines<S, W>(json: bool, writer: W) -> Box<dyn Layer<S> + Send + Sync>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_writer(writer);
    if json {
        lines.json().flatten_event(true).with_current_span(false).map_event_format(OfRequest).boxed()
    } else {
        lines.compact().map_event_format(OfRequest).boxed()
    }
}

/// Lines that begin with the id of the request for which they were written, where there is one.
#[derive(Debug)]
pub struct OfRequest<F>(pub F);

impl<S, N, F> FormatEvent<S, N> for OfRequest<F>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        ctx: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> std::fmt::Result {
        let Some(id) = log_scope::request() else { return self.0.format_event(ctx, writer, event) };
        let mut line = String::new();
        self.0.format_event(ctx, Writer::new(&mut line), event)?;
        // An id is 1 to 64 of `[A-Za-z0-9._-]`: nothing of it needs to be escaped.
        match line.strip_prefix('{') {
            Some(fields) => write!(writer, "{{\"request_id\":\"{id}\",{fields}"),
            None => write!(writer, "[{id}] {line}"),
        }
    }
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

    #[derive(Clone, Default)]
    struct Kept(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn lines_name_their_request() {
        for json in [true, false] {
            let kept = Kept::default();
            let writer = kept.clone();
            let logger = tracing_subscriber::registry().with(lines(json, move || writer.clone()));
            tracing::subscriber::with_default(logger, || {
                let work =
                    log_scope::of_request("r-1".into(), async { tracing::warn!(n = 1, "said \"so\"") });
                futures_util::FutureExt::now_or_never(work).unwrap();
                tracing::warn!("of nobody");
            });
            let text = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
            let (of_request, of_nobody) = text.split_once('\n').unwrap();
            if json {
                let line: serde_json::Value = serde_json::from_str(of_request).unwrap();
                assert_eq!(
                    (&line["request_id"], &line["message"], &line["n"]),
                    (&"r-1".into(), &"said \"so\"".into(), &1.into())
                );
                let line: serde_json::Value = serde_json::from_str(of_nobody).unwrap();
                assert!(line.get("request_id").is_none(), "{line}");
            } else {
                assert!(
                    of_request.starts_with("[r-1] ") && of_request.contains("said \"so\""),
                    "{of_request}"
                );
                assert!(!of_nobody.contains('['), "{of_nobody}");
            }
        }
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        for text in ["inof", "hallpass=loud", "", "info,", "a=b=c"] {
            let error = filter(text).expect_err(text);
            assert!(error.contains("hallpass=debug,info"), "{error}");
        }
    }
}
