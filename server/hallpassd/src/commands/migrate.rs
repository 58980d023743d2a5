//! `hallpassd migrate`.
use crate::compose::StartError;
use crate::config::Config;

/// Runs pending migrations, or shows them.
pub async fn run(config: &Config, dry_run: bool) -> Result<(), StartError> {
    let names = if dry_run {
        hallpass_store::pending(&config.database.url).await
    } else {
        hallpass_store::migrate(&config.database.url).await
    }
    .map_err(|e| StartError(e.to_string()))?;
    match (names.is_empty(), dry_run) {
        (true, _) => super::say("The schema is current."),
        (false, true) => super::say(&format!("Pending: {}", names.join(", "))),
        (false, false) => super::say(&format!("Migrated: {}", names.join(", "))),
    }
    Ok(())
}
