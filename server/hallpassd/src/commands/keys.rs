//! `hallpassd keys`: new token keys, a new key of the audit log, a new master key.
use hallpass_adapters::sealing;

use super::{open, say};
use crate::compose::keys::{MASTER_KEY_VARIABLE, Rotate, rotate_token_keys};
use crate::compose::{Making, StartError, log_key, rewrap};
use crate::config::Config;

/// Gives token keys their successors at once.
pub async fn rotate_tokens(config: Config, drop_old: bool) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    let broker = &composed.broker;
    let how = if drop_old { Rotate::DropOld } else { Rotate::Now };
    rotate_token_keys(broker.store.as_ref(), &composed.sealer, &composed.keys, how, broker.now()).await?;
    say(if drop_old {
        "New keys sign tokens now. The old ones are not published any more: what they signed fails wherever the key set is read again, and introspection answers as before."
    } else {
        "New keys sign tokens in five seconds. The old ones stay published until the last token that they signed has expired."
    });
    if composed.store.is_shared() {
        say("Running servers publish the new keys within seconds.");
    }
    Ok(())
}

/// Signs the audit log's checkpoints with a new key from now on.
pub async fn rotate_log(config: Config) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    let rotated = log_key::rotate(&composed).await?;
    say("A new key signs the audit log's checkpoints now. Its verifier key:");
    say(&rotated.now);
    say(&format!("The one before, which signs nothing any more:\n{}", rotated.before));
    say(&format!(
        "Auditors keep the old key, add the new one (hallpass audit vkey >> log.vkey), and verify with both. The new one is vouched for by event {} (key.log_announced), which a checkpoint signed with the old key covers: hallpass audit verify says so.",
        rotated.announced
    ));
    say(&format!("That checkpoint, for auditors who do not have it yet:\n\n{}", rotated.vouching));
    if composed.store.is_shared() {
        say("Running servers take the new key up within seconds.");
    }
    if let Some(why) = rotated.unpublished {
        say(&format!(
            "No checkpoint by the new key got out yet: {why} A server that runs goes on with that."
        ));
    }
    Ok(())
}

/// Puts a new master key in front of the others in the file.
pub fn new_master(config: &Config) -> Result<(), StartError> {
    refuse_environment()?;
    let path = &config.keys.master_key_file;
    let keys = sealing::add_to_file(path).map_err(|e| StartError(e.to_string()))?;
    say(&format!("{} now begins with a new key ({}).", path.display(), keys.newest().id()));
    say("Next: give this file to every server, restart them, then run: hallpassd keys rewrap");
    Ok(())
}

/// Seals everything again under the newest master key.
pub async fn rewrap(config: Config, servers_restarted: bool) -> Result<(), StartError> {
    let composed = open(&config, Making::Refused).await?;
    if composed.store.is_shared() && !servers_restarted {
        return Err(StartError("servers that run with the old key file could not open what is sealed under the new key. Give every server the new file, restart it, and say so with --servers-restarted".to_owned()));
    }
    let broker = &composed.broker;
    let done = rewrap::run(broker.store.as_ref(), &composed.sealer, broker.now()).await?;
    say(&format!(
        "{done} values are sealed again; everything is under key {}.",
        composed.sealer.keys().newest().id()
    ));
    if composed.sealer.keys().count() > 1 {
        say(
            "The older keys open older backups only: keep them with those, and take them out of the file with: hallpassd keys drop-old",
        );
    }
    Ok(())
}

/// Leaves only the newest master key in the file.
pub async fn drop_old(config: Config) -> Result<(), StartError> {
    refuse_environment()?;
    let composed = open(&config, Making::Refused).await?;
    if !rewrap::is_finished(composed.broker.store.as_ref(), &composed.sealer).await? {
        return Err(StartError(
            "something is still sealed under an older key: run hallpassd keys rewrap first".to_owned(),
        ));
    }
    let keys = sealing::keep_newest(&config.keys.master_key_file).map_err(|e| StartError(e.to_string()))?;
    say(&format!("{} holds key {} alone.", config.keys.master_key_file.display(), keys.newest().id()));
    Ok(())
}

fn refuse_environment() -> Result<(), StartError> {
    if std::env::var_os(MASTER_KEY_VARIABLE).is_some() {
        return Err(StartError(format!(
            "the master key is in the variable {MASTER_KEY_VARIABLE}, which is changed where it is set: put the new key in front of the old one, with a space between"
        )));
    }
    Ok(())
}
