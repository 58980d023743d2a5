//! `hallpassd backup`.
use std::path::Path;

use hallpass_store::Schema;

use crate::compose::StartError;
use crate::config::Config;

/// Writes a consistent copy.
pub async fn run(config: &Config, to: &Path) -> Result<(), StartError> {
    let store = hallpass_store::open(&config.database.url, Schema::Expect)
        .await
        .map_err(|e| StartError(e.to_string()))?;
    store.backup(to).await.map_err(|e| StartError(e.to_string()))?;
    super::say(&format!("Written: {}. The master key is not in it; keep that elsewhere.", to.display()));
    Ok(())
}
