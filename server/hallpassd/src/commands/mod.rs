//! The server's commands, one file each.
pub mod audit;
pub mod backup;
pub mod check_config;
pub mod clock;
mod dump;
pub mod init;
pub mod keys;
pub mod migrate;
pub mod recover;
pub mod restored;
pub mod serve;

use std::io::Write as _;
use std::path::PathBuf;

use clap::Parser;

use crate::compose::{self, Composed, Given, Making, StartError};
use crate::config::{Config, Override};
use crate::demo::{self, DemoArgs};

/// Just-in-time, just-enough access: ask, approve, issue, end, and prove that it ended.
#[derive(Debug, Parser)]
#[command(name = "hallpassd", version, about, propagate_version = true)]
pub struct Cli {
    /// Configuration file (TOML); HALLPASSD_<SECTION>_<KEY> in the environment overrides it, flags override both
    #[arg(long, short, global = true, value_name = "FILE", env = "HALLPASSD_CONFIG")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Command,
}

/// Flags that override settings.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Settings {
    /// Address and port to listen on
    #[arg(long, value_name = "ADDR")]
    listen: Option<String>,
    /// External base URL
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// sqlite:PATH or postgres://…
    #[arg(long, value_name = "URL")]
    database: Option<String>,
    /// File with the master key (0600)
    #[arg(long, value_name = "FILE")]
    master_key_file: Option<PathBuf>,
    /// File for signed checkpoints of the audit log
    #[arg(long, value_name = "FILE")]
    checkpoint_file: Option<PathBuf>,
    /// File for removals that are made while the database is away, on a local disk
    #[arg(long, value_name = "FILE")]
    journal_file: Option<PathBuf>,
}

impl Settings {
    fn overrides(&self) -> Vec<Override> {
        let path = |p: &Option<PathBuf>| p.as_ref().map(|p| p.display().to_string());
        [
            ("server.listen", self.listen.clone()),
            ("server.base_url", self.base_url.clone()),
            ("database.url", self.database.clone()),
            ("keys.master_key_file", path(&self.master_key_file)),
            ("audit.checkpoint_file", path(&self.checkpoint_file)),
            ("database.journal_file", path(&self.journal_file)),
        ]
        .into_iter()
        .filter_map(|(k, v)| v.map(|v| (k, v)))
        .collect()
    }
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run the server
    Serve {
        #[command(flatten)]
        settings: Settings,
    },
    /// The whole story on this machine, on loopback, with people, mails and targets of its own
    #[command(args_conflicts_with_subcommands = true)]
    Demo {
        #[command(flatten)]
        args: DemoArgs,
        #[command(subcommand)]
        what: Option<DemoCommand>,
    },
    /// Make the master key and the database, and the first administrator where one is named
    Init {
        #[command(flatten)]
        settings: Settings,
        /// Mail address of the first administrator; without it the first start prints a claim secret for the browser
        #[arg(long, value_name = "ADDRESS", requires = "admin_password_file")]
        admin_email: Option<String>,
        /// File with the first administrator's password (0600)
        #[arg(long, value_name = "FILE", requires = "admin_email")]
        admin_password_file: Option<PathBuf>,
    },
    /// Explain mistakes in the configuration, and in a catalogue, with file and line
    CheckConfig {
        #[command(flatten)]
        settings: Settings,
        /// A catalogue file to check too
        #[arg(long, value_name = "FILE")]
        catalogue: Option<PathBuf>,
    },
    /// Bring the database's schema up to this version
    Migrate {
        #[command(flatten)]
        settings: Settings,
        /// Only show what is pending
        #[arg(long)]
        dry_run: bool,
    },
    /// Write a consistent copy of the database, while servers run, too
    Backup {
        #[command(flatten)]
        settings: Settings,
        /// File to write; must not exist
        #[arg(value_name = "FILE")]
        to: PathBuf,
    },
    /// New token keys, a new key of the audit log, a new master key
    Keys {
        #[command(subcommand)]
        what: KeysCommand,
    },
    /// The time that the server never goes behind
    Clock {
        #[command(subcommand)]
        what: ClockCommand,
    },
    /// What the audit log holds of people
    Audit {
        #[command(subcommand)]
        what: AuditCommand,
    },
    /// After a restored backup: look at what is known, and confirm it
    Restored {
        #[command(subcommand)]
        what: RestoredCommand,
    },
    /// Let somebody back in who lost the password or second factor; audited and mailed
    Recover {
        #[command(flatten)]
        settings: Settings,
        /// Mail address of the account
        email: String,
        /// Remove the second factor instead of giving a one-time password
        #[arg(long)]
        second_factor: bool,
    },
}

#[derive(Debug, clap::Subcommand)]
enum KeysCommand {
    /// Sign tokens with new keys from now on
    RotateTokens {
        #[command(flatten)]
        settings: Settings,
        /// Publish the old keys no more: they may be known to others
        #[arg(long)]
        drop_old: bool,
    },
    /// Sign the audit log's checkpoints with a new key from now on; the old one vouches for it
    RotateLog {
        #[command(flatten)]
        settings: Settings,
    },
    /// Put a new master key in front of the others in the key file
    NewMaster {
        #[command(flatten)]
        settings: Settings,
    },
    /// Seal everything again under the newest master key; it can be cut off and run again
    Rewrap {
        #[command(flatten)]
        settings: Settings,
        /// Every server that shares the database was restarted with the new key file (PostgreSQL)
        #[arg(long)]
        servers_restarted: bool,
    },
    /// Take the older master keys out of the file, once nothing is sealed under them
    DropOld {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, clap::Subcommand)]
