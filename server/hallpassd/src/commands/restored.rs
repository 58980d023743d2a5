//! `hallpassd restored`: what is known of a restored backup, and an operator's yes to it.
use hallpass_broker::restored::{Restored, Unknown};

use super::{open, say};
use crate::compose::{Making, StartError};
use crate::config::Config;

/// Says what is known.
pub async fn status(config: Config) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    let Some(restored) = composed.broker.restored_waiting().await.map_err(|r| StartError(r.message))? else {
        say("This database is not known as a restored backup: nothing waits for a confirmation.");
        return Ok(());
    };
    tell(&restored);
    unknown(&composed.broker.unknown_at_targets().await.map_err(|r| StartError(r.message))?);
    say("Confirm with: hallpassd restored confirm");
    Ok(())
}

/// Ends observe-only.
pub async fn confirm(config: Config) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    let seen = composed.broker.unknown_at_targets().await.map_err(|r| StartError(r.message))?;
    let restored = composed.broker.confirm_restored().await.map_err(|r| StartError(r.message))?;
    unknown(&seen);
    say(
        "Confirmed. What is due is removed as soon as the server runs, and what the targets have beyond the database is handled as unknown accounts.",
    );
    if !restored.clients.is_empty() {
        say(&format!("These clients need a new secret: {}", restored.clients.join(", ")));
    }
    Ok(())
}

fn tell(restored: &Restored) {
    say(&restored.why);
    say(&format!("Noticed:     {}", restored.since.format("%Y-%m-%d %H:%M:%S UTC")));
    say(&format!("Shown by:    {}", restored.found_in));
    say(&format!("Log before:  {} (key {})", restored.origin_before, restored.vkey_before));
    say(&format!("Log now:     {}", restored.origin));
    if !restored.clients.is_empty() {
        say(&format!("New secrets: {} need one", restored.clients.join(", ")));
    }
}

fn unknown(all: &[Unknown]) {
    for target in all {
        match &target.accounts {
            Err(why) => say(&format!("{}: cannot be looked at: {why}", target.target)),
            Ok(accounts) if accounts.is_empty() => {
                say(&format!("{}: has no account of ours that the database does not know", target.target));
            }
            Ok(accounts) => say(&format!(
                "{}: has accounts of ours that the database does not know: {}",
                target.target,
                accounts.join(", ")
            )),
        }
    }
}
