//! `hallpassd init`: master key and database, and the first administrator without a browser.
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::SecretString;

use super::{open, say};
use crate::compose::{Making, StartError};
use crate::config::Config;

/// Makes what a new installation needs; run again, it makes what is missing.
pub async fn run(config: Config, administrator: Option<(&str, &Path)>) -> Result<(), StartError> {
    // Read before anything is made: a wrong file leaves nothing behind.
    let administrator = administrator.map(|(email, file)| Ok((email, password(file)?))).transpose()?;
    let composed = open(&config, Making::Allowed).await?;
    let broker = &composed.broker;
    if let Some((email, password)) = &administrator {
        broker.init_administrator(email, password).await.map_err(|r| StartError(r.message))?;
        say(&format!("{email} is the first administrator of {}.", broker.settings.base_url));
    }
    say(&format!(
        "The master key is {}. Keep a copy away from the database's backups: without it they cannot be opened.",
        std::path::absolute(&config.keys.master_key_file)
            .unwrap_or_else(|_| config.keys.master_key_file.clone())
            .display()
    ));
    say(match administrator {
        Some(_) => {
            "Next: hallpassd serve, sign in, set up a second factor, then hallpass admin apply -f catalogue.toml."
        }
        None => {
            "Next: hallpassd serve. It prints a claim secret; whoever opens /first-run with it within the hour is the first administrator."
        }
    });
    Ok(())
}

fn password(file: &Path) -> Result<SecretString, StartError> {
    let told = |e: std::io::Error| StartError(format!("{}: {e}", file.display()));
    let mode = std::fs::metadata(file).map_err(told)?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(StartError(format!("{}: others may read it; chmod 600 it first", file.display())));
    }
    let text = std::fs::read_to_string(file).map_err(told)?;
    Ok(SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned()))
}
