//! `hallpassd audit erase`: a person's names, addresses and reasons beside the log's leaves.
use super::{open, say};
use crate::compose::{Making, StartError};
use crate::config::Config;

/// Erases them.
pub async fn erase(config: Config, email: &str) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    let erased = composed.broker.erase_person(email).await.map_err(|r| StartError(r.message))?;
    say(&format!(
        "{erased} events have lost their private parts. The log verifies as before, and says of each that it was erased. Backups, exports and mails that were made before still have them."
    ));
    Ok(())
}
