//! New secrets of OAuth clients: they leave the server once, so they go to a place where they stay.
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use clap::Args;
use hallpass_client::wire::admin::NewClient;

use crate::ctx::Ctx;
use crate::failure::Failure;
use crate::out::{self, safe};

/// Where new secrets go.
#[derive(Args)]
pub(crate) struct SecretsArgs {
    /// Write new client secrets to files in this folder, named by client id, instead of to stdout
    #[arg(long, value_name = "DIR")]
    pub(super) secrets_dir: Option<PathBuf>,
}

impl SecretsArgs {
    /// Makes the folder where it is missing and tries to write there, before the server makes a secret that has no other place.
    pub(super) fn ready(&self) -> Result<(), Failure> {
        let Some(folder) = &self.secrets_dir else { return Ok(()) };
        let probe = folder.join(format!(".hallpass-{}", uuid::Uuid::new_v4().simple()));
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .and_then(|()| std::fs::OpenOptions::new().write(true).create_new(true).open(&probe))
            .and_then(|_| std::fs::remove_file(&probe))
            .map_err(|error| {
                Failure::usage("secrets_dir", format!("{} cannot be written to: {error}", folder.display()))
                    .next("name a folder of yours; nothing was changed on the server")
            })
    }
}

/// New secrets, which are never shown again: into files, else to stdout. Written to files they are taken out of the answer.
pub(super) fn hand_over(ctx: &Ctx, made: &mut [NewClient], folder: Option<&Path>) -> Result<(), Failure> {
    for client in made {
        let Some(secret) = client.client_secret.clone().filter(|secret| safe::is_plain_secret(secret)) else {
            continue;
        };
        match folder {
            Some(folder) => {
                let path = folder.join(safe::file_name(&client.client_id));
                write_new(&path, &secret)?;
                client.client_secret = None;
                ctx.say(&format!(
                    "The secret of {} is in {}, readable only by you.",
                    client.client_id,
                    path.display()
                ));
            }
            None if ctx.is_for_people() => {
                ctx.say(&format!("The secret of {}, shown this once:", client.client_id));
                out::write(format!("{}\t{secret}\n", safe::line(&client.client_id)).as_bytes())?;
            }
            None => {}
        }
    }
    Ok(())
}

/// Writes a secret to a new file that only its owner can read.
fn write_new(path: &Path, secret: &str) -> Result<(), Failure> {
    let mut options = std::fs::OpenOptions::new();
    let file = options.write(true).create(true).truncate(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        writeln!(file, "{secret}")
    });
    // The secret exists nowhere else: said before anything is lost.
    written.map_err(|error| {
        Failure::local(
            &format!(
                "{} cannot be written; make a new secret with: hallpass admin rotate-secret",
                path.display()
            ),
            &error,
        )
    })
}
