//! `hallpassd init`: master key, database and first administrator, without a browser.
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use secrecy::SecretString;

use crate::compose::{self, Given, Making, StartError};
use crate::config::{self, Config};

/// Makes what a new installation needs.
pub async fn run(config: Config, email: &str, password_file: &Path) -> Result<(), StartError> {
    let mode = std::fs::metadata(password_file)
        .map_err(|e| StartError(format!("{}: {e}", password_file.display())))?
        .permissions()
        .mode();
    if mode & 0o077 != 0 {
        return Err(StartError(format!(
            "{}: others may read it; chmod 600 it first",
            password_file.display()
        )));
    }
    let text = std::fs::read_to_string(password_file)
        .map_err(|e| StartError(format!("{}: {e}", password_file.display())))?;
    let password = SecretString::from(text.trim_end_matches(['\r', '\n']).to_owned());
    let bound =
        config.server.listen.parse().map_err(|_| StartError("server.listen is not an address".to_owned()))?;
    let base_url = config::base_url(&config, bound);
    let composed = compose::compose(&config, &base_url, Making::Allowed, Given::default()).await?;
    composed.broker.init_administrator(email, &password).await.map_err(|r| StartError(r.message))?;
    super::say(&format!("{email} is the first administrator of {base_url}."));
    super::say(&format!(
        "The master key is {}. Keep a copy away from the database's backups: without it they cannot be opened.",
        config.keys.master_key_file.display()
    ));
    super::say(
        "Next: hallpassd serve, sign in, set up a second factor, then hallpass admin apply -f catalogue.toml.",
    );
    Ok(())
}
