//! Load on the hot paths: server CPU per request, relative to a bare actix-web endpoint measured in the same run.
//!
//! `cargo run --release -p hallpass-benches -- run --tokens 1000000` starts a bare server and a Hallpass server as
//! processes of their own, drives them in turn from this one, and prints medians of several samples. CPU is what the
//! kernel counted for the server's process; requests that were not answered as they should be are counted apart.
mod drive;
mod serve;

use clap::Parser;

/// Load on the hot paths.
#[derive(Parser)]
enum Cli {
    /// Measure everything
    Run(drive::Args),
    /// The bare endpoint
    #[command(hide = true)]
    Hello,
    /// A Hallpass server with tokens in its store
    #[command(hide = true)]
    Hallpass(serve::Args),
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    hallpassd::compose::tls::install_provider();
    match Cli::parse() {
        Cli::Run(args) => drive::run(&args).await,
        Cli::Hello => serve::hello().await,
        Cli::Hallpass(args) => serve::hallpass(args).await,
    }
}
