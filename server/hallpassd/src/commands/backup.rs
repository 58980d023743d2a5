//! `hallpassd backup`.
use std::path::Path;

use hallpass_client::bundle::system_bundle;

use super::dump::{Dump, dump};
use crate::compose::StartError;
use crate::config::Config;

/// Writes a consistent copy, also of a database that a server has open.
pub async fn run(config: &Config, to: &Path) -> Result<(), StartError> {
    let url = &config.database.url;
    let said = |e: &dyn std::fmt::Display| StartError(e.to_string());
    match hallpass_store::libpq_variables(url).map_err(|e| said(&e))? {
        None => hallpass_store::backup(url, to).await.map_err(|e| said(&e))?,
        Some(mut variables) => {
            let has = |wanted: &str| variables.iter().any(|(name, _)| *name == wanted);
            // libpq trusts nobody of itself, where our own connections trust whom the system does.
            let bundle = system_bundle().filter(|_| !has("PGSSLROOTCERT"));
            variables.extend(bundle.map(|file| ("PGSSLROOTCERT", file.display().to_string())));
            let wanted = Dump { variables, to: to.to_owned() };
            tokio::task::spawn_blocking(move || dump(&wanted)).await.map_err(|e| said(&e))??;
        }
    }
    super::say(&format!("Written: {}. The master key is not in it; keep that elsewhere.", to.display()));
    Ok(())
}