enum ClockCommand {
    /// Take the mark back to the database's time, after a wrong jump left it in the future
    Reset {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, clap::Subcommand)]
enum AuditCommand {
    /// Erase a person's names, addresses and reasons beside the log's leaves; the log still verifies
    Erase {
        #[command(flatten)]
        settings: Settings,
        /// Mail address of the person, who must be disabled
        #[arg(long, value_name = "ADDRESS")]
        person: String,
    },
}

#[derive(Debug, clap::Subcommand)]
enum RestoredCommand {
    /// Say what is known, and what the targets have beyond the database
    Status {
        #[command(flatten)]
        settings: Settings,
    },
    /// Go on from this backup: issue again, remove what is due, handle accounts that the backup does not know
    Confirm {
        #[command(flatten)]
        settings: Settings,
    },
}

#[derive(Debug, clap::Subcommand)]
enum DemoCommand {
    /// Kill the server in the middle of live grants, start it past their end, and see the overdue list drain
    Crash {
        #[command(flatten)]
        args: DemoArgs,
    },
    /// Change one old audit row and see `audit verify` name it
    Tamper {
        #[command(flatten)]
        args: DemoArgs,
    },
    #[command(hide = true)]
    CrashVictim {
        #[command(flatten)]
        args: DemoArgs,
    },
}

/// A line on standard output: for people who started a command, never for logs.
pub fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}");
    let _ = out.flush();
}

fn load(path: Option<&PathBuf>, settings: &Settings) -> Result<Config, StartError> {
    crate::config::load(path.map(PathBuf::as_path), std::env::vars(), &settings.overrides())
        .map_err(|all| StartError(all.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")))
}

/// Runs a command line.
pub async fn run(cli: Cli) -> Result<(), StartError> {
    let file = cli.config.as_ref();
    match cli.command {
        Command::Demo { args, what } => {
            crate::logging::start("warn,hallpass::checkpoint=warn", false);
            match what {
                None => demo::run(args).await,
                Some(DemoCommand::Crash { args }) => demo::crash::run(args).await,
                Some(DemoCommand::Tamper { args }) => demo::tamper::run(args).await,
                Some(DemoCommand::CrashVictim { args }) => demo::crash::victim(args).await,
            }
        }
        Command::CheckConfig { settings, catalogue } => {
            check_config::run(file, &settings, catalogue.as_deref())
        }
        Command::Serve { settings } => with_log(load(file, &settings)?, serve::run).await,
        Command::Init { settings, admin_email, admin_password_file } => {
            let config = quietly(file, &settings)?;
            init::run(config, admin_email.as_deref().zip(admin_password_file.as_deref())).await
        }
        Command::Migrate { settings, dry_run } => migrate::run(&load(file, &settings)?, dry_run).await,
        Command::Backup { settings, to } => backup::run(&load(file, &settings)?, &to).await,
        Command::Keys { what } => match what {
            KeysCommand::RotateTokens { settings, drop_old } => {
                keys::rotate_tokens(quietly(file, &settings)?, drop_old).await
            }
            KeysCommand::RotateLog { settings } => keys::rotate_log(quietly(file, &settings)?).await,
            KeysCommand::NewMaster { settings } => keys::new_master(&quietly(file, &settings)?),
            KeysCommand::Rewrap { settings, servers_restarted } => {
                keys::rewrap(quietly(file, &settings)?, servers_restarted).await
            }
            KeysCommand::DropOld { settings } => keys::drop_old(quietly(file, &settings)?).await,
        },
        Command::Clock { what: ClockCommand::Reset { settings } } => {
            clock::reset(&quietly(file, &settings)?).await
        }
        Command::Audit { what: AuditCommand::Erase { settings, person } } => {
            audit::erase(quietly(file, &settings)?, &person).await
        }
        Command::Restored { what: RestoredCommand::Status { settings } } => {
            restored::status(quietly(file, &settings)?).await
        }
        Command::Restored { what: RestoredCommand::Confirm { settings } } => {
            restored::confirm(quietly(file, &settings)?).await
        }
        Command::Recover { settings, email, second_factor } => {
            recover::run(quietly(file, &settings)?, &email, second_factor).await
        }
    }
}

/// The configuration of a command that works on the store; only what goes wrong is logged.
fn quietly(file: Option<&PathBuf>, settings: &Settings) -> Result<Config, StartError> {
    let config = load(file, settings)?;
    crate::logging::start("warn", false);
    Ok(config)
}

/// The parts of a command that works on the store. On SQLite it must be the only one to do so.
async fn open(config: &Config, making: Making) -> Result<Composed, StartError> {
    let bound =
        config.server.listen.parse().map_err(|_| StartError("server.listen is not an address".to_owned()))?;
    compose::compose(config, &crate::config::base_url(config, bound), making, Given::default()).await
}

async fn with_log<F: Future<Output = Result<(), StartError>>>(
    config: Config,
    run: impl FnOnce(Config) -> F,
) -> Result<(), StartError> {
    crate::logging::start(&config.log.filter, config.log.json);
    run(config).await
}
