//! `hallpassd check-config`.
use std::path::{Path, PathBuf};

use crate::compose::StartError;

/// Explains every mistake with file and line: all that `serve` would refuse.
pub fn run(
    file: Option<&PathBuf>,
    settings: &super::Settings,
    catalogue: Option<&Path>,
) -> Result<(), StartError> {
    let all =
        crate::config::serve::mistakes(file.map(PathBuf::as_path), std::env::vars(), &settings.overrides());
    let mut found: Vec<String> = all.iter().map(ToString::to_string).collect();
    if let Some(path) = catalogue {
        match std::fs::read_to_string(path) {
            Ok(text) => found.extend(
                hallpass_broker::admin::check_text(&text).iter().map(|m| format!("{}:{m}", path.display())),
            ),
            Err(error) => found.push(format!("{}: {error}", path.display())),
        }
    }
    if found.is_empty() {
        super::say("No mistakes found.");
        Ok(())
    } else {
        Err(StartError(found.join("\n")))
    }
}
