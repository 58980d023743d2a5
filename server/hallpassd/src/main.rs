//! `hallpassd`: see `hallpassd --help`.
use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;
use hallpassd::commands::{Cli, run};

#[tokio::main]
async fn main() -> ExitCode {
    hallpassd::compose::tls::install_provider();
    match run(Cli::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "hallpassd: {error}");
            ExitCode::FAILURE
        }
    }
}
