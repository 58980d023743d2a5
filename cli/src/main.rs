//! `hallpass`: ask for access, decide on it, fetch what it gives, and end it, from a terminal or a script.
//!
//! Data goes to stdout, talk goes to stderr. `docs/cli.md` is the guide, `help exit-codes` and `help environment` the
//! short form.
mod args;
mod clock;
mod commands;
mod ctx;
mod failure;
mod out;
mod settings;
mod sign_in;
mod term;
mod view;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

use crate::args::{Cli, Command};
use crate::ctx::Ctx;
use crate::failure::{Exit, Failure};
use crate::settings::Settings;

fn main() -> ExitCode {
    // One TLS provider, chosen before anything can choose another.
    drop(rustls::crypto::ring::default_provider().install_default());
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            drop(error.print());
            return ExitCode::from(if error.use_stderr() { Exit::Usage.code() } else { Exit::Ok.code() });
        }
    };
    let json = cli.global.json;
    let ctx = match Settings::read(&cli.global) {
        Ok(settings) => Ctx::new(settings),
        Err(failure) => return failed(&failure, json),
    };
    let json = ctx.settings.format == out::Format::Json;
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return failed(
                &Failure::new(Exit::Failed, "runtime", format!("The program cannot start: {error}.")),
                json,
            );
        }
    };
    let result = runtime.block_on(perform(&ctx, cli.command));
    // A prompt that nobody answered must not hold the program back.
    runtime.shutdown_background();
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => failed(&failure, json),
    }
}

/// Runs the command; Ctrl-C ends it at any moment, except under `run`, which hands signals on to its child.
async fn perform(ctx: &Ctx, command: Command) -> Result<u8, Failure> {
    if let Command::Run(args) = command {
        return Ok(commands::run::run(ctx, args).await);
    }
    tokio::select! {
        biased;
        interrupted = tokio::signal::ctrl_c() => {
            let message = if interrupted.is_ok() { "Interrupted." } else { "Signals cannot be received." };
            let mut failure = Failure::new(Exit::Interrupted, "interrupted", message);
            failure.next = ctx.resume.borrow().clone();
            Err(failure)
        }
        done = commands::perform(ctx, command) => done.map(|()| Exit::Ok.code()),
    }
}

/// Says what went wrong and gives the exit code.
fn failed(failure: &Failure, json: bool) -> ExitCode {
    let mut err = std::io::stderr().lock();
    drop(err.write_all(failure.render(json).as_bytes()));
    ExitCode::from(failure.exit.code())
}
