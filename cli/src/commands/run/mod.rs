//! `hallpass run ROLE -- COMMAND`: the command runs with the credentials of a role, and with nothing of them left afterwards.
//!
//! | file | what changes it |
//! |---|---|
//! | `access.rs` | which credential, and what the command finds in its environment |
//! | `authorities.rs` | by whose word a database's certificate is believed |
//! | `files.rs` | the private folder for secrets, and sweeping what a crash left |
//! | `passfile.rs` | PostgreSQL's password file |
//! | `child.rs` | process group, terminal, waiting |
//! | `watch.rs` | the grant's end: warnings, stopping, fresh tokens |
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use hallpass_client::api::new_key;

use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::out::Format;
use crate::settings::path_var;

mod access;
mod authorities;
mod child;
mod files;
pub(super) mod passfile;
mod watch;

/// What the command finds, said below the options.
const FINDS: &str = "\
The command finds in its environment
  HALLPASS_ACTIVE, HALLPASS_EXPIRES_AT   the role, the end of the grant
  HALLPASS_ACCESS_TOKEN                  roles that give tokens: the token at the start
  HALLPASS_ACCESS_TOKEN_FILE             … a file that always holds one that works
  PGHOST, PGUSER, PGPASSFILE and so on   roles that give PostgreSQL logins: psql and others just work

Its exit code is given on; 124: the grant ended and it was stopped, 125 to 127: it was not run.

  hallpass run db-read -- psql
  hallpass run billing-read -- sh -c 'curl -H \"Authorization: Bearer $HALLPASS_ACCESS_TOKEN\" https://…'";

/// Arguments.
#[derive(Args)]
#[command(after_help = FINDS)]
pub(crate) struct RunArgs {
    /// Name of the role
    role: String,
    /// What happens to the command when the grant ends
    #[arg(long, value_name = "WHAT", default_value = "term")]
    on_expiry: OnExpiry,
    /// Keep the token out of the environment, which other processes of yours can read: only its file is named
    #[arg(long)]
    file_secrets: bool,
    /// End the grant when the command is done
    #[arg(long)]
    end: bool,
    /// The command and its arguments
    #[arg(last = true, required = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

/// Longest wait for the server to end the grant after the command.
const ENDING: std::time::Duration = std::time::Duration::from_secs(10);

/// What happens when the grant ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OnExpiry {
    /// SIGTERM, ten seconds later SIGKILL; exit code 124
    Term,
    /// Only say so
    Warn,
}

/// Runs; the exit code is the command's own, or one of 124 to 127.
pub(crate) async fn run(ctx: &Ctx, args: RunArgs) -> u8 {
    match go(ctx, args).await {
        Ok(code) => code,
        Err(mut failure) => {
            if !matches!(failure.exit, Exit::CannotExec | Exit::NoCommand | Exit::Interrupted) {
                failure.exit = Exit::Own;
            }
            crate::term::say(failure.render(ctx.settings.format == Format::Json).trim_end());
            failure.exit.code()
        }
    }
}

async fn go(ctx: &Ctx, args: RunArgs) -> Result<u8, Failure> {
    let (name, arguments) =
        args.command.split_first().ok_or_else(|| Failure::usage("no_command", "Name a command after --"))?;
    // Nothing is issued for a command that does not exist.
    let program = find(name)?;
    files::sweep();
    let mut prepared = tokio::select! {
        prepared = access::prepare(ctx, &args.role, args.file_secrets) => prepared?,
        _ = tokio::signal::ctrl_c() => return Err(Failure::new(Exit::Interrupted, "interrupted", "Interrupted")),
    };
    let mut command = std::process::Command::new(&program);
    {
        use std::os::unix::process::CommandExt as _;
        command.arg0(name);
    }
    command.args(arguments);
    for name in prepared.unset {
        command.env_remove(name);
    }
    command.envs(prepared.variables.iter().map(|(name, value)| (name, value)));
    let signals = watch::forwarded();
    let child = child::Child::spawn(command).map_err(|error| cannot_exec(&program, &error))?;
    let outcome = watch::until_done(ctx, &mut prepared, child, signals, args.on_expiry).await;
    // The files go before anything else can fail.
    drop(prepared.folder);
    if let (Some(grant), true) = (&prepared.grant, args.end) {
        let key = new_key();
        let ended = tokio::time::timeout(ENDING, prepared.client.end(&grant.id, &key)).await;
        let why = match ended {
            Ok(Ok(_)) => None,
            Ok(Err(error)) => Some(error.to_string()),
            Err(_) => Some("the server did not answer".to_owned()),
        };
        if let Some(why) = why {
            ctx.say(&format!(
                "The grant could not be ended: {why}. It ends by itself; hallpass end {} tries again.",
                args.role
            ));
        }
    }
    Ok(outcome)
}

fn cannot_exec(program: &Path, error: &std::io::Error) -> Failure {
    let exit = if error.kind() == std::io::ErrorKind::NotFound { Exit::NoCommand } else { Exit::CannotExec };
    Failure::new(exit, "cannot_exec", format!("{} cannot be executed: {error}", program.display()))
}

/// Finds the program as a shell would, without a shell.
fn find(name: &OsString) -> Result<PathBuf, Failure> {
    let path = Path::new(name);
    let places: Vec<PathBuf> = if path.components().count() > 1 || path.is_absolute() {
        vec![path.to_owned()]
    } else {
        let search = path_var("PATH").unwrap_or_else(|| PathBuf::from("/usr/local/bin:/usr/bin:/bin"));
        std::env::split_paths(&search).map(|folder| folder.join(path)).collect()
    };
    let mut found_other = None;
    for place in places {
        use std::os::unix::fs::PermissionsExt as _;
        match std::fs::metadata(&place) {
            Ok(meta) if meta.is_file() && meta.permissions().mode() & 0o111 != 0 => return Ok(place),
            Ok(_) => found_other = Some(place),
            Err(_) => {}
        }
    }
    match found_other {
        Some(place) => Err(Failure::new(
            Exit::CannotExec,
            "cannot_exec",
            format!("{} is not a program that can be executed", place.display()),
        )),
        None => Err(Failure::new(
            Exit::NoCommand,
            "no_command",
            format!("There is no command {}", path.display()),
        )),
    }
}
