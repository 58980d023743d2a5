//! `hallpassd check-config`.
use std::path::{Path, PathBuf};

use crate::compose::StartError;

/// Explains every mistake with file and line.
pub fn run(
    file: Option<&PathBuf>,
    settings: &super::Settings,
    catalogue: Option<&Path>,
) -> Result<(), StartError> {
    let mut found = Vec::new();
    if let Err(all) = crate::config::load(file.map(PathBuf::as_path), std::env::vars(), &settings.overrides())
    {
        found.extend(all.iter().map(ToString::to_string));
    }
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
