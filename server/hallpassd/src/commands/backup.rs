//! `hallpassd backup`.
use std::path::Path;

use crate::compose::StartError;
use crate::config::Config;

/// Writes a consistent copy, also of a database that a server has open.
pub async fn run(config: &Config, to: &Path) -> Result<(), StartError> {
    hallpass_store::backup(&config.database.url, to).await.map_err(|e| StartError(e.to_string()))?;
    super::say(&format!("Written: {}. The master key is not in it; keep that elsewhere.", to.display()));
    Ok(())
}
