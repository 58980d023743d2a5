//! Everything that the servers of this process log, kept so that tests can look for what must not be in it.
use std::io::Write;
use std::sync::{Mutex, Once, PoisonError};

use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::prelude::*;

static LINES: Mutex<Vec<u8>> = Mutex::new(Vec::new());
static STARTED: Once = Once::new();

struct Keep;

impl Write for Keep {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LINES.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

struct Kept;

impl MakeWriter<'_> for Kept {
    type Writer = Keep;
    fn make_writer(&self) -> Keep {
        Keep
    }
}

/// Starts keeping, once a process; more is kept than a server logs.
pub fn keep() {
    STARTED.call_once(|| {
        let filter = std::env::var("HALLPASS_TEST_LOG").unwrap_or_else(|_| "debug,hallpass=trace".to_owned());
        let filter = hallpassd::logging::filter(&filter).expect("a filter");
        let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(Kept);
        let lines = lines.map_event_format(hallpassd::logging::OfRequest).with_filter(filter);
        let _ = tracing_subscriber::registry().with(lines).try_init();
    });
}

/// How much there is: a mark to look from.
pub fn mark() -> usize {
    LINES.lock().unwrap_or_else(PoisonError::into_inner).len()
}

/// What was logged since a mark.
pub fn since(mark: usize) -> String {
    let lines = LINES.lock().unwrap_or_else(PoisonError::into_inner);
    String::from_utf8_lossy(lines.get(mark..).unwrap_or_default()).into_owned()
}
